"""`Channel`: what plugin authors hold in their hands."""

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Generic, Literal, TypeVar

from liteyuki.comm import blocking
from liteyuki.comm.calls import NO_REPLY, Calls, pack_numbered
from liteyuki.comm.codec import CodecError, decode, encode
from liteyuki.comm.framing import MAX_FRAME_BYTES, Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.handlers import FilterFunc, Handler, TaskStarter, accepts, run_handler
from liteyuki.comm.hello import check_hello, pack_hello
from liteyuki.comm.inbox import Inbox, wait_in_thread
from liteyuki.comm.link import Link
from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.errors import ChannelBroken, ChannelClosed, ChannelModeError, MessageTooLarge, PeerGone
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Channel"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[[Any], Any])

_ON_RECEIVE: Literal["on_receive"] = "on_receive"
_RECEIVE: Literal["receive"] = "receive"


class Channel(Generic[T]):
    """A named, full-duplex, ordered stream of values between two processes.

    `send` and `receive` may be called from any thread; whatever is `async` belongs on the event loop. There is
    one receive mode per channel and process, decided by the first use: `on_receive` handlers, or `receive`
    (with `async_receive` and iteration). A value arrives with the same type that was sent; see `send`.

    The core makes two for each process, `{process}-active` and `{process}-passive`; take them with
    `liteyuki.comm.get_channel`. They belong to the process's name and survive its restarts: what is sent while
    no child is there, or was not taken by the last one, reaches the next, in order.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.lock = threading.RLock()
        self.link = Link(self.lock, on_frames=self._sort, on_end=self._ended, on_loop_read=self.deliver)
        self._calls = Calls(name)
        self._tasks = TaskStarter()
        self._mode: Literal["on_receive", "receive"] | None = None
        self._handlers: list[Handler] = []
        self._inbox = Inbox()
        self._greeted = False
        self._is_delivering = False
        self._peer_stops = False
        self._closed: ChannelClosed | None = None
        self._sent = self._received = 0

    def __repr__(self) -> str:
        state = "unattached" if self.link.transport is None else "attached"
        if self._closed is not None:
            state = "closed"
        mode = self._mode or "no receiver yet"
        return f"<Channel {self.name!r} {state}, {mode}, {self._sent} sent, {self._received} received>"

    # --- sending

    def send(self, value: T) -> None:
        """Send one value to the other process; on the event loop this never blocks.

        Raises `TypeError`, before anything is queued, for a value that no channel carries; `MessageTooLarge`
        above `MAX_FRAME_BYTES`; `ChannelClosed`. From any thread.
        """
        flags, payload = encode(value)
        self._check_size(payload)
        with self.lock:
            self._raise_if_closed()
            self._bind_to_running_loop()
            self.link.send_message(pack_frame(FrameKind.MESSAGE, flags, payload))
            self._sent += 1

    async def request(self, value: object, *, timeout: float | None = None) -> Any:
        """Send `value` to the other side's `on_request` handler and return what that returns.

        Raises `RemoteError` if the handler raised, `PeerGone` if no process is attached or it ends before it
        answers, `TimeoutError` after `timeout` seconds; and as `send` does. On the event loop only.
        """
        with self.lock:
            self._raise_if_closed()
            self._bind_to_running_loop()
            number, future = self._calls.begin()
            try:
                flags, body = pack_numbered(number, value)
                self._check_size(body)
                if not self.link.send_control(FrameKind.REQUEST, flags, body):
                    raise PeerGone(self.name)
            except BaseException:
                self._calls.forget(number)
                raise
        self._let_threads_read(False)
        try:
            return await asyncio.wait_for(future, timeout)
        except asyncio.TimeoutError as error:
            raise TimeoutError(text("error.request_timeout", channel=self.name, seconds=timeout)) from error
        finally:
            with self.lock:
                self._calls.forget(number)

    def notify(self, value: object) -> None:
        """Like `request`, from any thread, for something that wants no answer; lost if nobody is attached."""
        flags, body = pack_numbered(NO_REPLY, value)
        self._check_size(body)
        with self.lock:
            self._raise_if_closed()
            self.link.send_control(FrameKind.REQUEST, flags, body)

    # --- receiving, one value at a time

    def receive(self, timeout: float | None = None) -> T:
        """Block this thread until a value has come, and return it.

        Raises `TimeoutError` after `timeout` seconds, `ChannelModeError` if the channel has `on_receive`
        handlers, `ChannelClosed` when no value can come any more. On the event loop's own thread it holds that
        up; other channels' handlers still start. Better there: `async_receive`.
        """
        self._claim(_RECEIVE)
        with self.lock:
            self._bind_to_running_loop()
        deadline = None if timeout is None else time.monotonic() + timeout
        on_loop = self.link.on_loop_thread()
        if on_loop:
            blocking.warn_once(self.name)
            blocking.serve_others(self)
        elif self.link.transport is not None and not self._must_watch():
            self._let_threads_read(True)
        with self.lock:
            self._inbox.threads += 1
        try:
            while True:
                with self.lock:
                    if self.something_came():
                        return self._take()
                    self._raise_if_closed()
                    if self._peer_stops:
                        raise ChannelClosed(self.name, text("channel.reason_stopping"))
                    bell = self._inbox.prepare_to_wait()
                    transport = self.link.transport
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise TimeoutError(text("error.receive_timeout", channel=self.name, seconds=timeout))
                if on_loop:
                    blocking.wait(self, left)
                else:
                    wait_in_thread(bell, transport.fileno() if transport is not None else None, left)
        finally:
            with self.lock:
                self._inbox.threads -= 1
                if self._inbox.threads and (self._inbox.frames or self._closed or self._peer_stops):
                    self._inbox.ring()  # what woke this thread is the next one's business too

    async def async_receive(self) -> T:
        """Wait for a value and return it; a cancelled wait loses none.

        Raises `ChannelModeError` and `ChannelClosed` as `receive` does. On the event loop only.
        """
        self._claim(_RECEIVE)
        while True:
            with self.lock:
                self._bind_to_running_loop()
                if self.something_came():
                    return self._take()
                self._raise_if_closed()
                waiter = self._inbox.new_waiter()
            self._let_threads_read(False)
            try:
                await waiter
            except asyncio.CancelledError:
                with self.lock:
                    self._inbox.withdraw(waiter)
                raise

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

        def register(function: F) -> F:
            self._claim(_ON_RECEIVE)
            self._register(self._handlers, Handler(function, filter_func))
            return function

        return register

    def on_request(self, filter_func: FilterFunc | None = None) -> Callable[[F], F]:
        """Decorator: let a function, plain or `async`, answer the other side's `request`s.

        The first one whose filter accepts the value answers it, on the event loop. What it raises arrives over
        there as `RemoteError`. Independent of the receive mode.
        """

        def register(function: F) -> F:
            self._register(self._calls.handlers, Handler(function, filter_func))
            return function

        return register

    def _register(self, handlers: list[Handler], handler: Handler) -> None:
        with self.lock:
            handlers.append(handler)
            self._bind_to_running_loop()
        self._let_threads_read(False)
        self._deliver_soon()

    def deliver(self, *, at_most: int = sys.maxsize) -> None:
        """Hand what has arrived to the handlers, so many messages. On the loop's thread, without the lock.

        For `comm` itself.
        """
        loop = self.link.loop
        if loop is None or loop.is_closed():
            return
        while self._calls.requests:
            self._tasks.start(loop, self._answer(*self._calls.requests.popleft()))
        if self._is_delivering:
            return  # a handler of this channel holds the loop up: the next one's turn comes after it
        self._is_delivering = True
        try:
            while self._inbox.frames and self._handlers and at_most > 0:
                at_most -= 1
                self._hand_out(loop)
        except ChannelBroken:
            return  # told when it broke
        finally:
            self._is_delivering = False

    def _hand_out(self, loop: asyncio.AbstractEventLoop) -> None:
        with self.lock:
            value, transport = self._next_value()
        handlers = [handler for handler in self._handlers if accepts(handler, value, self.name)]
        # As late as can be: a process that is killed before this leaves the message to the next one.
        if transport is not None:
            transport.mark_taken()
        for handler in handlers:
            run_handler(handler, value, self.name, lambda coroutine: self._tasks.start(loop, coroutine))

    async def _answer(self, number: int, value: object, transports: int) -> None:
        answer = await self._calls.answer(number, value)
        with self.lock:
            if answer is not None and transports == self._calls.transports:
                self.link.send_control(*answer)

    # --- the other side comes and goes (for the core)

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and call handlers through `loop`, which runs on this thread."""
        with self.lock:
            self.link.bind(loop)
        blocking.remember(self)
        loop.call_soon(self.deliver)

    def keep_untaken(self) -> None:
        """Keep each message until it is taken, across transports: the main process's side of a channel."""
        self.link.keeps_untaken = True

    def attach(self, transport: Transport, *, generation: int = 0) -> None:
        """Talk over `transport` from now on, and greet whoever is there."""
        with self.lock:
            self._raise_if_closed()
            self._greeted = self._peer_stops = False
            self._inbox.transport_changed()
            self._calls.transports += 1
            self.link.attach(transport, pack_hello(generation))
            self._inbox.wake_all()

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        with self.lock:
            self.link.read_all()
            self.link.detach()
            self._calls.fail_all()

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        with self.lock:
            self.link.send_control(FrameKind.STOP)

    def close(self) -> None:
        """Close this end. Using the channel raises `ChannelClosed` from then on.

        What is queued is still sent: now, or, on an event loop, as fast as the other side takes it.
        """
        with self.lock:
            if self._closed is None:
                self._closed = ChannelClosed(self.name, text("channel.reason_closed_here"))
                self.link.detach_when_flushed()
                self._calls.fail_all()
                self._inbox.wake_all()

    @property
    def pending(self) -> int:
        """How many sent messages nobody over there has taken, as far as this side keeps them."""
        with self.lock:
            self.link.forget_taken()
            return len(self.link.unsent)

    # --- inside, under the lock

    def _sort(self, frames: list[Frame]) -> None:
        for frame in frames:
            try:
                self._sort_one(frame)
            except (CodecError, FrameError) as error:
                self._break(str(error))
                return
        if self._inbox.frames:
            self._inbox.wake_one()
        if (self._calls.requests or (self._inbox.frames and self._handlers)) and not self.link.loop_reads:
            self._deliver_soon()

    def _sort_one(self, frame: Frame) -> None:
        if not self._greeted:
            check_hello(frame)
            self._greeted = True
        elif frame.kind == FrameKind.MESSAGE:
            self._inbox.add(frame)
        elif frame.kind == FrameKind.HELLO:
            raise FrameError(text("channel.second_hello"))
        elif frame.kind == FrameKind.STOP:
            self._peer_stops = True
            self._inbox.wake_all()
        else:
            self._calls.receive(frame)

    def something_came(self) -> bool:
        """Whether there is a value to take; reads if there is none yet. For `comm` itself, under the lock."""
        # One read may have brought other frames only, such as the greeting.
        while not self._inbox.frames and self.link.read():
            pass
        return bool(self._inbox.frames)

    def _take(self) -> T:
        value, transport = self._next_value()
        if transport is not None:
            transport.mark_taken()
        return value

    def _next_value(self) -> tuple[T, Transport | None]:
        """The oldest value, no longer in the inbox, and the transport that is to be told when it is taken."""
        frame, is_of_this_transport = self._inbox.take()
        if self._inbox.frames and self._inbox.has_waiters:
            self._inbox.wake_one()  # several may have come at once
        self._received += 1
        try:
            value: T = decode(frame.flags, frame.body)
        except CodecError as error:
            self._break(str(error))
            raise ChannelBroken(self.name, str(error)) from error
        return value, self.link.transport if is_of_this_transport else None

    def _ended(self, error: TransportEnded | FrameError) -> None:
        if isinstance(error, FrameError):
            self._break(str(error))
            return
        if error.unfinished_bytes:
            logger.warning(text("channel.cut", channel=self.name, bytes=error.unfinished_bytes))
        self._lose_transport(ChannelClosed(self.name, text("channel.reason_ended")))

    def _break(self, detail: str) -> None:
        broken = ChannelBroken(self.name, text("channel.reason_broken", detail=detail))
        logger.error(str(broken))
        self._lose_transport(broken)

    def _lose_transport(self, reason: ChannelClosed) -> None:
        if self.link.keeps_untaken:
            # The main process's side waits for the next child.
            self.link.detach()
            self._calls.fail_all()
        else:
            self._close(reason)

    def _close(self, reason: ChannelClosed) -> None:
        if self._closed is None:
            self._closed = reason
        self.link.detach()
        self._calls.fail_all()
        self._inbox.wake_all()

    def _raise_if_closed(self) -> None:
        if self._closed is not None:
            raise type(self._closed)(self.name, self._closed.reason)

    def _claim(self, wanted: Literal["on_receive", "receive"]) -> None:
        with self.lock:
            if self._mode is None:
                self._mode = wanted
            elif self._mode != wanted:
                raise ChannelModeError(self.name, self._mode, wanted)

    def _check_size(self, payload: bytes) -> None:
        if len(payload) > MAX_FRAME_BYTES:
            raise MessageTooLarge(self.name, len(payload), MAX_FRAME_BYTES)

    def _bind_to_running_loop(self) -> None:
        """Whoever uses a channel on a loop before the startup hook has bound it binds it thereby."""
        if self.link.loop is None or self.link.loop.is_closed():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self.bind(loop)

    def _must_watch(self) -> bool:
        return bool(
            self._handlers
            or self._calls.handlers
            or self._calls.has_callers
            or self._inbox.has_waiters
            or self.link.keeps_untaken
        )

    def _let_threads_read(self, allowed: bool) -> None:
        with self.lock:
            if self.link.thread_reads != allowed:
                self.link.thread_reads = allowed
                self.link.update_watch()

    def _deliver_soon(self) -> None:
        loop = self.link.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self.deliver)
