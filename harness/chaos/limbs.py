"""What runs in the tree: leaders that take orders, and what they start.

It is copied into the project, and uses the standard library only. Each leader has one child, which it replaces, and
leaves one orphan behind; both are in sessions of their own. All end after a set time, whatever happens to their
parents.
"""

import asyncio
import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

LIFE = 1800.0
"""Seconds after which a limb ends by itself."""
BOMB_LIFE = 90.0
"""Seconds after which all of a bomb's processes end by themselves."""
HOP = 0.005

Check = Callable[[], Awaitable[object]]


def _end_at(end: float) -> None:
    """End this process at that time of the monotonic clock; a fork must call this again."""
    signal.setitimer(signal.ITIMER_REAL, max(0.01, end - time.monotonic()))


def _heed_nothing() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


# --- what is started


def child() -> None:
    _end_at(time.monotonic() + LIFE)
    while True:
        signal.pause()


def orphan() -> None:
    """Start a process that prints its pid and outlives this one, and end."""
    if os.fork():
        os._exit(0)
    os.setsid()
    _heed_nothing()
    print(os.getpid(), flush=True)
    silence = os.open(os.devnull, os.O_RDWR)
    for handle in (0, 1, 2):
        os.dup2(silence, handle)
    child()


def bomb(count: str, hops: str) -> None:
    """`count` processes in sessions of their own, each of which moves on to a new pid `hops` times."""
    end = time.monotonic() + BOMB_LIFE
    _end_at(end)
    _heed_nothing()
    for _ in range(int(count)):
        if not os.fork():
            _end_at(end)
            for _ in range(int(hops)):
                os.setsid()
                if os.fork():
                    os._exit(0)
                _end_at(end)
                time.sleep(HOP)
            child()
    print("grown", flush=True)
    child()


# --- a leader


def _start(*words: str, **options: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-S", __file__, *words]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, close_fds=True, **options)


class Leader:
    """Takes orders at a socket. `loop` is the event loop that must turn, and `check` must succeed on it, if given."""

    def __init__(self, name: str, loop: "asyncio.AbstractEventLoop | None" = None, check: Check | None = None) -> None:
        self._loop = loop
        self._check = check
        self._child = 0
        path = Path(__file__).with_name(f"{name}.orders")
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(os.path.relpath(path))
        self._channels = _channels()
        self._orphan = self._start_orphan()
        print("attending", flush=True)  # so that the file for its output is open from the start
        threading.Thread(target=self._keep_child, daemon=True).start()

    def attend(self) -> None:
        """Carry out orders, for ever."""
        while True:
            order, sender = self._socket.recvfrom(65536)
            answer = self._obey(**json.loads(order))
            if answer is not None:
                with contextlib.suppress(OSError):  # the one who asked has stopped waiting
                    self._socket.sendto(json.dumps(answer).encode(), sender)

    def _keep_child(self) -> None:
        while True:
            process = _start("child", stdout=subprocess.DEVNULL, start_new_session=True)
            self._child = process.pid
            process.wait()

    def _start_orphan(self) -> int:
        process = _start("orphan", stdout=subprocess.PIPE)
        assert process.stdout is not None
        with process:
            return int(process.stdout.readline())

    def _obey(self, do: str, **facts: Any) -> Mapping[str, object] | None:
        if do == "exit":
            os._exit(facts["code"])
        elif do == "block":
            assert self._loop is not None
            self._loop.call_soon_threadsafe(time.sleep, LIFE)
        elif do == "close channels":
            for handle in self._channels:
                os.close(handle)
            self._check = None
        elif do == "close output":
            silence = os.open(os.devnull, os.O_RDWR)
            for handle in (1, 2):
                os.dup2(silence, handle)
        elif do == "bomb":
            process = _start("bomb", str(facts["count"]), str(facts["hops"]), stdout=subprocess.PIPE)
            assert process.stdout is not None
            process.stdout.readline()
        elif do == "grow":
            if not _runs(self._orphan):
                self._orphan = self._start_orphan()
        elif self._loop is not None and not self._turns():
            return None
        return {"pid": os.getpid(), "child": self._child, "orphan": self._orphan}

    def _turns(self) -> bool:
        """Whether the loop turns, and its channel reaches the main process."""
        assert self._loop is not None
        asked = asyncio.run_coroutine_threadsafe(_ask(self._check), self._loop)
        try:
            asked.result(5.0)
        except concurrent.futures.TimeoutError:
            asked.cancel()
            return False
        return True


async def _ask(check: Check | None) -> None:
    if check is not None:
        await check()


def _channels() -> list[int]:
    """The handles of this process's channels, as its environment names them."""
    given = Path("/proc/self/environ").read_bytes().split(b"\0")
    found = [value.partition(b"=")[2] for value in given if value.startswith(b"LITEYUKI_HANDLES=")]
    return list(json.loads(found[0]).values()) if found else []


def _runs(pid: int) -> bool:
    try:
        return b") Z" not in Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False


def lead(name: str) -> None:
    """A leader without a loop."""
    Leader(name).attend()


def attend(name: str, loop: asyncio.AbstractEventLoop, check: Check | None) -> None:
    """Have a thread take the orders for the process whose loop this is."""
    threading.Thread(target=lambda: Leader(name, loop, check).attend(), daemon=True).start()


if __name__ == "__main__":
    parts: dict[str, Callable[..., None]] = {"child": child, "orphan": orphan, "bomb": bomb, "lead": lead}
    parts[sys.argv[1]](*sys.argv[2:])
