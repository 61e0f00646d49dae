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

from liteyuki.comm.broker.messages import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.broker.table import ChannelTable
from liteyuki.comm.channel import Channel, ChannelEnd, HandlerLoop
from liteyuki.comm.session import ChannelOptions
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.comm.wire import Handle
from liteyuki.errors import ChannelFull, ChannelInUse, NoHandlesLeft, UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["MainBroker", "Peers"]


class Peers(Protocol):
    """The child processes, as their broker needs to know them."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those that can use channels."""

    def generation(self, process: str) -> int | None:
        """The number of the generation that runs; None if none does."""

    def passive(self, process: str) -> Channel[Any]:
        """What its core and this process's talk over."""

    def is_core_channel(self, name: str) -> bool:
        """Whether the core has made the channel of that name, for whichever process."""

    def add_channel(self, process: str, channel: Channel[Any]) -> None:
        """Detach `channel`, too, when the generation that runs ends."""


class _Link(NamedTuple):
    """A channel between two children."""

    one: str
    other: str
    name: str
    options: ChannelOptions


class MainBroker:
    """On the main loop's thread only, but for `connect`."""

    def __init__(self, peers: Peers, table: ChannelTable, handler_loop: HandlerLoop | None = None) -> None:
        """`handler_loop`: where handlers of the channels run, if not on the running loop, which reads them."""
        self._peers = peers
        self._table = table
        self._handler_loop = handler_loop
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._channels: dict[str, dict[str, Channel[Any]]] = {}
        """By process, then by name: this process's ends."""
        self._links: list[_Link] = []

    def serve(self, process: str, passive: Channel[Any]) -> None:
        """Answer what `process` asks for."""

        def answer(asked: OpenChannel) -> ChannelRefused | None:
            try:
                self._open(process, asked)
            except UnknownProcess as error:
                return ChannelRefused(known=error.known)
            except NoHandlesLeft as error:
                return ChannelRefused(errno=error.errno)
            return None

        passive.on_control(OpenChannel, answer)

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
        is_known = self._table.get(name) is channel
        if to is not None or not (is_known or channel.is_attached):
            process = self._process_for(name, to)
            if process is not None and self._channels.get(process, {}).get(name) is not channel:
                self._check_free(name, channel)
                self._put(process, name, channel)
        self._table.add(name, channel)

    def _check_name(self, name: str) -> None:
        if self._peers.is_core_channel(name):
            raise ValueError(text("error.core_channel", channel=name))

    def _check_free(self, name: str, channel: Channel[Any]) -> None:
        if channel.is_attached or any(channel in held.values() for held in self._channels.values()):
            raise ChannelInUse(name)

    def _process_for(self, name: str, to: str | None) -> str | None:
        """Whom the main process means with `to`; None if there is nobody."""
        names = self._peers.names
        if to is None and len(names) > 1:
            raise ValueError(text("error.say_process", channel=name, known=", ".join(names)))
        if to is not None and to not in names:
            raise UnknownProcess(to, names)
        return to or next(iter(names), None)

    def _put(self, process: str, name: str, channel: Channel[Any]) -> None:
        """`channel` is what `process` is connected with under that name from now on."""
        held = self._channels.get(process, {}).get(name)
        is_open = held is not None and held.closed is None
        if held is not None and is_open and not held.is_untouched:
            raise ValueError(text("error.channel_set", channel=name))
        channel.keep_untaken()
        channel.bind(self._loop)
        channel.handler_loop = self._handler_loop
        if held is not None and is_open:
            channel.adopt(held)
            self._peers.add_channel(process, channel)
        if not channel.is_attached:
            self._offer(process, name, channel)
        self._channels.setdefault(process, {})[name] = channel

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
        channel = self._channels.get(process, {}).get(name)
        if channel is not None and channel.closed is None:
            if not channel.has_peer():
                self._offer(process, name, channel)
            return
        known = self._table.get(name)
        channel = Channel[Any](name, **options._asdict())
        self._put(process, name, channel)
        if known is not None and known.closed is None:
            logger.warning(text("channel.name_taken", channel=name, process=process))
        self._table.add(name, channel)

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
        passive.flush()  # before whatever is sent over another channel, which may speak of this one


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
