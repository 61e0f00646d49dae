"""Ports, processes and handles of this system, and waiting for them under a deadline."""

import contextlib
import itertools
import os
import random
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = [
    "DEADLINE",
    "free_port",
    "is_alive",
    "listening",
    "open_handles",
    "resident_kib",
    "wait_until",
    "wait_until_gone",
]

DEADLINE = 30.0
"""Seconds for anything that must happen at all; no test asserts how fast it does."""


_next_ports = itertools.count(random.randrange(1_000))


def free_port() -> int:
    """A port that nobody has, and that nobody gets before it is used: none that the system or another worker gives."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        port = 20_000 + worker % 10 * 1_000 + next(_next_ports) % 1_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true value of `condition`, which is called every few milliseconds: for what sends no notification."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {deadline} s: {what}")


def is_alive(pid: int) -> bool:
    """Whether the process `pid` exists and is no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_handles() -> int:
    """How many OS handles this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def wait_until_gone(pid: int, *, deadline: float = DEADLINE) -> None:
    """Wait until the process `pid` has ended."""
    wait_until(lambda: not is_alive(pid), f"the end of process {pid}", deadline)


def resident_kib(pid: int) -> int:
    """Resident memory of one process, in KiB."""
    found = re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    """The port is taken while the block runs."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield
