"""Output as a user meets it: a terminal, log files, `liteyuki logs`."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import DEADLINE, MainProcess, resident_kib, wait_until

pytestmark = pytest.mark.end_to_end


def write_settings(directory: Path, processes: dict[str, str], more: str = "") -> None:
    """A project whose processes run these Python programs."""
    tables = "".join(
        f"[processes.{name}]\ncommand = [{sys.executable!r}, '-u', {name + '.py'!r}]\n" for name in processes
    )
    (directory / "liteyuki.toml").write_text(f"{more}\n{tables}")
    for name, code in processes.items():
        (directory / f"{name}.py").write_text(code)


def run_main(directory: Path) -> MainProcess:
    return MainProcess([sys.executable, "-m", "liteyuki", "run"], directory, {})


def logs(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liteyuki", "logs", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


# --- a terminal

SIZES = """
import os, signal, sys
def say(*_):
    print("size", tuple(os.get_terminal_size(sys.stdout.fileno())), sys.stdout.isatty(), flush=True)
signal.signal(signal.SIGWINCH, say)
say()
while True:
    signal.pause()
"""


class Terminal:
    """A pseudo-terminal, and a main process that has it."""

    def __init__(self, directory: Path) -> None:
        self.screen = ""
        self._handle, child = pty.openpty()
        self.resize(80, 24)
        command = [sys.executable, "-m", "liteyuki", "run"]
        self.main = subprocess.Popen(command, cwd=directory, stdin=child, stdout=child, stderr=child)
        os.close(child)

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._handle, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def wait_for(self, pattern: str) -> re.Match[str]:
        end = time.monotonic() + DEADLINE
        while not (found := re.search(pattern, self.screen)):
            readable, _, _ = select.select([self._handle], [], [], max(0.0, end - time.monotonic()))
            assert readable, self.screen
            self.screen += os.read(self._handle, 65536).decode("utf-8", "replace")
        return found

    def close(self) -> None:
        self.main.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal's way to say that its last user has gone
            while data := os.read(self._handle, 65536):
                self.screen += data.decode("utf-8", "replace")
        assert self.main.wait(DEADLINE) == 0
        os.close(self._handle)


def test_a_child_has_a_terminal_that_follows_the_size_of_ours(tmp_path: Path) -> None:
    write_settings(tmp_path, {"sizes": SIZES})
    terminal = Terminal(tmp_path)
    try:
        terminal.wait_for(r"size \(80, 24\) True")
        terminal.resize(132, 43)
        # It is not the main process's controlling terminal here, so the kernel does not report the change.
        terminal.main.send_signal(signal.SIGWINCH)
        terminal.wait_for(r"size \(132, 43\) True")
    finally:
        terminal.close()


def test_names_are_coloured_in_a_terminal_and_colours_do_not_reach_the_file(tmp_path: Path) -> None:
    code = r"print('\x1b[31mred\x1b[0m', flush=True); import time; time.sleep(3600)"
    write_settings(tmp_path, {"one": code, "other": code})
    terminal = Terminal(tmp_path)
    try:
        terminal.wait_for("\x1b\\[\\d+mone   \\| \x1b\\[0m\x1b\\[31mred\x1b\\[0m\r?\n")
        terminal.wait_for("\x1b\\[\\d+mother \\| \x1b\\[0m\x1b\\[31mred\x1b\\[0m\r?\n")
    finally:
        terminal.close()
    assert (tmp_path / ".liteyuki" / "logs" / "one.log").read_text() == "red\n"
    assert "\x1b" not in (tmp_path / ".liteyuki" / "logs" / "liteyuki.log").read_text()


# --- a flood

FLOOD = """
import os, time
for number in range(120_000):
    if number == 20_000:
        while not os.path.exists("go"):
            time.sleep(0.01)
    os.write(1, b"line %06d of a flood, about as long as those of a log are\\n" % number)
print("done")
while True:
    time.sleep(3600)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of another process")
