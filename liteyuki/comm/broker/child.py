"""A child's side of channels that are made at run time: asks the main process for ends, and takes what it offers.

Offers come over the passive channel. An event loop that is bound to it reads them as they come. Where none runs, a
thread does, from the first such channel on: the process may be blocked in a `receive` that only an offer ends.
"""

import threading
from typing import Any

from liteyuki.comm.broker.messages import ChannelOffer, ChannelRefused, OpenChannel
from liteyuki.comm.broker.table import ChannelTable
from liteyuki.comm.channel import Channel, open_pipe
from liteyuki.comm.io import ThreadWaiter
from liteyuki.comm.protocol import ANSWER_TIMEOUT
from liteyuki.errors import ChannelInUse, NoHandlesLeft, RemoteError, UnknownProcess
from liteyuki.locale import text

__all__ = ["ChildBroker"]


class ChildBroker:
    """From any thread."""

    def __init__(self, process: str, generation: int, passive: Channel[Any], table: ChannelTable) -> None:
        self._process = process
        self._generation = generation
        self._passive = passive
        self._table = table
        self._core = frozenset(table.channels)
        self._follower: threading.Thread | None = None
        passive.on_control(ChannelOffer, self._hear)

    # --- this process sets a channel

    def connect(self, name: str, channel: Channel[Any], to: str | None) -> None:
        """Let the main process, or the child `to`, get the other end of `channel`. Holds the caller up meanwhile.

        Raises what `set_channel` does, before anything is set.
        """
        channel.raise_if_closed()
        self._passive.read_control()
        before = self._check(name, channel, to)
        if channel.is_attached:
            self._table.add(name, channel)
            return
        if before is None or not before.is_attached:
            self._ask(OpenChannel(name, to, tuple(channel.options)))
        with self._table.lock:
            before = self._check(name, channel, to)
            if before is not None and before is not channel:
                if before.keeps_untaken:
                    channel.keep_untaken()
                channel.adopt(before)
            if to is not None:
                channel.keep_untaken()
            self._table.add(name, channel)
        self._bind(channel)
        self._follow()

    def _check(self, name: str, channel: Channel[Any], to: str | None) -> Channel[Any] | None:
        """The open channel of that name, if there is one, whose place `channel` may take."""
        if name in self._core:
            raise ValueError(text("error.core_channel", channel=name))
        if to == self._process:
            raise ValueError(text("error.channel_to_itself", channel=name, process=to))
        before = self._table.get(name)
        if before is channel:
            return before
        waits_elsewhere = not channel.is_attached and self._table.holds(channel)
        if waits_elsewhere or (channel.is_attached and to is not None):
            raise ChannelInUse(name)
        if before is None or before.closed is not None:
            return None
        is_other = to is not None and not before.keeps_untaken
        if channel.is_attached or is_other or not before.is_untouched:
            raise ValueError(text("error.channel_set", channel=name))
        return before

    def _ask(self, question: OpenChannel) -> None:
        try:
            answer = self._passive.ask_in_thread(question, timeout=ANSWER_TIMEOUT)
        except TimeoutError:
            return  # it is sent, and done as soon as the main process has read it: no reason for an import to fail
        except RemoteError as error:
            if error.type_name == ValueError.__name__:
                raise ValueError(error.message) from error
            raise
        self._passive.read_control()  # the offer came before the answer
        if isinstance(answer, ChannelRefused) and question.to is not None and answer.known:
            raise UnknownProcess(question.to, answer.known)
        if isinstance(answer, ChannelRefused):
            raise NoHandlesLeft(question.name, answer.errno)

    # --- what the main process offers

    def _hear(self, offer: ChannelOffer) -> None:
        self._accept(offer)
        self._follow()

    def _accept(self, offer: ChannelOffer) -> None:
        with self._table.lock:
            channel = self._table.get(offer.name)
            # Both sides may ask for a pair, and one start beside that: whoever has heard of one pair and finds the
            # other end held leaves the next. The other side does as well, since both hear of them in one order.
            if channel is not None and channel.is_attached and channel.has_peer():
                return
            if channel is None or channel.closed is not None:
                channel = Channel[Any](offer.name, **offer.end.options._asdict())
            if offer.is_direct:
                channel.keep_untaken()
            channel.attach(open_pipe(offer.end.handle), generation=self._generation)
            self._table.add(offer.name, channel)
        self._bind(channel)

    # --- who reads

    def _bind(self, channel: Channel[Any]) -> None:
        """On the event loop, if there is one."""
        loop = self._passive.loop
        if loop is not None and channel.loop is None:
            loop.call_soon_threadsafe(channel.bind, loop)

    def _follow(self) -> None:
        """In a thread, where none runs."""
        with self._table.lock:
            if self._loop_reads() or (self._follower is not None and self._follower.is_alive()):
                return
            self._follower = threading.Thread(target=self._read_on, name="liteyuki-hear", daemon=True)
            self._follower.start()

    def _loop_reads(self) -> bool:
        loop = self._passive.loop
        return loop is not None and loop.is_running()

    def _read_on(self) -> None:
        while self._passive.is_attached and not self._loop_reads():
            self._passive.wait(ThreadWaiter(), None)
