"""The channels of a process by name, and who waits for one of a name."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.io import HandlePoll, LoopWaiter, ThreadWaiter
from liteyuki.comm.session import Waiter
from liteyuki.errors import ChannelNotFound

__all__ = ["ChannelTable"]


class ChannelTable:
    """From any thread."""

    def __init__(self, channels: Mapping[str, Channel[Any]] | None = None, passive: Channel[Any] | None = None) -> None:
        """`passive`: what the main process offers this child more channels over."""
        self.lock = threading.RLock()
        """For who looks and then adds. Taken before a channel's own, never after."""
        self._channels = dict(channels or {})
        self._passive = passive
        self._waiters: list[Waiter] = []

    @property
    def channels(self) -> dict[str, Channel[Any]]:
        """All by name; a copy."""
        with self.lock:
            return dict(self._channels)

    def get(self, name: str) -> Channel[Any] | None:
        """What is here under that name. Other than `find`, it reads nothing."""
        return self._channels.get(name)

    def holds(self, channel: Channel[Any]) -> bool:
        """Whether `channel` is here, under whatever name."""
        with self.lock:
            return channel in self._channels.values()

    def add(self, name: str, channel: Channel[Any]) -> None:
        """Let this process find `channel`, and wake who waits for that."""
        with self.lock:
            self._channels[name] = channel
            for waiter in self._waiters:
                waiter.wake()

    # --- by whoever looks for one

    def find(self, name: str) -> Channel[Any] | None:
        """The channel of that name; also if the main process has offered it, and nobody has read that yet."""
        known = self._channels.get(name)
        if self._passive is not None and (known is None or known.closed is not None):
            self._passive.read_control()
        return self._channels.get(name)

    def wait_for(self, name: str, timeout: float) -> Channel[Any]:
        """Block this thread until there is such a channel. Raises `ChannelNotFound` after `timeout` seconds."""
        if (channel := self.find(name)) is not None:
            return channel
        deadline = time.monotonic() + timeout
        waiter = ThreadWaiter()
        with self._woken(waiter):
            while (channel := self.find(name)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ChannelNotFound(name, tuple(self.channels))
                if self._passive is not None:
                    self._passive.wait(waiter, left)
                else:
                    HandlePoll().wait(waiter, -1, left)
        return channel

    async def wait_for_async(self, name: str, timeout: float | None) -> Channel[Any]:
        """The same on the event loop; without a timeout, as long as it takes."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if self._passive is not None and self._passive.loop is None:
            self._passive.bind(asyncio.get_running_loop())
        while True:
            waiter = LoopWaiter()
            with self._woken(waiter):
                channel = self.find(name)
                if channel is not None:
                    return channel
                left = None if deadline is None else deadline - time.monotonic()
                try:
                    await asyncio.wait_for(waiter.future, left)
                except asyncio.TimeoutError:
                    raise ChannelNotFound(name, tuple(self.channels)) from None

    @contextlib.contextmanager
    def _woken(self, waiter: Waiter) -> Iterator[None]:
        """`waiter` is woken whenever a channel is added."""
        with self.lock:
            self._waiters.append(waiter)
        try:
            yield
        finally:
            with self.lock:
                self._waiters.remove(waiter)