def test_a_flood_loses_nothing_and_leaves_nothing_in_memory(tmp_path: Path) -> None:
    write_settings(tmp_path, {"flood": FLOOD})
    with run_main(tmp_path) as main:
        wait_until(lambda: main.lines and main.lines[-1].startswith("line 019999 "), "the first lines")
        before = resident_kib(main.pid)
        (tmp_path / "go").touch()
        # Not `wait_for`, which would be too slow a reader for such a flood.
        wait_until(lambda: main.lines[-1] == "done", "the last line", 60.0)
        growth = resident_kib(main.pid) - before
        assert main.stop() == 0
    expected = [f"line {number:06d} of a flood, about as long as those of a log are" for number in range(120_000)]
    assert [line for line in main.lines if line.startswith("line ")] == expected
    content = (tmp_path / ".liteyuki" / "logs" / "flood.log").read_text()
    assert content.splitlines() == [*expected, "done"]
    print(f"growth: {growth} KiB")
    assert growth < 1024


# --- `liteyuki logs`

TICKS = """
import os, time
for number in range(3000):
    os.write(1, b"tick %d\\n" % number)
    if number == 999:
        while not os.path.exists("go"):
            time.sleep(0.01)
    if number % 100 == 0:
        time.sleep(0.05)
while True:
    time.sleep(3600)
"""


SMALL_FILES = 'log_files = { max_size = "8 KiB", count = 3 }'


def test_the_last_lines_over_rotated_files_and_after_the_end(tmp_path: Path) -> None:
    write_settings(tmp_path, {"ticks": TICKS, "quiet": "import time; time.sleep(3600)"}, SMALL_FILES)
    (tmp_path / "go").touch()
    with run_main(tmp_path) as main:
        main.wait_for("tick 2999")
        wait_until(lambda: "tick 2999\n" in logs(tmp_path).stdout, "the last line in the file")
        assert main.stop() == 0
    for count in (1, 20, 500):
        expected = "".join(f"tick {number}\n" for number in range(3000 - count, 3000))
        assert logs(tmp_path, "ticks", "-n", str(count)).stdout == expected
    assert logs(tmp_path).stdout == logs(tmp_path, "-n", "20").stdout
    assert re.search("ticks：已启动", logs(tmp_path, "liteyuki").stdout)
    files = sorted((tmp_path / ".liteyuki" / "logs").glob("ticks.log*"))
    assert [file.name for file in files] == ["ticks.log", "ticks.log.1", "ticks.log.2"]
    assert all(file.stat().st_size <= 8192 for file in files)
    quiet = logs(tmp_path, "quiet")
    assert (quiet.returncode, quiet.stdout) == (0, "")
    assert "quiet 还没有日志" in quiet.stderr
    unknown = logs(tmp_path, "unknown")
    assert unknown.returncode == 1
    assert "ticks, quiet, liteyuki" in unknown.stderr
    assert logs(tmp_path, "-n", "9" * 20).returncode == 2


class Following:
    """`liteyuki logs -f`, read by a thread."""

    def __init__(self, directory: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "liteyuki", "logs", "-f", *arguments]
        self.output = ""
        self.process = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.output += data.decode()

    def wait_for(self, what: Callable[[str], bool]) -> None:
        wait_until(lambda: what(self.output), "the lines that are followed")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DEADLINE)
        self._thread.join(DEADLINE)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def test_following_goes_on_over_rotations_and_a_new_main_process(tmp_path: Path) -> None:
    write_settings(tmp_path, {"ticks": TICKS}, 'log_files = { max_size = "8 KiB", count = 9 }')
    following = Following(tmp_path, "ticks", "-n", "100000")
    try:
        with run_main(tmp_path) as main:
            following.wait_for(lambda output: "tick 999\n" in output)
            (tmp_path / "go").touch()
            following.wait_for(lambda output: "tick 2999\n" in output)
            assert main.stop() == 0
        with run_main(tmp_path) as main:
            following.wait_for(lambda output: output.count("tick 2999\n") == 2)
            assert main.stop() == 0
    finally:
        code = following.stop()
    assert code == 0
    expected = "".join(f"tick {number}\n" for number in range(3000))
    assert following.output == expected * 2


def test_a_reader_that_stops_gets_no_traceback(tmp_path: Path) -> None:
    directory = tmp_path / ".liteyuki" / "logs"
    directory.mkdir(parents=True)
    (directory / "nonebot.log").write_text("a line\n" * 200_000)
    command = f"{sys.executable} -m liteyuki logs -n 200000 | head -n 1"
    ended = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, capture_output=True, timeout=DEADLINE
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"a line\n", b"")
