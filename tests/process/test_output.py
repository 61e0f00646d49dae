"""The output of real children, on its way to a console and to log files that are slow, full, or stuck."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from harness import DEADLINE
from liteyuki.comm.broker import MainBroker
from liteyuki.comm.registry import replaced_registry
from liteyuki.log import configure
from liteyuki.supervise import (
    Backoff,
    LogFiles,
    ProcessSpec,
    Program,
    ProgramKind,
    RequestServer,
    RestartMode,
    Supervisor,
)
from liteyuki.supervise.output import OWN_LOG, Console, LogWriter, OwnLog

ROOT = Path(__file__).parents[2]
FLOOD = "import os\nfor n in range({0}): os.write(1, b'line %d ' % n + b'x' * {1} + b'\\n')\n"


def flooded(number: int) -> bytes:
    """A line of a flood, with 50 letters."""
    return b"line %d %s\n" % (number, b"x" * 50)


def python(name: str, code: str, restart: RestartMode = RestartMode.NEVER) -> ProcessSpec:
    """A child that runs `code`, once unless told otherwise."""
    program = Program(ProgramKind.COMMAND, (sys.executable, "-u", "-c", code))
    return ProcessSpec(name=name, program=program, cwd=ROOT, restart=restart, backoff=Backoff(base=0.01, max=0.02))


class Run:
    """A supervisor that runs, its console's other end, and its log files."""

    def __init__(self, supervisor: Supervisor, writer: LogWriter, read_end: int) -> None:
        self.supervisor = supervisor
        self.writer = writer
        self.printed = b""
        self._read_end = read_end
        self._changed = asyncio.Event()

    def read_console(self) -> None:
        """Start to read what the console prints."""
        asyncio.get_running_loop().add_reader(self._read_end, self._read)

    def _read(self) -> None:
        data = os.read(self._read_end, 65536)
        self.printed += data
        self._changed.set()
        if not data:
            asyncio.get_running_loop().remove_reader(self._read_end)

    def log(self, name: str) -> bytes:
        path = self.writer.stream(name).path
        return path.read_bytes() if path.exists() else b""

    async def until(self, condition: Callable[[], object], what: str) -> None:
        """Check again at each piece of the console's output, and every few milliseconds, since files send no events."""
        end = asyncio.get_running_loop().time() + DEADLINE
        while not condition():
            assert asyncio.get_running_loop().time() < end, f"{what} did not come; printed: {self.printed[-2000:]!r}"
            self._changed.clear()
            await asyncio.wait({asyncio.ensure_future(self._changed.wait())}, timeout=0.01)

    async def until_exited(self, name: str) -> None:
        keeper = self.supervisor.keeper(name)
        await self.until(lambda: keeper.state.value == "stopped", f"the end of {name}")


@asynccontextmanager
async def running(
    *specs: ProcessSpec, logs: Path, keep: LogFiles | None = None, reads_console: bool = True
) -> AsyncIterator[Run]:
    """As `LiteyukiBot` does, with a pipe in place of the console."""
    read_end, write_end = os.pipe()
    console = Console(write_end)
    console.bind(asyncio.get_running_loop())
    writer = LogWriter(logs, keep or LogFiles(max_bytes=2**30))
    own_log = OwnLog(console, writer.stream(OWN_LOG))
    configure(write=own_log.write)
    with replaced_registry() as registry:
        supervisor = Supervisor(
            {spec.name: spec for spec in specs},
            environment=dict(os.environ),
            console=console,
            listener=lambda event: None,
            log_writer=writer,
        )
        registry.broker = broker = MainBroker(supervisor.channels, registry.table)
        RequestServer(supervisor, broker)
        run = Run(supervisor, writer, read_end)
        if reads_console:
            run.read_console()
        await supervisor.start()
        try:
            yield run
        finally:
            await supervisor.stop()
            own_log.flush()
            writer.close()
            own_log.flush()
            configure()
            console.close()
            os.close(write_end)
            asyncio.get_running_loop().remove_reader(read_end)
            while data := os.read(read_end, 65536):
                run.printed += data
            os.close(read_end)


def numbers(data: bytes) -> list[int]:
    return [int(number) for number in re.findall(rb"^line (\d+) x*$", data, re.MULTILINE)]


def check_all_counted(data: bytes, lines: int, gap: str) -> int:
    """Every line is there, or counted where it is missing; returns how many are missing."""
    position = missing = 0
    for line in data.decode().splitlines():
        if found := re.search(gap, line):
            position += int(found[1])
            missing += int(found[1])
        elif found := re.fullmatch(r"line (\d+) x*", line):
            assert int(found[1]) == position, line
            position += 1
    assert position == lines
    return missing


