"""What this process is, and its one of everything that channels need: made on first use, replaceable by tests."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

from liteyuki.comm.broker import ChannelTable, ChildBroker, MainBroker
from liteyuki.comm.channel import Channel, HandlerLoop, open_pipe
from liteyuki.comm.storage import Owner, SharedMemory, StorageClient, StorageServer, Subscribers
from liteyuki.comm.transport import take_over
from liteyuki.comm.wire import Handle
from liteyuki.errors import NoMainProcess
from liteyuki.locale import text
from liteyuki.vitals import start_heartbeat

__all__ = [
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
    "shared_memory",
]


class Registry:
    """From any thread."""

    def __init__(self, *, inherits: bool = True) -> None:
        self.process: str | None = None
        """The name under which the main process keeps this one; None in the main process and elsewhere."""
        self.generation = 0
        self.table = ChannelTable()
        self.broker: MainBroker | ChildBroker | None = None
        """Who gives channels that are set while processes run their other ends, if anybody does."""
        self.storage = StorageServer()
        """What this process owns of `shared_memory`: in a child nothing."""
        self.subscribers = Subscribers()
        self.handler_loop: HandlerLoop | None = None
        """Where the handlers of its channels run, if not on the loop that reads them."""
        self._lock = threading.Lock()
        self._inherits = inherits

    def inherit(self) -> None:
        """Rebuild the channels that the main process has handed to this one. Once; later calls do nothing."""
        with self._lock:
            inheritance = take_over() if self._inherits else None
            if inheritance is None:
                return
            channels = {}
            for name, handle in inheritance.handles.items():
                channels[name] = Channel[Any](name)
                channels[name].attach(open_pipe(Handle(handle)), generation=inheritance.generation)
            self.become_child(inheritance.process, inheritance.generation, channels)

    def become_child(self, process: str, generation: int, channels: Mapping[str, Channel[Any]]) -> None:
        """This is that run of `process`, and has these channels."""
        self.process, self.generation = process, generation
        passive = channels.get(f"{process}-passive")
        self.table = ChannelTable(channels, passive)
        if passive is not None:
            self.broker = ChildBroker(process, generation, passive, self.table)

    def set(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Make `channel` available under its name, here and over there."""
        if not isinstance(channel, Channel):
            raise TypeError(text("error.no_channel_given", value=repr(channel)))
        if self.broker is not None:
            self.broker.connect(name, channel, to)
        else:
            self.table.add(name, channel)

    def storage_access(self) -> tuple[Owner, Subscribers]:
        """Who has the values of `shared_memory`, and who hears publications here.

        Raises `ChannelNotFound` in a child without a passive channel.
        """
        return self.storage if self.process is None else StorageClient(self.own_channel("passive")), self.subscribers

    def own_channel(self, kind: str) -> Channel[Any]:
        """A child's own `active` or `passive` channel. Raises `NoMainProcess` where there is none."""
        if self.process is None:
            raise NoMainProcess
        return self.table.wait_for(f"{self.process}-{kind}", 0.0)


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
    return current_registry().table.wait_for(name, timeout)


async def get_channel_async(name: str, *, timeout: float | None = None) -> Channel[Any]:
    """The channel of that name, as soon as there is one. Raises `ChannelNotFound` after `timeout` seconds."""
    return await current_registry().table.wait_for_async(name, timeout)


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
    return current_registry().table.channels


def set_channels(channels: Mapping[str, Channel[Any]], *, to: str | None = None) -> None:
    """`set_channel` for each."""
    for name, channel in channels.items():
        set_channel(name, channel, to=to)


def own_process() -> str | None:
    """The name of this child process; None where liteyuki did not start it."""
    return current_registry().process


def own_channel(kind: str) -> Channel[Any]:
    """A child's own `active` or `passive` channel. Raises `NoMainProcess` where there is none."""
    return current_registry().own_channel(kind)


def attach_channels(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """Bind this process's channels to the running loop (or `loop`, running on this thread)."""
    running = loop or asyncio.get_running_loop()
    for channel in get_channels().values():
        channel.bind(running)
    current_registry().subscribers.bind(running)
    start_heartbeat()


shared_memory: Final = SharedMemory(lambda: current_registry().storage_access())
"""The one of this process; it is looked up anew at each call which process owns the values."""
