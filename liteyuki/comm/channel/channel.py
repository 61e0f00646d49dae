"""`Channel`: what plugin authors hold in their hands."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Final, Generic, TypeVar, get_args

from liteyuki.codec import encode_plain
from liteyuki.comm.channel.answers import Answers
from liteyuki.comm.channel.attachments import ChannelEnd, OpenEnd, open_pipe, pack
from liteyuki.comm.channel.control import ControlLane
from liteyuki.comm.channel.dispatch import Dispatcher
from liteyuki.comm.channel.handler_loop import HandlerLoop
from liteyuki.comm.channel.handlers import FilterFunc, Handler, check_filter
from liteyuki.comm.channel.receiving import Receiver
from liteyuki.comm.channel.requests import Requests
from liteyuki.comm.channel.sending import Line
from liteyuki.comm.io import Connection, ThreadWaiter
from liteyuki.comm.session import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Ack,
    ChannelOptions,
    ChannelStats,
    Entry,
    Session,
    check_options,
    cost_bytes,
)
from liteyuki.comm.transport import Transport
from liteyuki.comm.typecheck import check_for
from liteyuki.comm.wire import MAX_MESSAGE_BYTES, FrameKind
from liteyuki.errors import ChannelClosed, ChannelFull
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Channel"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[[Any], Any])

_CLOSE_TIMEOUT: Final = 10.0
_CONTROL_TIMEOUT: Final = 1.0
"""Seconds that another thread may take to pass on what the other side's core has told."""
_TEXT_COST_BYTES: Final = TEXT_HEAD_BYTES + MESSAGE_COST_BYTES
_SENT_IN_TURN_BYTES: Final = 4 * BATCH_BYTES
"""After so much, `asend` lets the loop turn."""


