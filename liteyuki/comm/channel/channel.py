"""`Channel`: what plugin authors hold in their hands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Final, Generic, TypeVar, get_args

from liteyuki.codec import encode_plain
from liteyuki.comm.channel.attachments import ChannelEnd, open_pipe, pack
from liteyuki.comm.channel.endpoint import Endpoint
from liteyuki.comm.channel.handlers import FilterFunc, Handler, check_filter
from liteyuki.comm.session import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Ack,
    ChannelOptions,
    ChannelStats,
    Entry,
)
from liteyuki.comm.typecheck import check_for
from liteyuki.comm.wire import MAX_MESSAGE_BYTES, FrameKind
from liteyuki.errors import ChannelClosed, ChannelFull
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Channel"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[[Any], Any])

_CLOSE_TIMEOUT: Final = 10.0
_is_ascii: Final[Callable[[Any], bool]] = str.isascii
_TEXT_COST_BYTES: Final = TEXT_HEAD_BYTES + MESSAGE_COST_BYTES
_IN_TURN_BYTES: Final = 4 * BATCH_BYTES
"""After so much, `asend` lets the loop turn."""


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
    Raises `ValueError` for a wrong option.
    """

    def __init__(
        self,
        name: str,
        *,
        max_queued_bytes: int = 16 * 1024 * 1024,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        ack: Ack = "taken",
    ) -> None:
        super().__init__(name, ChannelOptions(max_queued_bytes, max_message_bytes, ack), _open)
        self._send_small = self._outgoing.send_small
        self._text: type | None = str
        """What needs no encoding of its own, as long as nothing is checked: it cannot change any more, nor fail, and is
        encoded with its neighbours when they leave."""
        self._type: Any = None
        self._type_error: TypeError | None = None
        self._is_checked = False
        self._refused = 0
        self._turning_loop: asyncio.AbstractEventLoop | None = None
        """The loop that is to turn before `asend` sends more."""

    @property
    def __orig_class__(self) -> Any:
        """`Channel[SomeType]`, if that is how it was made."""
        return self._type

    @__orig_class__.setter
    def __orig_class__(self, alias: Any) -> None:
        self._type, self._text = alias, None
        self._is_checked = True
        try:
            self._receiver.checker = check_for(get_args(alias)[0])
            self._is_checked = self._receiver.checker is not None
            self._text = None if self._is_checked else str
        except TypeError as error:
            # Since Python 3.13, typing swallows what is raised here; so it is raised again when the channel is used.
            self._type_error = error
            raise

    def _raise_if_type_is_bad(self) -> None:
        if self._type_error is not None:
            raise self._type_error

    def __repr__(self) -> str:
        state = "attached" if self.is_attached else "unattached"
        if self.closed is not None:
            state = "closed"
        return f"<Channel {self.name!r} {state}, {self._receiver.mode or 'no receiver yet'}, {self.stats}>"

    @property
    def stats(self) -> ChannelStats:
        """Figures so far. From any thread."""
        with self._connection.lock:
            self._session.look_for_room()
            outbox = self._session.outbox
            return ChannelStats(
                sent=outbox.accepted,
                sent_bytes=outbox.accepted_bytes,
                received=self._receiver.received,
                received_bytes=self._session.inbox.received_bytes,
                queued=outbox.messages,
                queued_bytes=outbox.queued_bytes,
                dropped=outbox.dropped,
                largest_bytes=outbox.largest_bytes,
                waits=self._line.waits,
                refused=self._refused + self._requests.refused,
            )

    @property
    def redelivered(self) -> bool:
        """In a handler, or after `receive`: whether an earlier process has begun to handle this value."""
        return self._receiver.is_redelivered

    # --- sending

    def send(self, value: T, *, timeout: float | None = None) -> None:
        """Send one value to the other process.

        Raises `TypeError`, before anything is queued, for a value that no channel carries, or that is not of this
        one's type (`WrongType`); `MessageTooLarge`; `ChannelClosed`. When `max_queued_bytes` are queued already, a
        thread waits for the other side, `timeout` seconds if given, and the event loop's own thread not at all:
        then it raises `ChannelFull`. On the loop, `asend` waits without holding it up. From any thread. A finalizer or
        a signal's handler that has interrupted this channel's work cannot wait, and gets `ChannelBusy` instead.
        """
        # Spelled out, here and in `asend`: a call for each message would be a tenth of what one costs in a burst.
        entry: Any
        if type(value) is self._text and _is_ascii(value):
            entry = value
            is_sent = self._send_small(entry, len(entry) + _TEXT_COST_BYTES)
        elif not self._is_checked and (entry := encode_plain(value)) is not None:
            is_sent = self._send_small(entry, len(entry) + MESSAGE_COST_BYTES)
        else:
            entry = self._item(value)
            is_sent = self._outgoing.send(entry)
        if not is_sent:
            self._send_when_there_is_room(entry, timeout)

    async def asend(self, value: T, *, timeout: float | None = None) -> None:
        """Like `send`, but wait without holding the event loop up; a cancelled `asend` has sent nothing.

        Raises `ChannelFull` after `timeout` seconds. On the event loop only.
        """
        while self._outgoing.in_turn_bytes >= _IN_TURN_BYTES:
            await self._next_turn()  # the loop must turn, or nobody takes anything
        entry: Any
        if type(value) is self._text and _is_ascii(value):
            entry = value
            is_sent = self._send_small(entry, len(entry) + _TEXT_COST_BYTES)
        elif not self._is_checked and (entry := encode_plain(value)) is not None:
            is_sent = self._send_small(entry, len(entry) + MESSAGE_COST_BYTES)
        else:
            entry = self._item(value)
            is_sent = self._outgoing.send(entry)
        if not is_sent:
            await self._asend_when_there_is_room(entry, timeout)

    def _item(self, value: T) -> Entry:
        """What is to be sent for a value that is checked, or travels with flags or handles."""
        if self._is_checked:
            self._raise_if_type_is_bad()
            if self._receiver.checker is not None:
                self._receiver.checker.require(value, self.name)
            payload = encode_plain(value)
            if payload is not None:
                return payload
        return pack(self, FrameKind.MESSAGE, value)

    def _send_when_there_is_room(self, entry: Entry, timeout: float | None) -> None:
        if self._is_loop_thread():
            raise self._full()
        attempt = partial(self._outgoing.send, entry, is_my_turn=True)
        if not self._line.wait_in_thread(self._line.need_of(entry), attempt, timeout):
            raise self._full()

    async def _asend_when_there_is_room(self, entry: Entry, timeout: float | None) -> None:
        attempt = partial(self._outgoing.send, entry, is_my_turn=True)
        if not await self._line.wait_on_loop(self._line.need_of(entry), attempt, timeout):
            raise self._full()

    def _full(self) -> ChannelFull:
        self._refused += 1
        return ChannelFull(self.name, self.options.max_queued_bytes)

    async def _next_turn(self) -> None:
        """Wait until the loop has turned. So does whoever comes meanwhile, in order, so that nobody overtakes."""
        loop = asyncio.get_running_loop()
        if self._turning_loop is not loop:
            self._turning_loop = loop
            loop.call_soon(self._has_turned)
        await asyncio.sleep(0)

    def _has_turned(self) -> None:
        self._turning_loop = None
        self._outgoing.in_turn_bytes = 0

    def _is_loop_thread(self) -> bool:
        """Whether this thread must not be blocked: the one of the loop that reads, or of the handlers'."""
        handler_loop = self._dispatcher.handler_loop
        return self._connection.loop_here() is not None or (handler_loop is not None and handler_loop.is_this_thread())

    # --- receiving one value at a time

    def receive(self, timeout: float | None = None) -> T:
        """Block this thread until a value has come, and return it.

        Raises `TimeoutError` after `timeout` seconds, `ChannelModeError` if the channel has `on_receive`
        handlers, `ChannelClosed` when no value can come any more, `WrongType` for a value that a typed channel
        does not carry. On the event loop's own thread it holds that up; other channels' handlers still start.
        Better there: `async_receive`.
        """
        self._raise_if_type_is_bad()
        value: T = self._receiver.receive_in_thread(timeout, self._dispatcher.handler_loop)
        return value

    async def async_receive(self) -> T:
        """Wait for a value and return it; a cancelled wait loses none.

        Raises `ChannelModeError`, `ChannelClosed` and `WrongType` as `receive` does. On the event loop only.
        """
        self._raise_if_type_is_bad()
        value: T = await self._receiver.receive_on_loop()
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

    # --- receiving with handlers

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
            self._dispatcher.add(Handler(function, filter_func))
            return function

        return register

    # --- questions and answers

    async def request(self, value: object, *, timeout: float | None = None) -> Any:
        """Send `value` to the other side's `on_request` handler and return what that returns.

        Raises `RemoteError` if the handler raised, `PeerGone` if no process is attached or it ends before it
        answers, `TimeoutError` after `timeout` seconds; and as `send` does. On the event loop only.
        """
        return await self._requests.ask(FrameKind.REQUEST, value, timeout)

    def call(self, value: object, *, timeout: float | None = None) -> Any:
        """Like `request`, for threads, and for processes without an event loop. From any thread.

        On the event loop's own thread it holds that up: better there, `request`. Raises `ChannelBusy` in a finalizer or
        a signal's handler that has interrupted this channel's work.
        """
        return self._requests.ask_in_thread(FrameKind.REQUEST, value, timeout)

    def on_request(self, filter_func: FilterFunc | None = None) -> Callable[[F], F]:
        """Decorator: let a function, plain or `async`, answer the other side's `request`s.

        The first one whose filter accepts the value answers it, on the event loop. What it raises arrives over
        there as `RemoteError`. Independent of the receive mode. Raises `TypeError` as `on_receive` does.
        """
        check_filter(filter_func)

        def register(function: F) -> F:
            self._dispatcher.add_for_requests(Handler(function, filter_func))
            return function

        return register

    # --- the end

    def close(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Close this end. Using the channel raises `ChannelClosed` from then on.

        What is queued is still sent: a thread blocks for that, `timeout` seconds at most, and raises `TimeoutError`
        if something was left, which is dropped. On the event loop's own thread nothing blocks: the rest is sent
        in the background, and what is left in the end is logged. There, `aclose` waits.
        """
        if not self._begin_to_close():
            return
        if self._is_loop_thread():
            self._dispatcher.tasks.start(asyncio.get_running_loop(), self._close_in_background(timeout))
        else:
            self._outgoing.write_out(timeout)
            self._end_closing(timeout)

    async def aclose(self, timeout: float = _CLOSE_TIMEOUT) -> None:
        """Like `close`, but wait without holding the event loop up. On the event loop only."""
        if not self._begin_to_close():
            return
        try:
            await self._outgoing.wait_until_written(timeout)
        except BaseException:
            self._connection.end_closing()
            raise
        self._end_closing(timeout)

    def abandon(self) -> None:
        """Close this end now: what is queued is forgotten, and whoever waits is woken. On the loop, or without one."""
        if self._begin_to_close():
            self._connection.end_closing()

    def _begin_to_close(self) -> bool:
        with self._connection.lock:
            if self._connection.begin_to_close():
                self._receiver.finish_in_hand()
                return True
            return False

    async def _close_in_background(self, timeout: float) -> None:
        try:
            await self._outgoing.wait_until_written(timeout)
        finally:
            dropped = self._connection.end_closing()
            if dropped:
                logger.warning(text("channel.dropped", channel=self.name, count=dropped))

    def _end_closing(self, timeout: float) -> None:
        dropped = self._connection.end_closing()
        if dropped:
            raise TimeoutError(text("error.close_timeout", channel=self.name, count=dropped, seconds=timeout))


def _open(end: ChannelEnd) -> Channel[Any]:
    """An end that came inside a value, opened."""
    channel = Channel[Any](end.name, **end.options._asdict())
    channel.attach(open_pipe(end.handle))
    return channel
