"""The process's channels by name."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from liteyuki.comm.broker.child import ChildBroker
from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.channel.handler_loop import HandlersLoop
from liteyuki.comm.channel.sending import wait_in_thread
from liteyuki.comm.io.waiters import LoopWaiter, ThreadWaiter, Waiter
from liteyuki.comm.storage.pubsub import Subscribers
from liteyuki.comm.storage.server import StorageServer
from liteyuki.comm.transport import PipeTransport, take_over
from liteyuki.errors import ChannelNotFound, NoMainProcess
from liteyuki.locale import text
from liteyuki.vitals import start_heartbeat

__all__ = [
    "Broker",
    "Registry",
    "attach_channels",
    "current_registry",
    "get_channel",
    "get_channel_async",
    "get_channels",
    "own_channel",
    "own_process",
    "replaced_registry",
    "set_channel",
    "set_channels",
]


class Broker(Protocol):
    """Who gives channels that are set while processes run their other ends."""

    def connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Let this process find `channel`, and the one on its other side as well. From any thread."""


class Registry:
    """Channels by name, and what this process is. From any thread."""

    def __init__(self, *, inherits: bool = True) -> None:
        self.process: str | None = None
        """The name under which the main process keeps this one; None in the main process and elsewhere."""
        self.generation = 0
        self.channels: dict[str, Channel[Any]] = {}
        self.lock = threading.RLock()
        """For who looks at `channels` and then changes them. Taken before a channel's own, never after."""
        self.broker: Broker | None = None
        """In the main process its supervisor's, in a child the child's side of that."""
        self.storage = StorageServer()
        """What this process owns of `shared_memory`: in a child nothing."""
        self.subscribers = Subscribers()
        self.handlers_loop: HandlersLoop | None = None
        """Where the handlers of its channels run, if not on the loop that reads them."""
        self._inherits = inherits
        self._waiters: list[Waiter] = []

    def inherit(self) -> None:
        """Rebuild the channels that the main process has handed to this one. Once; later calls do nothing."""
        with self.lock:
            inheritance = take_over() if self._inherits else None
            if inheritance is None:
                return
            self.process, self.generation, handles = inheritance
            for name, handle in handles.items():
                channel = self.channels[name] = Channel[Any](name)
                channel.attach(PipeTransport(socket.socket(fileno=handle)), generation=self.generation)
            if self.passive is not None:
                self.broker = ChildBroker(self, self.process, self.passive)

    @property
    def passive(self) -> Channel[Any] | None:
        """What a child and the main process's core talk over."""
        return self.channels.get(f"{self.process}-passive") if self.process is not None else None

    def set(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Make `channel` available under its name, here and over there."""
        if not isinstance(channel, Channel):
            raise TypeError(text("error.no_channel_given", value=repr(channel)))
        if self.broker is not None:
            self.broker.connect(name, channel, to)
        else:
            self.add(name, channel)

    def add(self, name: str, channel: Channel[Any]) -> None:
        """Let this process find `channel`, and wake who waits for that."""
        with self.lock:
            self.channels[name] = channel
            for waiter in self._waiters:
                waiter.wake()

    def find(self, name: str) -> Channel[Any] | None:
        """The channel of that name; also if the main process has offered it, and nobody has read that yet."""
        known = self.channels.get(name)
        if (known is None or known.closed is not None) and isinstance(self.broker, ChildBroker):
            self.broker.read_offers()
        return self.channels.get(name)

    def wait_for(self, name: str, timeout: float) -> Channel[Any]:
        """Block this thread until there is such a channel. Raises `ChannelNotFound` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        waiter = ThreadWaiter()
        with self._waiting(waiter):
            while (channel := self.find(name)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise ChannelNotFound(name, tuple(self.channels))
                wait_in_thread(self.passive, waiter, left)
        return channel

    async def wait_for_async(self, name: str, timeout: float | None) -> Channel[Any]:
        """The same on the event loop; without a timeout, as long as it takes."""
        deadline = None if timeout is None else time.monotonic() + timeout
        if isinstance(self.broker, ChildBroker):
            self.broker.bind(asyncio.get_running_loop())
        while True:
            waiter = LoopWaiter()
            with self._waiting(waiter):
                channel = self.find(name)
                if channel is not None:
                    return channel
                left = None if deadline is None else deadline - time.monotonic()
                try:
                    await asyncio.wait_for(waiter.future, left)
                except asyncio.TimeoutError:
                    raise ChannelNotFound(name, tuple(self.channels)) from None

    @contextlib.contextmanager
    def _waiting(self, waiter: Waiter) -> Iterator[None]:
        """`waiter` is woken whenever a channel is added."""
        with self.lock:
            self._waiters.append(waiter)
        try:
            yield
        finally:
            with self.lock:
                self._waiters.remove(waiter)


# What `get_channel` and its kin act on; tests put their own here with `replaced_registry`.
_current = Registry()


def current_registry() -> Registry:
    """This process's registry, with what it inherited."""
    _current.inherit()
    return _current


@contextlib.contextmanager
def replaced_registry(registry: Registry | None = None) -> Iterator[Registry]:
    """For tests: another registry (an empty one that inherits nothing) while the block runs."""
    global _current
    before, _current = _current, registry or Registry(inherits=False)
    try:
        yield _current
    finally:
        _current = before


def get_channel(name: str, *, timeout: float = 0.0) -> Channel[Any]:
    """The channel of that name in this process.

    Raises `ChannelNotFound`, which lists the names that are, if there is none within `timeout` seconds; on the event
    loop, `get_channel_async` waits without holding that up. Works when a plugin is imported, before any event loop
    runs; the order in which plugins load never matters. From any thread.
    """
    registry = current_registry()
    channel = registry.find(name)
    return channel if channel is not None else registry.wait_for(name, timeout)


async def get_channel_async(name: str, *, timeout: float | None = None) -> Channel[Any]:
    """The channel of that name, as soon as there is one. Raises `ChannelNotFound` after `timeout` seconds."""
    return await current_registry().wait_for_async(name, timeout)


def set_channel(name: str, channel: Channel[Any], *, to: str | None = None) -> None:
    """Let this process find `channel` under `name`, and the process on its other side as well.

    In a child that is the main process, or with `to` the child of that name, which is connected directly. In the
    main process it is the child `to`, which may be left out if there is just one. What is sent before the other
    side is there waits. Like those that the core makes, the channel survives restarts of either child: whoever sets
    or gets it again goes on with what was not taken. A channel that has its other end already is only made known in
    this process.

    Raises `UnknownProcess`; `ValueError` if `to` is left out and there are several, for a name whose channel is in
    use in this process, and for those of the core's own channels; `ChannelInUse` if `channel` belongs elsewhere;
    `NoHandlesLeft`; `TypeError` for what is no `Channel`; and in a child, where it waits for the main process to
    answer, `PeerGone` if that is gone.
    From any thread.
    """
    current_registry().set(name, channel, to)


def get_channels() -> dict[str, Channel[Any]]:
    """All channels of this process by name; a copy."""
    return dict(current_registry().channels)


def set_channels(channels: Mapping[str, Channel[Any]], *, to: str | None = None) -> None:
    """`set_channel` for each."""
    for name, channel in channels.items():
        set_channel(name, channel, to=to)


def own_process() -> str | None:
    """The name of this child process; None where liteyuki did not start it."""
    return current_registry().process


def own_channel(kind: str) -> Channel[Any]:
    """A child's own `active` or `passive` channel. Raises `NoMainProcess` where there is none."""
    process = own_process()
    if process is None:
        raise NoMainProcess
    return get_channel(f"{process}-{kind}")


def attach_channels(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Bind this process's channels to the running loop (or `loop`, running on this thread)."""
    running = loop or asyncio.get_running_loop()
    for channel in get_channels().values():
        channel.bind(running)
    current_registry().subscribers.bind(running)
    start_heartbeat()
