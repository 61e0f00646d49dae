"""`Channel`: what plugin authors hold in their hands."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Generic, TypeVar, get_args

from liteyuki.codec import encode_plain
from liteyuki.comm.channel.attachments import pack
from liteyuki.comm.channel.closing import begin_to_close, close_in_background, close_in_thread, close_on_loop
from liteyuki.comm.channel.dispatch import check
from liteyuki.comm.channel.ends import Ack, ChannelEnd, ChannelOptions, check_options
from liteyuki.comm.channel.handlers import FilterFunc, Handler, check_filter
from liteyuki.comm.channel.receiving import receive_in_thread, receive_on_loop
from liteyuki.comm.channel.requests import AskingEndpoint
from liteyuki.comm.channel.sending import admit_in_thread, admit_on_loop
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    MAX_GATHERED_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    SmallEntry,
    cost_bytes,
)
from liteyuki.comm.session.queueing import add, need_of
from liteyuki.comm.session.stats import ChannelStats
from liteyuki.comm.transport import PipeTransport
from liteyuki.comm.typecheck import check_for
from liteyuki.comm.wire import MAX_MESSAGE_BYTES, FrameKind
from liteyuki.errors import ChannelClosed, ChannelFull

__all__ = ["Channel"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[[Any], Any])

_CLOSE_TIMEOUT: Final = 10.0
_SENT_IN_TURN_BYTES: Final = 4 * BATCH_BYTES
"""After so much, `asend` lets the loop turn."""


class Channel(AskingEndpoint, Generic[T]):
    """A named, full-duplex, ordered stream of values between two processes.

    `send` and `receive` may be called from any thread; whatever is `async` belongs on the event loop. There is
    one receive mode per channel and process, decided by the first use: `on_receive` handlers, or `receive`
    (with `async_receive` and iteration). A value arrives with the same type that was sent; see `send`.
    `Channel[SomeType](name)` checks on both sides that values are of that type.

    The core makes two for each process, `{process}-active` and `{process}-passive`; take them with
    `liteyuki.comm.get_channel`, and add your own with `set_channel`. They belong to the process's name and survive
    its restarts: what is sent while no child is there, or was not taken by the last one, reaches the next, in order.
    A channel may also be sent over a channel: whoever receives it holds its other end.

    `max_queued_bytes` bounds what each side may have sent and the other not taken; `max_message_bytes` one message,
    which may be larger than that bound when nothing else is queued. With `ack="handled"` a message counts as taken
    when its handlers have finished, not when they start: a process that dies in one gets it again, `redelivered`.
    Raises `ValueError` for options that are none.
    """

    def __init__(
        self,
        name: str,
        *,
        max_queued_bytes: int = 16 * 1024 * 1024,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        ack: Ack = "taken",
    ) -> None:
        options = ChannelOptions(max_queued_bytes, max_message_bytes, ack)
        check_options(name, options)
        super().__init__(name, options)
        self._type: Any = None
        self._type_error: TypeError | None = None
        self._is_checked = False
        self._max_small_cost_bytes = min(BATCH_BYTES, max_message_bytes) + MESSAGE_COST_BYTES
        self._max_gathered_bytes = min(MAX_GATHERED_BYTES, max_message_bytes) - TEXT_HEAD_BYTES
        self._waits = self._sent_in_turn_bytes = 0
        self._turning_loop: asyncio.AbstractEventLoop | None = None
        """The loop that is to turn before `asend` sends more."""

    @property
    def __orig_class__(self) -> Any:
        """`Channel[SomeType]`, if that is how it was made."""
        return self._type

    @__orig_class__.setter
    def __orig_class__(self, alias: Any) -> None:
        self._type = alias
        self._is_checked = True
        try:
            self.receiver.checker = check_for(get_args(alias)[0])
            self._is_checked = self.receiver.checker is not None
        except TypeError as error:
            # Since Python 3.13, typing swallows what is raised here; so it is raised again when the channel is used.
            self._type_error = error
            raise

    def _raise_if_type_is_bad(self) -> None:
        if self._type_error is not None:
            raise self._type_error

    def __repr__(self) -> str:
        state = "unattached" if self.link.transport is None else "attached"
        if self.closed is not None:
            state = "closed"
        return f"<Channel {self.name!r} {state}, {self.receiver.mode or 'no receiver yet'}, {self.stats}>"

    @property
    def stats(self) -> ChannelStats:
        """Figures so far. From any thread."""
        with self.lock:
            self.look_for_room()
            outbox, receiver = self.outbox, self.receiver
            return ChannelStats(
                sent=outbox.accepted,
                sent_bytes=outbox.accepted_bytes,
                received=receiver.received,
                received_bytes=receiver.inbox.received_bytes,
                queued=outbox.messages,
                queued_bytes=outbox.queued_bytes,
                dropped=outbox.dropped,
                largest_bytes=outbox.largest_bytes,
                waits=self._waits,
                refused=self._refused,
            )

    @property
    def redelivered(self) -> bool:
        """In a handler, or after `receive`: whether an earlier process has begun to handle this value."""
        return self.receiver.is_redelivered

    # --- sending

    def send(self, value: T, *, timeout: float | None = None) -> None:
        """Send one value to the other process.

        Raises `TypeError`, before anything is queued, for a value that no channel carries, or that is not of this
        one's type (`WrongType`); `MessageTooLarge`; `ChannelClosed`. When `max_queued_bytes` are queued already, a
        thread waits for the other side, `timeout` seconds if given, and the event loop's own thread not at all:
        then it raises `ChannelFull`. On the loop, `asend` waits without holding it up. From any thread. A finalizer or
        a signal's handler that has interrupted this channel's work cannot wait, and gets `ChannelBusy` instead.
        """
        entry = self._send_fast(value)
        if entry is None:
            return
        with self.lock:
            if not self.room and add(self, entry):
                return
            if self.on_loop_thread():
                self._refused += 1
                raise ChannelFull(self.name, self.outbox.max_queued_bytes)
            self._waits += 1
        if not admit_in_thread(self, need_of(self, entry), lambda: add(self, entry), timeout):
            self._refused += 1
            raise ChannelFull(self.name, self.outbox.max_queued_bytes)

    async def asend(self, value: T, *, timeout: float | None = None) -> None:
        """Like `send`, but wait without holding the event loop up; a cancelled `asend` has sent nothing.

        Raises `ChannelFull` after `timeout` seconds. On the event loop only.
        """
        while self._sent_in_turn_bytes >= _SENT_IN_TURN_BYTES:
            await self._next_turn()  # the loop must turn, or nobody takes anything
        entry = self._send_fast(value)
        if entry is None:
            return
        with self.lock:
            is_sent = not self.room and add(self, entry)
            self._waits += not is_sent
        if not is_sent and not await admit_on_loop(self, need_of(self, entry), lambda: add(self, entry), timeout):
            self._refused += 1
            raise ChannelFull(self.name, self.outbox.max_queued_bytes)

    async def _next_turn(self) -> None:
        """Wait until the loop has turned. So does whoever comes meanwhile, in order, so that nobody overtakes."""
        loop = asyncio.get_running_loop()
        if self._turning_loop is not loop:
            self._turning_loop = loop
            loop.call_soon(self._has_turned)
        await asyncio.sleep(0)

    def _has_turned(self) -> None:
        self._turning_loop = None
        self._sent_in_turn_bytes = 0

    def _send_fast(self, value: T) -> Entry | None:
        """None if it is sent, as a small plain message is for which there is room; else what is to be sent."""
        if self._is_checked:
            self._raise_if_type_is_bad()
            check(self.name, self.receiver.checker, value)
        entry: str | bytes | None
        if type(value) is str and value.isascii():  # type: ignore[attr-defined]
            # It cannot change any more, nor fail: it is encoded with its neighbours when they leave.
            entry = value  # type: ignore[assignment]
        else:
            entry = encode_plain(value)
            if entry is None:
                return self._pack_message(value)
        outbox = self.outbox
        gathered = outbox.gathered
        if len(gathered) < outbox.gather_at_most and len(entry) <= self._max_gathered_bytes:  # type: ignore[arg-type]
            gathered.append(entry)  # type: ignore[arg-type]
            if not outbox.gather_at_most:
                self._gathered_late(entry)  # type: ignore[arg-type]
            return None
        cost = cost_bytes(entry)  # type: ignore[arg-type]
        if cost > self._max_small_cost_bytes:
            return self._pack_message(value)
        with self.lock:
            self._sent_in_turn_bytes += outbox.collect() + cost
            if not outbox.may_just_add(cost):
                return entry
            self.bind_to_running_loop()
            self.link.send_small(entry, cost)  # type: ignore[arg-type]
        return None

    def _gathered_late(self, entry: SmallEntry) -> None:
        """Perhaps nobody comes any more for what was just gathered. Raises `ChannelClosed`."""
        with self.lock:
            if self.closed is not None and entry in self.outbox.gathered:
                self.outbox.gathered.remove(entry)
                self.raise_if_closed()
            self.link.flush_soon()

    def _pack_message(self, value: T) -> Entry:
        item = pack(self, FrameKind.MESSAGE, value)
        if not item.flags and item.size_bytes <= self._max_small_cost_bytes:
            return b"".join(item.parts)
        return item

    # --- receiving, one value at a time

    def receive(self, timeout: float | None = None) -> T:
        """Block this thread until a value has come, and return it.

        Raises `TimeoutError` after `timeout` seconds, `ChannelModeError` if the channel has `on_receive`
        handlers, `ChannelClosed` when no value can come any more, `WrongType` for a value that a typed channel
        does not carry. On the event loop's own thread it holds that up; other channels' handlers still start.
        Better there: `async_receive`.
        """
        self._raise_if_type_is_bad()
        value: T = receive_in_thread(self, timeout)
        return value

    async def async_receive(self) -> T:
        """Wait for a value and return it; a cancelled wait loses none.

        Raises `ChannelModeError`, `ChannelClosed` and `WrongType` as `receive` does. On the event loop only.
        """
        self._raise_if_type_is_bad()
        value: T = await receive_on_loop(self)
        return value

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                yield self.receive()
            except ChannelClosed:
                return

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            try:
                yield await self.async_receive()
            except ChannelClosed:
                return

    # --- receiving by handlers

    def on_receive(self, filter_func: FilterFunc | None = None) -> Callable[[F], F]:
        """Decorator: call a function, plain or `async`, with every value that `filter_func` accepts.

        Handlers start in the order of arrival, on the event loop (in a NoneBot child the driver's, so that
        `await bot.send(...)` works in them); every one whose filter accepts a value gets it. One that raises is
        logged. Values that come before the first handler is registered, or before the loop runs, wait.
        Raises `ChannelModeError` if the channel is received from with `receive`, and `TypeError` for what can be no
        filter, such as an `async` handler whose parentheses after `on_receive` were forgotten.
        """
        self._raise_if_type_is_bad()
        check_filter(filter_func)

        def register(function: F) -> F:
            with self.lock:
                self.receiver.claim("on_receive")
                self.receiver.handlers += (Handler(function, filter_func),)
            self.begin_to_deliver()
            return function

        return register

    # --- the end

    def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Close this end. Using the channel raises `ChannelClosed` from then on.

        What is queued is still sent: a thread blocks for that, `timeout` seconds at most, and raises `TimeoutError`
        if something was left, which is dropped. On the event loop's own thread nothing blocks: the rest is sent
        in the background, and what is left in the end is logged. There, `aclose` waits.
        """
        if not begin_to_close(self):
            return
        if self.on_loop_thread():
            self.tasks.start(asyncio.get_running_loop(), close_in_background(self, timeout))
        else:
            close_in_thread(self, timeout)

    async def aclose(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Like `close`, but wait without holding the event loop up. On the event loop only."""
        if begin_to_close(self):
            await close_on_loop(self, timeout)

    # --- inside

    def _open(self, end: ChannelEnd) -> "Channel[Any]":
        """An end that came inside a value, opened."""
        channel = Channel[Any](end.name, **end.options._asdict())
        channel.attach(PipeTransport(socket.socket(fileno=end.handle.take())))
        return channel
