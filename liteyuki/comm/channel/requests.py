"""Questions that the other side answers: asking them on the event loop and in threads."""

import asyncio
import contextlib
import threading
import time
from typing import Any

from liteyuki.codec import CodecError
from liteyuki.comm.channel.answers import remote_error
from liteyuki.comm.channel.attachments import OpenChannelEnd, OpenEnd, pack, unpack
from liteyuki.comm.channel.sending import Line
from liteyuki.comm.io import Connection, ThreadWaiter
from liteyuki.comm.session import NO_REPLY, Item
from liteyuki.comm.wire import COUNT, Frame, FrameKind
from liteyuki.errors import ChannelBroken, ChannelFull, PeerGone
from liteyuki.locale import text

__all__ = ["Requests"]


class _LoopCall:
    """A coroutine that waits for an answer. Made on its event loop."""

    def __init__(self) -> None:
        self.future: asyncio.Future[Frame | None] = asyncio.get_running_loop().create_future()
        self._thread = threading.get_ident()

    def settle(self, answer: Frame | None) -> None:
        if threading.get_ident() == self._thread:
            if not self.future.done():
                self.future.set_result(answer)
            return
        # Whoever reads the channel may do so on another thread; a loop that has closed waits for nothing.
        with contextlib.suppress(RuntimeError):
            self.future.get_loop().call_soon_threadsafe(self._settle, answer)

    def _settle(self, answer: Frame | None) -> None:
        if not self.future.done():
            self.future.set_result(answer)


class _ThreadCall:
    """A thread that does."""

    def __init__(self) -> None:
        self.waiter = ThreadWaiter()
        self.answer: Frame | None = None
        self.is_settled = False

    def settle(self, answer: Frame | None) -> None:
        self.answer, self.is_settled = answer, True
        self.waiter.wake()


class Requests:
    """The asking half of a channel."""

    def __init__(self, connection: Connection, line: Line, carrier: OpenEnd, open_end: OpenChannelEnd) -> None:
        self.refused = 0
        """How often `ChannelFull` was raised."""
        self._connection = connection
        self._calls = connection.session.calls
        self._line = line
        self._carrier = carrier
        self._open_end = open_end

    async def ask(self, kind: FrameKind, value: object, timeout: float | None) -> Any:
        """The answer to `value`. Raises as `Channel.request` does. On the event loop only."""
        deadline = None if timeout is None else time.monotonic() + timeout
        call = _LoopCall()
        with self._connection.lock:
            self._connection.session.raise_if_closed()
            self._connection.use_running_loop()
            number = self._calls.begin(call)
        try:
            item = pack(self._carrier, kind, value, COUNT.pack(number))
            if not self._send(item, number) and not await self._line.wait_on_loop(
                self._line.need_of(item), lambda: self._send(item, number), timeout
            ):
                raise self._no_answer(timeout)
            left = None if deadline is None else deadline - time.monotonic()
            return self._result_of(await asyncio.wait_for(call.future, left))
        except asyncio.TimeoutError as error:
            raise self._no_answer(timeout) from error
        finally:
            with self._connection.lock:
                self._calls.forget(number)

    def ask_in_thread(self, kind: FrameKind, value: object, timeout: float | None) -> Any:
        """The same, blocking this thread. Raises `ChannelBusy` too."""
        connection = self._connection
        connection.raise_if_busy()
        call = _ThreadCall()
        deadline = None if timeout is None else time.monotonic() + timeout
        with connection.lock:
            connection.session.raise_if_closed()
            number = self._calls.begin(call)
        try:
            item = pack(self._carrier, kind, value, COUNT.pack(number))
            if not self._send(item, number) and not self._line.wait_in_thread(
                self._line.need_of(item), lambda: self._send(item, number), timeout
            ):
                raise self._no_answer(timeout)
            while not call.is_settled:
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise self._no_answer(timeout)
                connection.wait(call.waiter, left)
                connection.pump()
            return self._result_of(call.answer)
        finally:
            with connection.lock:
                self._calls.forget(number)

    def tell(self, value: object) -> None:
        """Send what wants no answer to the other side's core; lost if nobody is attached. From any thread.

        Raises `ChannelFull` if the other side does not read.
        """
        item = pack(self._carrier, FrameKind.CONTROL, value, COUNT.pack(NO_REPLY))
        with self._connection.lock:
            self._connection.session.raise_if_closed()
            self._connection.use_running_loop()
            if self._connection.transport is not None and not self._connection.outgoing.send_control(item):
                self.refused += 1
                raise ChannelFull(self._carrier.name, self._carrier.options.max_queued_bytes)

    def _send(self, item: Item, number: int) -> bool:
        with self._connection.lock:
            if self._connection.session.closed is not None:
                self._connection.session.raise_if_closed()
            if self._connection.transport is None or not self._calls.is_waiting(number):
                raise PeerGone(self._carrier.name)
            return self._connection.outgoing.send_control(item)

    def _result_of(self, answer: Frame | None) -> Any:
        if answer is None:
            raise PeerGone(self._carrier.name)
        try:
            value = unpack(answer, self._open_end, skip_bytes=COUNT.size)
        except CodecError as error:
            with self._connection.lock:
                self._connection.break_off(str(error))
            raise ChannelBroken(self._carrier.name, str(error)) from error
        if answer.kind == FrameKind.FAILURE:
            raise remote_error(self._carrier.name, value)
        return value

    def _no_answer(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(text("error.request_timeout", channel=self._carrier.name, seconds=timeout))
