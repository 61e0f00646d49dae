"""A child's side of channels that are made at run time: asks the main process for ends, and takes what it offers.

Offers come over the passive channel. An event loop that is bound to it reads them as they come. Where none runs, a
thread does, from the first such channel on: the process may be blocked in a `receive` that only an offer ends.
"""

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any, Final

from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.io.bell import wait_readable
from liteyuki.comm.protocol import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.transport import PipeTransport
from liteyuki.errors import ChannelInUse, NoHandlesLeft, RemoteError, UnknownProcess
from liteyuki.locale import text

if TYPE_CHECKING:
    from liteyuki.comm.registry import Registry

__all__ = ["ChildBroker", "is_connected"]

_ANSWER_TIMEOUT: Final = 5.0
_HEAR_TIMEOUT: Final = 1.0
"""Seconds that another thread may take to hear an offer: it hears what others have told as well."""


class ChildBroker:
    """From any thread."""

    def __init__(self, registry: "Registry", process: str, passive: Channel[Any]) -> None:
        self._registry = registry
        self._process = process
        self._passive = passive
        self._core = frozenset(registry.channels)
        self._follower: threading.Thread | None = None
        passive.hear(self._hear)

    # --- this process sets a channel

    def connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Let the main process, or the child `to`, get the other end of `channel`. Holds the caller up meanwhile.

        Raises what `set_channel` does, before anything is set.
        """
        channel.raise_if_closed()
        self.read_offers()
        before = self._check(name, channel, to)
        if channel.is_attached:
            self._registry.add(name, channel)
            return
        if before is None or not before.is_attached:
            self._ask(OpenChannel(name, to, tuple(channel.options)))
        with self._registry.lock:
            before = self._check(name, channel, to)
            if before is not None and before is not channel:
                if before.is_open_for_next:
                    channel.keep_untaken()
                channel.adopt(before)
            if to is not None:
                channel.keep_untaken()
            self._registry.add(name, channel)
        self._bind(channel)
        self._follow()

    def _check(self, name: str, channel: Channel[Any], to: str | None) -> Channel[Any] | None:
        """The open channel of that name, if there is one, whose place `channel` may take."""
        if name in self._core:
            raise ValueError(text("error.core_channel", channel=name))
        if to == self._process:
            raise ValueError(text("error.channel_to_itself", channel=name, process=to))
        before = self._registry.channels.get(name)
        if before is channel:
            return before
        waits_elsewhere = not channel.is_attached and channel in self._registry.channels.values()
        if waits_elsewhere or (channel.is_attached and to is not None):
            raise ChannelInUse(name)
        if before is None or before.closed is not None:
            return None
        is_other = to is not None and not before.is_open_for_next
        if channel.is_attached or is_other or not before.is_untouched:
            raise ValueError(text("error.channel_set", channel=name))
        return before

    def _ask(self, question: OpenChannel) -> None:
        try:
            answer = self._passive.call(question, timeout=_ANSWER_TIMEOUT)
        except TimeoutError:
            return  # it is sent, and done as soon as the main process has read it: no reason for an import to fail
        except RemoteError as error:
            if error.type_name == ValueError.__name__:
                raise ValueError(error.message) from error
            raise
        self._passive.told.pass_on()  # the offer came before the answer
        if isinstance(answer, ChannelRefused) and question.to is not None and answer.known:
            raise UnknownProcess(question.to, answer.known)
        if isinstance(answer, ChannelRefused):
            raise NoHandlesLeft(question.name, answer.errno)

    # --- what the main process offers

    def read_offers(self) -> None:
        """Take what the main process has offered, if nobody has read that yet."""
        with self._passive.lock:
            self._passive.link.read_all()
        self._passive.told.pass_on()
        self._passive.told.wait(_HEAR_TIMEOUT)

    def _hear(self, value: object) -> None:
        if isinstance(value, ChannelOffer):
            self._accept(value)
            self._follow()

    def _accept(self, offer: ChannelOffer) -> None:
        with self._registry.lock:
            channel = self._registry.channels.get(offer.name)
            # Both sides may ask for a pair, and one start beside that: whoever has heard of one pair and finds the
            # other end held leaves the next. The other side does as well, since both hear of them in one order.
            if channel is not None and channel.is_attached and is_connected(channel):
                return
            if channel is None or channel.closed is not None:
                channel = Channel[Any](offer.name, **offer.end.options._asdict())
            if offer.is_direct:
                channel.keep_untaken()
            end = PipeTransport(socket.socket(fileno=offer.end.handle.take()))
            channel.attach(end, generation=self._registry.generation)
            self._registry.add(offer.name, channel)
        self._bind(channel)

    # --- on the event loop, if there is one

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let `loop`, which runs on this thread, read offers, unless another one does."""
        if not self._has_loop(self._passive):
            self._passive.bind(loop)

    def _bind(self, channel: Channel[Any]) -> None:
        loop = self._passive.link.loop
        if loop is not None and not loop.is_closed() and not self._has_loop(channel):
            loop.call_soon_threadsafe(channel.bind, loop)

    def _has_loop(self, channel: Channel[Any]) -> bool:
        return channel.link.loop is not None and not channel.link.loop.is_closed()

    # --- in a thread, where none runs

    def _follow(self) -> None:
        with self._registry.lock:
            if self._loop_reads() or (self._follower is not None and self._follower.is_alive()):
                return
            self._follower = threading.Thread(target=self._read_on, name="liteyuki-hear", daemon=True)
            self._follower.start()

    def _loop_reads(self) -> bool:
        loop = self._passive.link.loop
        return loop is not None and loop.is_running()

    def _read_on(self) -> None:
        while not self._loop_reads():
            with self._passive.lock:
                transport = self._passive.link.transport
                if transport is None:
                    return
                handle = transport.fileno()
            wait_readable([handle], None)
            self.read_offers()


def is_connected(channel: Channel[Any]) -> bool:
    """Whether anybody holds the other end of `channel`: that can be told when all that came before is read."""
    with channel.lock:
        link = channel.link
        was_paused, link.is_paused = link.is_paused, False
        link.read_all()
        link.is_paused = was_paused
        return channel.is_attached
