"""The functions of this process that are called with publications, on its event loop, in the order of publication."""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from liteyuki.codec import CodecError, decode
from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.channel.handlers import Handler, TaskStarter, run_handler
from liteyuki.comm.storage.messages import Publication
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["MAX_WAITING_BYTES", "Subscribers"]

MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""How much may wait for the event loop of this process; what comes beyond that is dropped, and the log tells so."""
_COST_BYTES: Final = 256
"""Counted for each publication beside its value."""


class Subscribers:
    """From any thread. What is heard before a loop runs waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handlers: dict[str, list[Handler]] = {}
        self._sources: list[Channel[Any]] = []
        self._tasks = TaskStarter()
        self._waiting: deque[Publication] = deque()
        self._waiting_bytes = 0
        self._delivery_is_due = False
        self._dropped = 0

    def add(self, topic: str, function: Callable[[Any], Any]) -> None:
        """Call `function` with what is published under `topic`."""
        with self._lock:
            self._handlers.setdefault(topic, []).append(Handler(function, None))

    def listen_to(self, channel: Channel[Any]) -> None:
        """Hear what is told over `channel`; twice is once."""
        with self._lock:
            if channel in self._sources:
                return
            self._sources.append(channel)
        channel.hear(self.hear)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call the functions on `loop` from now on."""
        with self._lock:
            if self._loop is not loop:
                self._loop = loop
                self._delivery_is_due = False
                self._deliver_soon()

    def bind_to_running_loop(self) -> None:
        """Call them on the loop that runs on this thread, if one does and no other was found before."""
        with contextlib.suppress(RuntimeError):
            if self._loop is None or self._loop.is_closed():
                self.bind(asyncio.get_running_loop())

    def hear(self, value: object, /) -> None:
        """Take what the owner of the storage tells this process: publications, and what is not ours."""
        if not isinstance(value, Publication) or value.topic not in self._handlers:
            return
        self.bind_to_running_loop()
        with self._lock:
            fits = self._waiting_bytes <= MAX_WAITING_BYTES
            if fits:
                self._waiting.append(value)
                self._waiting_bytes += _cost_bytes(value)
            else:
                self._dropped += 1
            is_first_drop = self._dropped == 1 and not fits
            self._deliver_soon()
        if is_first_drop:
            logger.warning(text("storage.loop_stalled", topic=value.topic))

    def _deliver_soon(self) -> None:
        if self._loop is None or self._delivery_is_due or not self._waiting:
            return
        # A loop that has closed leaves them to the next one.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._deliver)
            self._delivery_is_due = True

    def _deliver(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if loop is not self._loop:
                return  # they are called on another one since
            self._delivery_is_due = False
            batch = tuple(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
            dropped, self._dropped = self._dropped, 0
        if dropped:
            logger.warning(text("storage.loop_dropped", count=dropped))
        for publication in batch:
            self._hand_out(publication, loop)

    def _hand_out(self, publication: Publication, loop: asyncio.AbstractEventLoop) -> None:
        try:
            value = decode(*publication.value)
        except CodecError as error:
            logger.error(text("storage.unreadable_publication", topic=publication.topic, error=error))
            return
        for handler in tuple(self._handlers[publication.topic]):
            rest = run_handler(handler, value, f"shared_memory:{publication.topic}")
            if rest is not None:
                self._tasks.start(loop, rest)


def _cost_bytes(publication: Publication) -> int:
    return len(publication.value[1]) + _COST_BYTES
