"""Tells systemd the state of the main process: the protocol of sd_notify(3), which is lines in one datagram."""

import asyncio
import contextlib
import os
import socket
from collections.abc import MutableMapping
from typing import Final

__all__ = ["ServiceManager"]

_SOCKET: Final = "NOTIFY_SOCKET"
_WATCHDOG: Final = "WATCHDOG_USEC"
_WATCHDOG_PID: Final = "WATCHDOG_PID"


class ServiceManager:
    """The service manager that has started this process; without one every call does nothing.

    It removes its variables from `environment`, so that no child takes them for its own. If the manager is gone that is
    no reason to fail: what cannot be sent is dropped.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop(_SOCKET, "")
        self._every = _seconds_between_beats(environment.pop(_WATCHDOG, ""), environment.pop(_WATCHDOG_PID, ""))
        self._beating: asyncio.TimerHandle | None = None

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    def ready(self) -> None:
        """Everything was launched; from now on, report regularly that the loop turns, if the manager asks for that.

        On the loop.
        """
        self._send("READY=1")
        if self._every and self._beating is None:
            self._beat()

    def status(self, sentence: str) -> None:
        """One line for people: `systemctl status` shows it."""
        self._send("STATUS=" + " ".join(sentence.split()))

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def close(self) -> None:
        if self._beating is not None:
            self._beating.cancel()

    def _beat(self) -> None:
        self._send("WATCHDOG=1")
        self._beating = asyncio.get_running_loop().call_later(self._every, self._beat)

    def _send(self, line: str) -> None:
        if not self._address:
            return
        # "@" stands for the zero byte with which an abstract socket's name begins.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(line.encode(), address)


def _seconds_between_beats(microseconds: str, pid: str) -> float:
    """Half the interval that the manager allows; 0 if it does not ask, or asks another process."""
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 2_000_000
