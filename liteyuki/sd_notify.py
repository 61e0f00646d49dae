"""Tells systemd how the main process is: the protocol of sd_notify(3), which is lines in one datagram."""

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
    """Whoever has started this process and wants to know; without one every call does nothing.

    It takes its variables out of `environment`, so that no child believes that it is meant. A manager that has gone
    is no reason to fail: what cannot be sent is dropped.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop(_SOCKET, "")
        self._every = _seconds_between_beats(environment.pop(_WATCHDOG, ""), environment.pop(_WATCHDOG_PID, ""))
        self._beating: asyncio.TimerHandle | None = None

    @property
    def is_there(self) -> bool:
        return bool(self._address)

    def ready(self) -> None:
        """Everything was launched; from now on it is told regularly that the loop turns, if it has asked for that.

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
        # "@" stands for the zero byte with which names begin that are in no folder.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender,
        ):
            sender.setblocking(False)
            sender.sendto(line.encode(), address)


def _seconds_between_beats(microseconds: str, pid: str) -> float:
    """Half of what the manager allows; 0 if it does not ask, or does not mean this process."""
    if not microseconds.isdecimal() or pid not in ("", str(os.getpid())):
        return 0.0
    return int(microseconds) / 2_000_000
