"""`Channel`: what plugin authors hold in their hands."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Generic, TypeVar, get_args

from liteyuki.comm.calls import NO_REPLY, pack_number
from liteyuki.comm.codec import TAGGED, encode_plain
from liteyuki.comm.endpoint import Endpoint
from liteyuki.comm.ends import Ack, ChannelEnd, ChannelOptions
from liteyuki.comm.framing import MAX_MESSAGE_BYTES, FrameKind
from liteyuki.comm.handlers import FilterFunc, Handler
from liteyuki.comm.items import BATCH_BYTES, MESSAGE_COST_BYTES, TEXT_HEAD_BYTES, Entry, Item, Tagged, cost_bytes
from liteyuki.comm.pipe import PipeTransport
from liteyuki.comm.receiver import check
from liteyuki.comm.receiving import receive_in_thread, receive_on_loop
from liteyuki.comm.room import Need
from liteyuki.comm.sending import admit_in_thread, admit_on_loop, answer_in_thread
from liteyuki.comm.stats import ChannelStats
from liteyuki.comm.typed import check_for
from liteyuki.comm.waiting import ThreadWaiter
from liteyuki.errors import ChannelClosed, ChannelFull, PeerGone
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Channel"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[[Any], Any])

_CLOSE_TIMEOUT: Final = 10.0
_SENT_IN_TURN: Final = 1000
"""After so many messages, or one batch of them, `asend` lets the loop turn."""
_TEXT_COST_BYTES: Final = TEXT_HEAD_BYTES + MESSAGE_COST_BYTES


class Channel(Endpoint, Generic[T]):
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
    """

    def __init__(
        self,
        name: str,
        *,
        max_queued_bytes: int = 16 * 1024 * 1024,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        ack: Ack = "taken",
    ) -> None:
        super().__init__(name, ChannelOptions(max_queued_bytes, max_message_bytes, ack))
        self._type: Any = None
        self._type_error: TypeError | None = None
        self._is_checked = False
        self._max_small_cost_bytes = min(BATCH_BYTES, max_message_bytes) + MESSAGE_COST_BYTES
        self._waits = self._refused = self._sent_in_turn = 0

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
        then it raises `ChannelFull`. On the loop, `asend` waits without holding it up. From any thread.
        """
        entry = self._send_fast(value)
        if entry is None:
            return
        with self.lock:
            if not self.room and self._add(entry):
                return
            if self.link.on_loop_thread():
                self._refused += 1
                raise ChannelFull(self.name, self.outbox.max_queued_bytes)
            self._waits += 1
        if not admit_in_thread(self, self._need(entry), lambda: self._add(entry), timeout):
            self._refused += 1
            raise ChannelFull(self.name, self.outbox.max_queued_bytes)

    async def asend(self, value: T, *, timeout: float | None = None) -> None:
        """Like `send`, but wait without holding the event loop up; a cancelled `asend` has sent nothing.

        Raises `ChannelFull` after `timeout` seconds. On the event loop only.
        """
        if self._sent_in_turn >= _SENT_IN_TURN:
            self._sent_in_turn = 0
            await asyncio.sleep(0)  # the loop must turn, or nobody takes anything
        entry = self._send_fast(value)
        if entry is None:
            return
        with self.lock:
            is_sent = not self.room and self._add(entry)
            self._waits += not is_sent
        if not is_sent and not await admit_on_loop(self, self._need(entry), lambda: self._add(entry), timeout):
            self._refused += 1
            raise ChannelFull(self.name, self.outbox.max_queued_bytes)

    def _send_fast(self, value: T) -> Entry | None:
        """None if it is sent, as a small plain message is for which there is room; else what is to be sent."""
        if self._is_checked:
            self._raise_if_type_is_bad()
            check(self.name, self.receiver.checker, value)
        entry: str | bytes | None
        if type(value) is str and value.isascii():  # type: ignore[attr-defined]
            # It cannot change any more, nor fail: it is encoded with its neighbours when they leave.
            entry = value  # type: ignore[assignment]
            cost = len(value) + _TEXT_COST_BYTES  # type: ignore[arg-type]
        else:
            entry = encode_plain(value)
            if entry is None:
                return self._pack_message(value)
            cost = len(entry) + MESSAGE_COST_BYTES
        if cost > self._max_small_cost_bytes:
            return self._pack_message(value)
        outbox = self.outbox
        with self.lock:
            waiting_bytes = outbox.waiting_bytes + cost
            if waiting_bytes > outbox.free_bytes:
                return entry
            if waiting_bytes < outbox.flush_at_bytes:
                outbox.waiting.append(entry)  # type: ignore[arg-type]
                outbox.waiting_bytes = waiting_bytes
                return None
            # In a burst a whole batch has been added since this was asked for the last time.
            self._sent_in_turn += _SENT_IN_TURN if outbox.flush_at_bytes else 1
            self.bind_to_running_loop()
            self.link.send_small(entry, cost)  # type: ignore[arg-type]
        return None

    def _pack_message(self, value: T) -> Entry:
        item = self.pack(FrameKind.MESSAGE, value)
        if item.flags == TAGGED and item.size_bytes <= self._max_small_cost_bytes:
            return Tagged(b"".join(item.parts))
        return item

    def _add(self, entry: Entry) -> bool:
        """Queue a message if there is room. With the lock."""
        self.raise_if_closed()
        self.bind_to_running_loop()
        size = cost_bytes(entry)
        if not self.outbox.has_room(size):
            self.look_for_room()
            if not self.outbox.has_room(size):
                return False
        if isinstance(entry, Item):
            self.connect_ends(entry)
            self.outbox.add_item(entry)
        else:
            self.outbox.waiting.append(entry)
            self.outbox.waiting_bytes += size
        self.link.flush_soon()
        return True

    def _need(self, entry: Entry) -> Need:
        self.let_threads_read(False)
        is_message = not isinstance(entry, Item) or entry.kind == FrameKind.MESSAGE
        return self.room.need_for(cost_bytes(entry), is_message=is_message)

    async def request(self, value: object, *, timeout: float | None = None) -> Any:
        """Send `value` to the other side's `on_request` handler and return what that returns.

        Raises `RemoteError` if the handler raised, `PeerGone` if no process is attached or it ends before it
        answers, `TimeoutError` after `timeout` seconds; and as `send` does. On the event loop only.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            self.raise_if_closed()
            self.bind_to_running_loop()
            number, future = self.calls.begin()
        try:
            item = self.pack(FrameKind.REQUEST, value, pack_number(number))
            with self.lock:
                is_sent = self._ask(item, number)
            if not is_sent and not await admit_on_loop(
                self, self._need(item), lambda: self._ask(item, number), timeout
            ):
                raise self._no_answer(timeout)
            self.let_threads_read(False)
            left = None if deadline is None else deadline - time.monotonic()
            return await asyncio.wait_for(future, left)
        except asyncio.TimeoutError as error:
            raise self._no_answer(timeout) from error
        finally:
            with self.lock:
                self.calls.forget(number)
            if future.done() and not future.cancelled():
                future.exception()  # looked at, though this caller may have learned it in another way

    def call(self, value: object, *, timeout: float | None = None) -> Any:
        """Like `request`, for threads, and for processes without an event loop. From any thread.

        On the event loop's own thread it holds that up: better there, `request`.
        """
        waiter = ThreadWaiter()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            self.raise_if_closed()
            number, future = self.calls.begin_in_thread(waiter)
        try:
            item = self.pack(FrameKind.REQUEST, value, pack_number(number))
            with self.lock:
                is_sent = self._ask(item, number)
            if not is_sent and not admit_in_thread(self, self._need(item), lambda: self._ask(item, number), timeout):
                raise self._no_answer(timeout)
            self.let_threads_read(False)
            if not answer_in_thread(self, future, waiter, deadline):
                raise self._no_answer(timeout)
            return future.result()
        finally:
            with self.lock:
                self.calls.forget(number)

    def _ask(self, item: Item, number: int) -> bool:
        self.raise_if_closed()
        if self.link.transport is None or not self.calls.is_waiting(number):
            raise PeerGone(self.name)
        return self.admit(item)

    def _no_answer(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(text("error.request_timeout", channel=self.name, seconds=timeout))

    def notify(self, value: object) -> None:
        """Like `request`, from any thread, for something that wants no answer; lost if nobody is attached.

        Raises `ChannelFull` if the other side does not read.
        """
        self._say(self.pack(FrameKind.REQUEST, value, pack_number(NO_REPLY)))

    def tell(self, value: object) -> None:
        """Send one value outside of the stream of messages, to what the other side has registered with `hear`.

        Never blocks; lost if nobody is attached. Raises `ChannelFull` if the other side does not read. From any
        thread.
        """
        self._say(self.pack(FrameKind.TELL, value))

    def _say(self, item: Item) -> None:
        with self.lock:
            self.raise_if_closed()
            self.bind_to_running_loop()
            if self.link.transport is not None and not self.admit(item):
                self._refused += 1
                raise ChannelFull(self.name, self.outbox.max_queued_bytes)

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
        Raises `ChannelModeError` if the channel is received from with `receive`.
        """

        self._raise_if_type_is_bad()

        def register(function: F) -> F:
            with self.lock:
                self.receiver.claim("on_receive")
                self.receiver.handlers += (Handler(function, filter_func),)
            self._has_handlers()
            return function

        return register

    def on_request(self, filter_func: FilterFunc | None = None) -> Callable[[F], F]:
        """Decorator: let a function, plain or `async`, answer the other side's `request`s.

        The first one whose filter accepts the value answers it, on the event loop. What it raises arrives over
        there as `RemoteError`. Independent of the receive mode.
        """

        def register(function: F) -> F:
            with self.lock:
                self.calls.handlers += (Handler(function, filter_func),)
            self._has_handlers()
            return function

        return register

    def _has_handlers(self) -> None:
        with self.lock:
            self.bind_to_running_loop()
        self.let_threads_read(False)
        self.deliver_soon()

    # --- the end

    def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Close this end. Using the channel raises `ChannelClosed` from then on.

        What is queued is still sent: a thread blocks for that, `timeout` seconds at most, and raises `TimeoutError`
        if something was left, which is dropped. On the event loop's own thread nothing blocks: the rest is sent
        in the background, and what is left in the end is logged. There, `aclose` waits.
        """
        if not self.begin_to_close():
            return
        if self.link.on_loop_thread() and self.link.loop is not None:
            self._tasks.start(self.link.loop, self._close_in_background(timeout))
            return
        self.link.write_out(timeout)
        self._raise_unless_all(self.end_closing(), timeout)

    async def aclose(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Like `close`, but wait without holding the event loop up. On the event loop only."""
        if self.begin_to_close():
            dropped = 0
            try:
                await self.written(timeout)
            finally:
                dropped = self.end_closing()
            self._raise_unless_all(dropped, timeout)

    async def _close_in_background(self, timeout: float) -> None:
        try:
            await self.written(timeout)
        finally:
            dropped = self.end_closing()
            if dropped:
                logger.warning(text("channel.dropped", channel=self.name, count=dropped))

    def _raise_unless_all(self, dropped: int, timeout: float) -> None:
        if dropped:
            raise TimeoutError(text("error.close_timeout", channel=self.name, count=dropped, seconds=timeout))

    # --- inside

    def _open(self, end: ChannelEnd) -> "Channel[Any]":
        """An end that came inside a value, opened."""
        channel = Channel[Any](end.name, **end.options._asdict())
        channel.attach(PipeTransport(socket.socket(fileno=end.handle.take())))
        return channel
