"""The tree that is struck: a NoneBot bot, a program and a plain Python worker, as a user has them."""

import contextlib
import json
import os
import select
import shutil
import socket
import sys
import uuid
from pathlib import Path
from typing import Any, Final

from harness import MainProcess, Project
from harness.chaos.blows import BOT, COMMAND, WORKER
from liteyuki.control import parse_answer, request_line

__all__ = ["RUN", "WATCHDOG", "Control", "Orders", "Tree"]

RUN: Final = "CHAOS_RUN"
"""A variable in the environment of everything that is started, independent of the marks that the main process uses."""

WATCHDOG: Final = 3.0
STOP_TIMEOUT: Final = 2.0
ANSWER_TIMEOUT: Final = 6.0

# Quick restarts that never stop: the policy's own tests show what it decides.
_SETTINGS: Final = """
[tool.liteyuki]
log_files = {{ max_size = "256 KiB", count = 2 }}
[tool.liteyuki.processes.{bot}]
watchdog = {watchdog}
{how}
[tool.liteyuki.processes.{command}]
command = [{python!r}, "-S", "limbs.py", "lead", "{command}"]
{how}
[tool.liteyuki.processes.{worker}]
target = "worker:main"
watchdog = {watchdog}
{how}
"""
_HOW: Final = f"""
stop_timeout = {STOP_TIMEOUT}
backoff = {{ base = 0.1, factor = 2.0, max = 0.5, reset_after = 1.0 }}
give_up = {{ deaths = 1000000 }}
"""

_PLUGIN: Final = f"""
import asyncio

import limbs
from nonebot import get_driver
from liteyuki.comm import status


@get_driver().on_startup
async def _():
    limbs.attend("{BOT}", asyncio.get_running_loop(), status)
"""

_WORKER: Final = f"""
import asyncio

import limbs
from liteyuki.comm import status


async def main():
    limbs.attend("{WORKER}", asyncio.get_running_loop(), status)
    await asyncio.Event().wait()
"""


class Tree:
    """A project of its own, and the main process that runs in it."""

    def __init__(self, directory: Path) -> None:
        self.word = uuid.uuid4().hex
        self.project = Project(directory)
        self.data = directory / ".liteyuki"
        self.data.mkdir(mode=0o700)
        names = {"bot": BOT, "command": COMMAND, "worker": WORKER}
        settings = _SETTINGS.format(python=sys.executable, watchdog=WATCHDOG, how=_HOW, **names)
        self.project.write_pyproject(settings)
        self.project.write_plugin("attending", _PLUGIN)
        (directory / "worker.py").write_text(_WORKER)
        shutil.copyfile(Path(__file__).with_name("limbs.py"), directory / "limbs.py")
        self.control = Control(self.data / "control.sock")
        self.orders = Orders(directory)

    @property
    def history(self) -> Path:
        return self.data / "history.db"

    def start(self) -> MainProcess:
        """As a user does."""
        return self.project.run(**{RUN: self.word})


class Control:
    """The answers of the main process over its control socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def states(self) -> dict[str, dict[str, Any]]:
        """The state of each process; empty if nobody answers."""
        with contextlib.suppress(OSError, ValueError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_TIMEOUT)
            connection.connect(str(self._path))
            connection.sendall(request_line(1, "list", {}))
            with connection.makefile("rb") as lines:
                answer, refusal = parse_answer(lines.readline())
            if refusal is None:
                return {status["name"]: status for status in answer}
        return {}


class Orders:
    """Orders to the leaders."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def give(self, process: str, do: str, timeout: float = ANSWER_TIMEOUT, **facts: Any) -> dict[str, int] | None:
        """The pids of the leader and its limbs, as it answers; None if it does not answer."""
        address = self._directory / f"{uuid.uuid4().hex[:8]}.answer"
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth:
            mouth.bind(os.fspath(address))
            try:
                mouth.connect(os.fspath(self._directory / f"{process}.orders"))
                mouth.send(json.dumps({"do": do, **facts}).encode())
                if select.select([mouth], [], [], timeout)[0]:
                    return dict(json.loads(mouth.recv(65536)))
            finally:
                address.unlink()
        return None

    def say(self, process: str, do: str, **facts: Any) -> None:
        """Give an order without waiting for an answer: a process that ends gives none."""
        self.give(process, do, timeout=0.0, **facts)
