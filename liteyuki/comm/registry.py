"""The process's channels by name."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.handles import take_over
from liteyuki.comm.pipe import child_end
from liteyuki.errors import ChannelNotFound, NoMainProcess

__all__ = [
    "Registry",
    "attach_channels",
    "current_registry",
    "get_channel",
    "get_channels",
    "own_channel",
    "own_process",
    "replaced_registry",
    "set_channel",
    "set_channels",
]


class Registry:
    """Channels by name, and what this process is. From any thread."""

    def __init__(self, *, inherits: bool = True) -> None:
        self.process: str | None = None
        """The name under which the main process keeps this one; None in the main process and elsewhere."""
        self.generation = 0
        self.channels: dict[str, Channel[Any]] = {}
        self._inherits = inherits
        self._lock = threading.RLock()

    def inherit(self) -> None:
        """Rebuild the channels that the main process has handed to this one. Once; later calls do nothing."""
        with self._lock:
            inheritance = take_over() if self._inherits else None
            if inheritance is None:
                return
            self.process, self.generation, handles = inheritance
            for name, handle in handles.items():
                channel = self.channels[name] = Channel[Any](name)
                channel.attach(child_end(handle), generation=self.generation)


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


def get_channel(name: str) -> Channel[Any]:
    """The channel of that name in this process. Raises `ChannelNotFound`, which lists the names that are.

    Works when a plugin is imported, before any event loop runs; the order in which plugins load never matters.
    """
    registry = current_registry()
    try:
        return registry.channels[name]
    except KeyError:
        raise ChannelNotFound(name, tuple(registry.channels)) from None


def set_channel(name: str, channel: Channel[Any]) -> None:
    """Let this process find `channel` under `name`."""
    current_registry().channels[name] = channel


def get_channels() -> dict[str, Channel[Any]]:
    """All channels of this process by name; a copy."""
    return dict(current_registry().channels)


def set_channels(channels: Mapping[str, Channel[Any]]) -> None:
    """`set_channel` for each."""
    current_registry().channels.update(channels)


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
