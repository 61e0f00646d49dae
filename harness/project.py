"""A NoneBot project of its own, and the real main process that runs in it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from typing_extensions import Self

from harness.system import DEADLINE, free_port, wait_until, wait_until_gone

__all__ = ["ONEBOT", "MainProcess", "Project"]

ONEBOT = """
[tool.nonebot.adapters]
nonebot-adapter-onebot = [
    { name = "OneBot V11", module_name = "nonebot.adapters.onebot.v11" },
    { name = "OneBot V12", module_name = "nonebot.adapters.onebot.v12" },
]
"""


class Project:
    """A NoneBot project in a folder of its own, with a port of its own."""

    def __init__(self, directory: Path, *, nonebot: str = ONEBOT, superusers: Sequence[str] = ("10001",)) -> None:
        self.directory = directory
        self.port = free_port()
        self.plugins = directory / "plugins"
        self.plugins.mkdir(parents=True)
        self.write_pyproject("", nonebot)
        self.write_env(f"SUPERUSERS={json.dumps(list(superusers))}")

    def write_pyproject(self, liteyuki: str, nonebot: str = ONEBOT) -> None:
        (self.directory / "pyproject.toml").write_text(
            '[project]\nname = "bot"\nversion = "0"\n\n[tool.nonebot]\n'
            f'plugin_dirs = ["plugins"]\nbuiltin_plugins = ["echo"]\n{nonebot}\n{liteyuki}\n',
            encoding="utf-8",
        )

    def write_env(self, *lines: str) -> None:
        content = "\n".join([f"HOST=127.0.0.1\nPORT={self.port}", *lines])
        (self.directory / ".env").write_text(content + "\n", encoding="utf-8")

    def write_plugin(self, name: str, source: str) -> None:
        (self.plugins / f"{name}.py").write_text(source, encoding="utf-8")

    def run(self, *arguments: str, **environment: str) -> "MainProcess":
        """Run `liteyuki run` in this folder."""
        return MainProcess([sys.executable, "-m", "liteyuki", "run", *arguments], self.directory, environment)


class MainProcess:
    """A main process that a test has started; as a context manager it leaves nothing behind."""

    def __init__(
        self, command: list[str], directory: Path, environment: dict[str, str], *, stdin: int = subprocess.DEVNULL
    ) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._children: set[int] = set()
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env={**_clean_environment(), **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, pattern: str, *, count: int = 1, deadline: float = DEADLINE) -> re.Match[str]:
        """The `count`-th line of output that matches, as soon as it is there."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{pattern!r} ({count}) did not come in {deadline} s:\n{self.text}")
                self._changed.wait(left)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def children(self) -> list[int]:
        """The pids of its child processes; they are remembered, so that none can be left behind."""
        found = subprocess.run(
            ["ps", "-o", "pid=,stat=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False
        )
        pids = [int(line.split()[0]) for line in found.stdout.splitlines() if "Z" not in line.split()[1]]
        self._children.update(pids)
        return pids

    def child(self) -> int:
        """The pid of the one child."""
        pids: list[int] = wait_until(self.children, "a child process")
        assert len(pids) == 1, pids
        return pids[0]

    def wait_ready(self, count: int = 1) -> int:
        """Wait until the bot has become ready for the `count`-th time; returns its pid."""
        return int(self.wait_for(r"nonebot：已就绪（pid (\d+)）", count=count)[1])

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Wait for its end; returns its exit code."""
        code = self._process.wait(deadline)
        self._reader.join(deadline)
        return code

    def stop(self) -> int:
        """Send Ctrl+C, and return the exit code."""
        self.children()
        self.send(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            print(self.text)  # for whoever reads the failure
        if self._process.poll() is None:
            self.children()
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._reader.join(5)
        self._process.stdout.close()
        for pid in self._children:
            wait_until_gone(pid, deadline=5)


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