class Channel(OpenEnd, Generic[T]):
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
        options = ChannelOptions(max_queued_bytes, max_message_bytes, ack)
        check_options(name, options)
        self.name = name
        self.options = options
        self._session = Session(name, options)
        self._connection = connection = Connection(self._session)
        self._outgoing = connection.outgoing
        self._line = Line(connection)
        self._receiver = Receiver(connection, _open)
        self._answers = Answers(connection, self)
        self._requests = Requests(connection, self._line, self, _open)
        self._control = ControlLane(connection, self._answers)
        self._dispatcher = Dispatcher(connection, self._receiver, self._answers, self._control, _open)
        self._send_small = connection.outgoing.send_small
        self._text: type | None = str
        """What needs no encoding of its own, as long as nothing is checked: it cannot change any more, nor fail, and is
        encoded with its neighbours when they leave."""
        self._type: Any = None
        self._type_error: TypeError | None = None
        self._is_checked = False
        self._refused = self._sent_in_turn_bytes = 0
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
        entry: Entry
        if isinstance(value, str) and type(value) is self._text and value.isascii():
            entry, is_sent = value, self._send_small(value, len(value) + _TEXT_COST_BYTES)
        elif (payload := None if self._is_checked else encode_plain(value)) is not None:
            entry = payload
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
        while self._sent_in_turn_bytes >= _SENT_IN_TURN_BYTES:
            await self._next_turn()  # the loop must turn, or nobody takes anything
        entry: Entry
        if isinstance(value, str) and type(value) is self._text and value.isascii():
            size_bytes = len(value) + _TEXT_COST_BYTES
            entry, is_sent = value, self._send_small(value, size_bytes)
        elif (payload := None if self._is_checked else encode_plain(value)) is not None:
            entry, size_bytes = payload, len(payload) + MESSAGE_COST_BYTES
            is_sent = self._send_small(entry, size_bytes)
        else:
            entry = self._item(value)
            size_bytes, is_sent = cost_bytes(entry), self._outgoing.send(entry)
        self._sent_in_turn_bytes += size_bytes
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
        self._sent_in_turn_bytes = 0

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

    # --- for the core: the other side comes and goes

    @property
    def closed(self) -> ChannelClosed | None:
        """Why nothing can be sent any more; None while something can."""
        return self._session.closed

    def raise_if_closed(self) -> None:
        """Raises `ChannelClosed` or a kind of it."""
        self._session.raise_if_closed()

    @property
    def is_attached(self) -> bool:
        """Whether there is a transport to the other side."""
        return self._connection.transport is not None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody in this process has used it, though something may have come."""
        dispatcher, session = self._dispatcher, self._session
        used = self._receiver.mode or dispatcher.request_handlers or len(session.calls) or session.outbox.accepted
        return not used and not self._control.is_used and session.closed is None

    @property
    def keeps_untaken(self) -> bool:
        """Whether `keep_untaken` was called."""
        return self._session.keeps_untaken

    def keep_untaken(self) -> None:
        """Stay open when the process over there ends, and give the next one what that has not taken."""
        self._session.keeps_untaken = True

    def attach(self, transport: Transport, *, generation: int = 0) -> None:
        """Talk over `transport` from now on; one that there was is given up. Raises `ChannelClosed`."""
        self._connection.attach(transport, generation)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        self._connection.detach()
        self._dispatcher.deliver_soon()

    def adopt(self, other: "Channel[Any]") -> None:
        """Take over the transport of `other`, which nobody has used, and what has come over it; close `other`."""
        self._connection.adopt(other._connection)

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        self._connection.say_stop()

    def flush(self) -> None:
        """Write what waits now, as far as the system takes it."""
        with self._connection.lock:
            self._outgoing.flush()

    def has_peer(self) -> bool:
        """Whether anybody holds the other end: that can be told when all that came before is read."""
        with self._connection.lock:
            self._connection.read_all()
        self._dispatcher.deliver_soon()
        return self.is_attached

    # --- for the core: loops and threads

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and call handlers through `loop` from now on. On that loop's thread only."""
        self._connection.bind(loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The open loop that reads, if one is bound."""
        return self._connection.loop

    @property
    def handler_loop(self) -> HandlerLoop | None:
        """Where handlers run, if not on the loop that reads."""
        return self._dispatcher.handler_loop

    @handler_loop.setter
    def handler_loop(self, handler_loop: HandlerLoop | None) -> None:
        self._dispatcher.handler_loop = handler_loop

    def wait(self, waiter: ThreadWaiter, timeout: float | None) -> None:
        """Block this thread until `waiter` may have been woken, `timeout` seconds at most; read where no loop does."""
        self._connection.wait(waiter, timeout)
        self._connection.pump()

    # --- for the core: what cores ask and tell each other, beside what plugins do

    def on_control(self, kind: type[T], handler: Callable[[T], object]) -> None:
        """Have `handler` answer what the other side's core asks or tells, if it is exactly of class `kind`.

        It is called where it is read, without the channel's lock, in order, before any plugin's handler. What it
        returns is the answer; if that is awaitable, what it gives on the loop.
        """
        self._control.on(kind, handler)
        self._dispatcher.deliver_soon()

    async def ask(self, value: object, *, timeout: float | None = None) -> Any:
        """`request` for the other side's core."""
        return await self._requests.ask(FrameKind.CONTROL, value, timeout)

    def ask_in_thread(self, value: object, *, timeout: float | None = None) -> Any:
        """`call` for the other side's core."""
        return self._requests.ask_in_thread(FrameKind.CONTROL, value, timeout)

    def tell(self, value: object) -> None:
        """Send what wants no answer to the other side's core. Never blocks; lost if nobody is attached.

        Raises `ChannelFull` if the other side does not read. From any thread.
        """
        self._requests.tell(value)

    def read_control(self) -> None:
        """Take in what the other side's core has said, though no loop may have turned. From any thread."""
        with self._connection.lock:
            self._connection.read_all()
        self._control.pass_on(_CONTROL_TIMEOUT)
        self._control.wait_for_others(_CONTROL_TIMEOUT)
        self._dispatcher.deliver_soon()


def _open(end: ChannelEnd) -> Channel[Any]:
    """An end that came inside a value, opened."""
    channel = Channel[Any](end.name, **end.options._asdict())
    channel.attach(open_pipe(end.handle))
    return channel
