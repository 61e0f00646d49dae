"""Connects channels that are set while processes run: between the main process and a child, and between children.

Every pair is made here, and offered to each side over its passive channel, again whenever a side has started anew.
That there is one who does this keeps two sides from taking ends of different pairs.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from liteyuki.comm.broker.child import is_connected
from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.channel.ends import ChannelEnd, ChannelOptions
from liteyuki.comm.protocol import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.registry import current_registry
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.comm.wire import Handle
from liteyuki.errors import ChannelFull, ChannelInUse, NoHandlesLeft, UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Broker", "Peers"]


class _Link(NamedTuple):
    """A channel between two children."""

    one: str
    other: str
    name: str
    options: ChannelOptions


class Peers(Protocol):
    """The processes that can use channels, and the core's channels with each."""

    names: tuple[str, ...]

    def generation(self, process: str) -> int | None:
        """The number of the generation that lives, if one does."""

    def passive(self, process: str) -> Channel[Any]:
        """What that process and this one's core talk over."""

    def is_core_channel(self, name: str) -> bool: ...

    def add_channel(self, process: str, channel: Channel[Any]) -> None:
        """The generation of `process` that lives has an end of `channel`, which is detached when it ends."""


class Broker:
    """On the main loop's thread only, but for `connect`."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._channels: dict[str, dict[str, Channel[Any]]] = {}
        """By process, then by name: this process's ends."""
        self._links: list[_Link] = []

    def serve(self, process: str, passive: Channel[Any]) -> None:
        """Answer what `process` asks for."""

        @passive.on_core_request(lambda value: isinstance(value, OpenChannel))
        def answer(asked: OpenChannel) -> ChannelRefused | None:
            try:
                self._open(process, asked)
            except UnknownProcess as error:
                return ChannelRefused(known=error.known)
            except NoHandlesLeft as error:
                return ChannelRefused(errno=error.errno)
            return None

    # --- the main process sets a channel

    def connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Let the main process find `channel`, whose other end is for the child `to`.

        Raises what `set_channel` does, before anything is set. From any thread: another one than the loop's waits.
        """
        if threading.get_ident() == self._thread:
            self._connect(name, channel, to)
        else:
            asyncio.run_coroutine_threadsafe(self._connect_soon(name, channel, to), self._loop).result()

    async def _connect_soon(self, name: str, channel: Channel[Any], to: str | None) -> None:
        self._connect(name, channel, to)

    def _connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        channel.raise_if_closed()
        self._check_name(name)
        registry = current_registry()
        is_known = registry.channels.get(name) is channel
        if to is not None or not (is_known or channel.is_attached):
            process = self._process_for(name, to)
            if process is not None and self._channels.get(process, {}).get(name) is not channel:
                self._check_free(name, channel)
                self._put(process, name, channel)
        registry.add(name, channel)

    def _check_name(self, name: str) -> None:
        if self._peers.is_core_channel(name):
            raise ValueError(text("error.core_channel", channel=name))

    def _check_free(self, name: str, channel: Channel[Any]) -> None:
        if channel.is_attached or any(channel in held.values() for held in self._channels.values()):
            raise ChannelInUse(name)

    def _process_for(self, name: str, to: str | None) -> str | None:
        """Whom the main process means with `to`; None if there is nobody."""
        talking = self._peers.names
        if to is None and len(talking) > 1:
            raise ValueError(text("error.say_process", channel=name, known=", ".join(talking)))
        if to is not None and to not in talking:
            raise UnknownProcess(to, talking)
        return to or next(iter(talking), None)

    def _put(self, process: str, name: str, channel: Channel[Any]) -> None:
        """`channel` is what `process` is connected with under that name from now on."""
        held = self._channels.get(process, {}).get(name)
        is_open = held is not None and held.closed is None
        if held is not None and is_open and not held.is_untouched:
            raise ValueError(text("error.channel_set", channel=name))
        channel.keep_untaken()
        channel.bind(self._loop)
        channel.handlers_loop = current_registry().handlers_loop
        if held is not None and is_open:
            self._adopt(process, channel, held)
        if not channel.is_attached:
            self._offer(process, name, channel)
        self._channels.setdefault(process, {})[name] = channel

    def _adopt(self, process: str, channel: Channel[Any], held: Channel[Any]) -> None:
        channel.adopt(held)
        if self._peers.generation(process) is not None:
            self._peers.add_channel(process, channel)

    # --- a child sets a channel

    def _open(self, process: str, asked: OpenChannel) -> None:
        self._check_name(asked.name)
        options = ChannelOptions(*asked.options)
        if asked.to is not None and asked.to not in self._peers.names:
            raise UnknownProcess(asked.to, self._peers.names)
        link = self._link_of(process, asked.name)
        if asked.to is not None:
            link = _Link(process, asked.to, asked.name, options)
        if link is None:
            self._open_here(process, asked.name, options)
        else:
            self._offer_link(link)
            self._links = [old for old in self._links if _ends(old) != _ends(link)] + [link]

    def _link_of(self, process: str, name: str) -> _Link | None:
        """What another child has set for that name and `process`, which need not say whose it is."""
        found = [link for link in self._links if link.name == name and process in (link.one, link.other)]
        return found[0] if len(found) == 1 else None

    def _open_here(self, process: str, name: str, options: ChannelOptions) -> None:
        registry = current_registry()
        channel = self._channels.get(process, {}).get(name)
        if channel is not None and channel.closed is None:
            if not is_connected(channel):
                self._offer(process, name, channel)
            return
        known = registry.channels.get(name)
        channel = Channel[Any](name, **options._asdict())
        self._put(process, name, channel)
        if known is not None and known.closed is None:
            logger.warning(text("channel.name_taken", channel=name, process=process))
        registry.add(name, channel)

    # --- somebody has started

    def started(self, process: str) -> None:
        """A new generation: it gets the other ends of all that its name holds."""
        held = self._channels.get(process, {})
        for name, channel in tuple(held.items()):
            if channel.closed is None:
                with _told(name, process):
                    self._offer(process, name, channel)
            else:
                del held[name]
        for link in self._links:
            if process in (link.one, link.other):
                with _told(link.name, process):
                    self._offer_link(link)

    # --- pairs

    def _offer(self, process: str, name: str, channel: Channel[Any]) -> None:
        """Raises `NoHandlesLeft`, `ChannelFull`."""
        generation = self._peers.generation(process)
        if generation is None:
            return  # when it starts, it is offered its end
        near, far = _pair(name)
        channel.attach(PipeTransport(near), generation=generation)
        self._peers.add_channel(process, channel)
        self._tell(process, ChannelOffer(name, _end(name, channel.options, far), is_direct=False))

    def _offer_link(self, link: _Link) -> None:
        """Raises `NoHandlesLeft`, `ChannelFull`."""
        processes = (link.one, link.other)
        if any(self._peers.generation(process) is None for process in processes):
            return  # when the other one starts, both are offered their ends
        for process, end in zip(processes, _pair(link.name), strict=True):
            self._tell(process, ChannelOffer(link.name, _end(link.name, link.options, end), is_direct=True))

    def _tell(self, process: str, offer: ChannelOffer) -> None:
        passive = self._peers.passive(process)
        passive.tell(offer)
        with passive.lock:
            passive.link.flush()  # before whatever is sent over another channel, which may speak of this one


def _ends(link: _Link) -> tuple[str, frozenset[str]]:
    return link.name, frozenset((link.one, link.other))


def _pair(name: str) -> tuple[socket.socket, socket.socket]:
    try:
        return pipe_pair()
    except OSError as error:
        raise NoHandlesLeft(name, error.errno or 0) from error


def _end(name: str, options: ChannelOptions, end: socket.socket) -> ChannelEnd:
    return ChannelEnd(name, options, Handle(end.detach()))


@contextlib.contextmanager
def _told(name: str, process: str) -> Iterator[None]:
    """Nobody has called who could be told otherwise; the next start of the process is the next try."""
    try:
        yield
    except (NoHandlesLeft, ChannelFull) as error:
        logger.error(text("channel.not_connected", channel=name, process=process, reason=error))