def test_both_streams_keep_their_order_and_each_line_its_process(tmp_path: Path) -> None:
    code = """
import sys
for n in range(200):
    print("out", n)
    sys.stderr.write("err")
    sys.stderr.write(f" {n}\\n")
"""

    async def main() -> Run:
        async with running(python("one", code), python("the-other", code), logs=tmp_path) as run:
            await run.until_exited("one")
            await run.until_exited("the-other")
        return run

    run = asyncio.run(main())
    expected = [f"{stream} {n}" for n in range(200) for stream in ("out", "err")]
    lines = run.printed.decode().splitlines()
    for name, prefix in (("one", "one       | "), ("the-other", "the-other | ")):
        assert run.log(name).decode().splitlines() == expected
        assert [line.removeprefix(prefix) for line in lines if line.startswith(prefix)] == expected
    assert len([line for line in lines if re.match(r"(out|err) ", line)]) == 0


def test_one_process_is_shown_as_it_prints_and_its_file_is_plain(tmp_path: Path) -> None:
    code = r"import os; os.write(1, b'\x1b[32mgreen\x1b[0m\r\n\xff\x00 and no end')"

    async def main() -> Run:
        async with running(python("one", code), logs=tmp_path) as run:
            await run.until_exited("one")
        return run

    run = asyncio.run(main())
    assert b"\x1b[32mgreen\x1b[0m\r\n\xff\x00 and no end" in run.printed
    assert run.log("one") == b"green\r\n\xff\x00 and no end\n"
    assert re.search("one：已启动", run.log(OWN_LOG).decode())
    assert "one：已启动" not in run.log("one").decode("utf-8", "replace")


def test_last_words_of_every_generation_are_kept(tmp_path: Path) -> None:
    code = """
import faulthandler, os, sys
faulthandler.enable()
print("a last line without an end", end="")
sys.stderr.flush()
os.kill(os.getpid(), 11)
"""

    async def main() -> Run:
        async with running(python("one", code, RestartMode.ALWAYS), logs=tmp_path) as run:
            await run.until(lambda: run.log("one").count(b"line 6 in <module>") >= 3, "three crashes")
            assert any("line 6 in <module>" in line for line in run.supervisor.keeper("one").tail.last(3))
        return run

    lines = asyncio.run(main()).log("one").decode().splitlines()
    crashes = [number for number, line in enumerate(lines) if "Fatal Python error: Segmentation fault" in line]
    assert len(crashes) >= 3
    assert all(lines[number].startswith("a last line without an end") for number in crashes)


def test_a_line_without_an_end_stays_apart_from_the_next_generation(tmp_path: Path) -> None:
    async def main() -> Run:
        code = "import os; os.write(1, b'first\\nlast'); os.kill(os.getpid(), 9)"
        async with running(python("one", code, RestartMode.ALWAYS), python("other", ""), logs=tmp_path) as run:
            await run.until(lambda: run.log("one").count(b"last") >= 3, "three crashes")
            tail = run.supervisor.keeper("one").tail.last(4)
        assert tail == ["first", "last", "first", "last"] or tail == ["last", "first", "last", "first"]
        return run

    run = asyncio.run(main())
    assert set(run.log("one").splitlines()) == {b"first", b"last"}
    assert run.printed.count(b"one   | last\n") >= 3


def test_what_is_left_in_the_pipe_is_read_though_a_grandchild_goes_on_printing(tmp_path: Path) -> None:
    code = f"""
import os, subprocess, sys
child = subprocess.Popen(["yes", "grandchild"], start_new_session=True)
open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
os.write(1, b"\\nthe last line\\n")
"""

    async def main() -> Run:
        async with running(python("one", code), logs=tmp_path) as run:
            await run.until_exited("one")
        return run

    try:
        run = asyncio.run(main())
        assert b"\nthe last line\n" in run.log("one")
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_a_fast_child_loses_nothing_to_a_reader_and_a_disk_that_keep_working(tmp_path: Path) -> None:
    lines = 100_000

    async def main() -> Run:
        async with running(python("one", FLOOD.format(lines, 50)), logs=tmp_path) as run:
            await run.until_exited("one")
        return run

    run = asyncio.run(main())
    assert numbers(run.log("one")) == list(range(lines))
    assert numbers(run.printed) == list(range(lines))


