"""Connects channels that are set while processes run: between the main process and a child, and between children.

Every pair is made here, and offered to each side over its passive channel, again whenever a side has started anew.
That there is one who does this keeps two sides from taking ends of different pairs.
"""

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from liteyuki.comm.channel import Channel
from liteyuki.comm.ends import ChannelEnd, ChannelOptions
from liteyuki.comm.handle import Handle
from liteyuki.comm.messages import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.pipe import PipeTransport, pipe_pair
from liteyuki.comm.registry import current_registry
from liteyuki.errors import ChannelFull, UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger

if TYPE_CHECKING:
    from liteyuki.supervise.keeper import Keeper
    from liteyuki.supervise.supervisor import Supervisor

__all__ = ["Broker"]


class _Link(NamedTuple):
    """A channel between two children."""

    one: str
    other: str
    name: str
    options: ChannelOptions


class Broker:
    """On the main loop's thread only."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._channels: dict[str, dict[str, Channel[Any]]] = {}
        """By process, then by name: this process's ends."""
        self._links: list[_Link] = []

    def serve(self, process: str, passive: Channel[Any]) -> None:
        """Hear what `process` asks for."""

        def hear(value: object) -> None:
            if isinstance(value, OpenChannel):
                try:
                    self._open(process, value)
                except UnknownProcess as error:
                    passive.tell(ChannelRefused(str(error)))

        passive.hear(hear)

    # --- somebody sets a channel

    def connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """The main process sets `channel`, whose other end is for the child `to`."""
        talking = self._talking()
        if to is None:
            if not talking:
                return
            if len(talking) > 1:
                raise ValueError(text("error.say_process", channel=name, known=", ".join(talking)))
            to = talking[0]
        elif to not in talking:
            raise UnknownProcess(to, tuple(talking))
        self._add(to, name, channel)

    def _talking(self) -> list[str]:
        return [name for name in self._supervisor.names if self._supervisor.keeper(name).channels]

    def _add(self, process: str, name: str, channel: Channel[Any]) -> None:
        channel.keep_untaken()
        channel.bind(asyncio.get_running_loop())
        self._channels.setdefault(process, {})[name] = channel
        self._offer(process, name, channel)

    def _open(self, process: str, asked: OpenChannel) -> None:
        """A child has set a channel."""
        options = ChannelOptions(*asked.options)
        if asked.to is not None:
            if asked.to not in self._talking():
                raise UnknownProcess(asked.to, tuple(self._talking()))
            self._link(_Link(process, asked.to, asked.name, options))
            return
        registry = current_registry()
        channel = self._channels.get(process, {}).get(asked.name)
        if channel is not None and channel.closed is None:
            self._offer(process, asked.name, channel)
            return
        if asked.name in registry.channels:
            logger.warning(text("channel.name_taken", channel=asked.name, process=process))
        channel = Channel[Any](asked.name, **options._asdict())
        self._add(process, asked.name, channel)
        registry.add(asked.name, channel)

    def _link(self, link: _Link) -> None:
        same = {link.one, link.other}
        self._links = [old for old in self._links if old.name != link.name or {old.one, old.other} != same]
        self._links.append(link)
        self._offer_link(link)

    # --- somebody has started

    def started(self, process: str) -> None:
        """A new generation: it gets the other ends of all that its name holds."""
        for name, channel in tuple(self._channels.get(process, {}).items()):
            if channel.closed is None:
                self._offer(process, name, channel)
            else:
                del self._channels[process][name]
        for link in self._links:
            if process in (link.one, link.other):
                self._offer_link(link)

    def _offer(self, process: str, name: str, channel: Channel[Any]) -> None:
        keeper = self._supervisor.keeper(process)
        if keeper.generation is None:
            return
        try:
            near, far = pipe_pair()
        except OSError as error:
            logger.error(text("channel.not_connected", channel=name, process=process, reason=error))
            return
        channel.attach(PipeTransport(near), generation=keeper.generation.number)
        keeper.generation.add_channel(channel)
        self._tell(keeper, ChannelOffer(name, ChannelEnd(name, channel.options, Handle(far.detach())), False))

    def _offer_link(self, link: _Link) -> None:
        keepers = [self._supervisor.keeper(name) for name in (link.one, link.other)]
        if any(keeper.generation is None for keeper in keepers):
            return  # when the other one starts, both are offered their ends
        try:
            ends = pipe_pair()
        except OSError as error:
            logger.error(text("channel.not_connected", channel=link.name, process=link.one, reason=error))
            return
        for keeper, end in zip(keepers, ends, strict=True):
            offered = ChannelEnd(link.name, link.options, Handle(end.detach()))
            self._tell(keeper, ChannelOffer(link.name, offered, True))

    def _tell(self, keeper: "Keeper", offer: ChannelOffer) -> None:
        name = keeper.spec.name
        try:
            keeper.channels[f"{name}-passive"].tell(offer)
        except ChannelFull as error:
            logger.error(text("channel.not_connected", channel=offer.name, process=name, reason=error))
