"""Publications: the owner passes them on to processes, and each process calls its functions with them.

To all in the order of publication. Nobody waits for who does not read: what there is no room for is dropped for that
process alone, and the log tells so.
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol

from liteyuki.codec import CodecError, decode
from liteyuki.comm.channel import Channel, Handler, TaskStarter, call_handler
from liteyuki.comm.storage.messages import Publication
from liteyuki.errors import ChannelClosed, ChannelFull
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["MAX_WAITING_BYTES", "RemoteSubscriber", "Subscriber", "Subscribers", "Topics"]

MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
"""How much may wait for the event loop of this process; what comes beyond that is dropped, and the log tells so."""
_COST_BYTES: Final = 256
"""Counted for each publication beside its value."""
_SETTLES_AFTER: Final = 1.0
"""Seconds without another drop after which the count of what was dropped is told."""


class Subscriber(Protocol):
    """A process that is told publications."""

    def hear(self, publication: Publication, /) -> None:
        """Never blocks, and raises nothing."""


class Topics:
    """The owner's side: passes publications on, to everybody in the same order. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        # A dict rather than a set: they are told in the order in which they subscribed.
        self._subscribers: dict[str, dict[Subscriber, None]] = {}

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Tell it every publication of `topic` from now on. Idempotent."""
        with self._lock:
            self._subscribers.setdefault(topic, {})[subscriber] = None

    def drop(self, subscriber: Subscriber) -> None:
        """Tell it nothing any more."""
        with self._lock:
            for topic in tuple(self._subscribers):
                self._subscribers[topic].pop(subscriber, None)
                if not self._subscribers[topic]:
                    del self._subscribers[topic]

    def publish(self, publication: Publication) -> None:
        with self._lock:
            for subscriber in tuple(self._subscribers.get(publication.topic, ())):
                subscriber.hear(publication)


class RemoteSubscriber:
    """A child that subscribes, by the main process's end of its passive channel.

    A child that does not read costs nobody anything: what its channel has no room for is dropped. The log tells so
    when that begins, and how many they were when it is over. `loop` runs while the channel is served.
    """

    def __init__(self, channel: Channel[Any], loop: asyncio.AbstractEventLoop) -> None:
        self._channel = channel
        self._loop = loop
        self._lock = threading.Lock()
        self._dropped = 0

    def hear(self, publication: Publication, /) -> None:
        try:
            self._channel.tell(publication)
        except ChannelFull:
            self._note_dropped()
        except ChannelClosed:
            return  # the main process has closed it, so it is ending, and its children are too

    def report(self) -> None:
        """Tell how many were dropped, if any were, and count anew."""
        with self._lock:
            dropped, self._dropped = self._dropped, 0
        if dropped:
            logger.warning(text("storage.dropped", channel=self._channel.name, count=dropped))

    def _note_dropped(self) -> None:
        with self._lock:
            self._dropped += 1
            if self._dropped > 1:
                return
        logger.warning(text("storage.stalled", channel=self._channel.name))
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody is served any more
            self._loop.call_soon_threadsafe(self._look_later)

    def _look_later(self) -> None:
        self._loop.call_later(_SETTLES_AFTER, self._look, self._dropped)

    def _look(self, dropped_before: int) -> None:
        if self._dropped > dropped_before:
            self._look_later()
        else:
            self.report()


class Subscribers:
    """The functions of this process, called on its event loop. From any thread.

    What is heard before a loop runs waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handlers: dict[str, list[Handler]] = {}
        self._tasks = TaskStarter()
        self._waiting: deque[Publication] = deque()
        self._waiting_bytes = 0
        self._delivery_is_due = False
        self._dropped = 0

    def add(self, topic: str, function: Callable[[Any], Any]) -> None:
        """Call `function` with what is published under `topic`."""
        with self._lock:
            self._handlers.setdefault(topic, []).append(Handler(function, None))

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

    def hear(self, publication: Publication, /) -> None:
        """Take what the owner of the storage tells this process; topics that nobody here has subscribed to are left
        out."""
        if publication.topic not in self._handlers:
            return
        self.bind_to_running_loop()
        with self._lock:
            fits = self._waiting_bytes <= MAX_WAITING_BYTES
            if fits:
                self._waiting.append(publication)
                self._waiting_bytes += len(publication.value[1]) + _COST_BYTES
            else:
                self._dropped += 1
            is_first_drop = self._dropped == 1 and not fits
            self._deliver_soon()
        if is_first_drop:
            logger.warning(text("storage.loop_stalled", topic=publication.topic))

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
            rest = call_handler(handler, value, f"shared_memory:{publication.topic}")
            if rest is not None:
                self._tasks.start(loop, rest)