def test_a_console_that_nobody_reads_holds_up_no_child_and_no_log_file(tmp_path: Path) -> None:
    lines = 50_000

    async def main() -> Run:
        async with running(python("one", FLOOD.format(lines, 50)), logs=tmp_path, reads_console=False) as run:
            await run.until_exited("one")
            await run.until(lambda: flooded(lines - 1) in run.log("one"), "the last line in the log file")
            assert numbers(run.log("one")) == list(range(lines))
            run.read_console()
            await run.until(lambda: "省略了" in run.printed.decode("utf-8", "ignore"), "the count")
        return run

    run = asyncio.run(main())
    # The main process's own lines take the same way, and still reach its log file.
    stamp = re.compile(rb"^\d\d-\d\d \d\d:", re.MULTILINE)
    own = len(stamp.findall(run.log(OWN_LOG))) - len(stamp.findall(run.printed))
    assert check_all_counted(run.printed, lines + own, r"省略了 (\d+) 行") > 0


def test_a_disk_that_hangs_holds_up_no_child_and_tells_what_it_cost(tmp_path: Path) -> None:
    lines = 50_000
    path = tmp_path / "one.log"
    os.mkfifo(path)

    async def main() -> tuple[Run, bytes]:
        async with running(python("one", FLOOD.format(lines, 50)), logs=tmp_path) as run:
            await run.until_exited("one")
            await run.until(lambda: flooded(lines - 1) in run.printed, "the last line on the console")
            assert numbers(run.printed) == list(range(lines))
            disk, written = os.open(path, os.O_RDONLY | os.O_NONBLOCK), b""

            def take() -> object:
                nonlocal written
                with contextlib.suppress(BlockingIOError):
                    written += os.read(disk, 65536)
                return re.search("省略了 \\d+ 行.*\n", written.decode("utf-8", "ignore"))

            await run.until(take, "the count")
            await run.until(lambda: run.writer.stream("one").waiting_bytes == 0, "the end of what is written")
            os.close(disk)
        return run, written

    _, written = asyncio.run(main())
    assert check_all_counted(written, lines, r"省略了 (\d+) 行") > 0


def test_a_disk_that_hangs_to_the_end_does_not_keep_the_main_process(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "one.log")
    threads = set(threading.enumerate())

    async def main() -> Run:
        async with running(python("one", FLOOD.format(10_000, 50)), logs=tmp_path) as run:
            await run.until_exited("one")
        return run

    run = asyncio.run(main())
    assert re.search(r"最后 \d+ 字节日志没有写完", run.printed.decode())
    # A main process that ends leaves the thread behind; this test goes on, so it releases the thread.
    disk = os.open(tmp_path / "one.log", os.O_RDONLY | os.O_NONBLOCK)
    (thread,) = set(threading.enumerate()) - threads
    while thread.is_alive():
        with contextlib.suppress(BlockingIOError):
            os.read(disk, 65536)
        thread.join(0.01)
    os.close(disk)


def test_a_full_disk_is_one_warning_and_a_count_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "one.log"
    path.symlink_to("/dev/full")
    more = tmp_path / "more"
    code = f"""
import os, time
for n in range(3000):
    os.write(1, b"line %d x\\n" % n)
    if n % 100 == 99: time.sleep(0.02)
while not os.path.exists({str(more)!r}): time.sleep(0.01)
os.write(1, b"line 3000 x\\n")
"""

    async def main() -> Run:
        async with running(python("one", code), logs=tmp_path) as run:
            await run.until(lambda: b"line 2999 x\n" in run.printed, "all on the console")
            stream = run.writer.stream("one")
            await run.until(lambda: stream.waiting_bytes == 0, "the last attempt to write")
            path.unlink()
            more.touch()
            await run.until(lambda: "恢复写入" in run.printed.decode("utf-8", "ignore"), "the all-clear")
        return run

    run = asyncio.run(main())
    assert check_all_counted(run.log("one"), 3001, r"丢失了 (\d+) 行：No space") == 3000
    assert run.printed.decode().count("无法写入") == 1
    assert run.log(OWN_LOG).decode().count("无法写入") == 1


def test_the_last_lines_of_a_run_before_are_remembered(tmp_path: Path) -> None:
    (tmp_path / "one.log").write_bytes(b"".join(b"old %d\n" % n for n in range(20_000)) + b"cut o")

    async def main() -> list[str]:
        async with running(python("one", "print('new')"), logs=tmp_path) as run:
            await run.until_exited("one")
            return run.supervisor.keeper("one").tail.last(200)

    tail = asyncio.run(main())
    assert tail == [*(f"old {n}" for n in range(19_802, 20_000)), "cut o", "new"]
    assert (tmp_path / "one.log").read_bytes().endswith(b"old 19999\ncut o\nnew\n")
