"""Beside the stream of messages: questions that the other side answers, and what it is only told."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, TypeVar

from liteyuki.comm.channel.attachments import pack
from liteyuki.comm.channel.ends import ChannelOptions
from liteyuki.comm.channel.handlers import FilterFunc, Handler, check_filter
from liteyuki.comm.channel.sending import admit_in_thread, admit_on_loop, answer_in_thread, raise_if_busy
from liteyuki.comm.io.waiters import ThreadWaiter
from liteyuki.comm.session.calls import NO_REPLY, pack_number
from liteyuki.comm.session.items import Item
from liteyuki.comm.session.queueing import admit, need_of
from liteyuki.comm.session.session import Endpoint
from liteyuki.comm.wire import FrameKind
from liteyuki.errors import ChannelFull, PeerGone
from liteyuki.locale import text

__all__ = ["AskingEndpoint"]

F = TypeVar("F", bound=Callable[[Any], Any])


class AskingEndpoint(Endpoint):
    """The part of `Channel` that asks and answers."""

    def __init__(self, name: str, options: ChannelOptions) -> None:
        super().__init__(name, options)
        self._refused = 0

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
            item = pack(self, FrameKind.REQUEST, value, pack_number(number))
            with self.lock:
                is_sent = self._ask(item, number)
            if not is_sent and not await admit_on_loop(
                self, need_of(self, item), lambda: self._ask(item, number), timeout
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

        On the event loop's own thread it holds that up: better there, `request`. Raises `ChannelBusy` in a finalizer or
        a signal's handler that has interrupted this channel's work.
        """
        raise_if_busy(self)
        waiter = ThreadWaiter()
        deadline = None if timeout is None else time.monotonic() + timeout
        with self.lock:
            self.raise_if_closed()
            number, future = self.calls.begin_in_thread(waiter)
        try:
            item = pack(self, FrameKind.REQUEST, value, pack_number(number))
            with self.lock:
                is_sent = self._ask(item, number)
            if not is_sent and not admit_in_thread(self, need_of(self, item), lambda: self._ask(item, number), timeout):
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
        return admit(self, item)

    def _no_answer(self, timeout: float | None) -> TimeoutError:
        return TimeoutError(text("error.request_timeout", channel=self.name, seconds=timeout))

    def notify(self, value: object) -> None:
        """Like `request`, from any thread, for something that wants no answer; lost if nobody is attached.

        Raises `ChannelFull` if the other side does not read.
        """
        self._say(pack(self, FrameKind.REQUEST, value, pack_number(NO_REPLY)))

    def tell(self, value: object) -> None:
        """Send one value outside of the stream of messages, to what the other side has registered with `hear`.

        Never blocks; lost if nobody is attached. Raises `ChannelFull` if the other side does not read. From any
        thread.
        """
        self._say(pack(self, FrameKind.TELL, value))

    def _say(self, item: Item) -> None:
        with self.lock:
            self.raise_if_closed()
            self.bind_to_running_loop()
            if self.link.transport is not None and not admit(self, item):
                self._refused += 1
                raise ChannelFull(self.name, self.outbox.max_queued_bytes)

    def on_request(self, filter_func: FilterFunc | None = None) -> Callable[[F], F]:
        """Decorator: let a function, plain or `async`, answer the other side's `request`s.

        The first one whose filter accepts the value answers it, on the event loop. What it raises arrives over
        there as `RemoteError`. Independent of the receive mode. Raises `TypeError` as `on_receive` does.
        """
        check_filter(filter_func)

        def register(function: F) -> F:
            with self.lock:
                self.calls.handlers += (Handler(function, filter_func),)
            self.begin_to_deliver()
            return function

        return register

    def on_core_request(self, filter_func: FilterFunc) -> Callable[[F], F]:
        """`on_request` for the core: answered on the loop that reads, and before any plugin is asked."""

        def register(function: F) -> F:
            with self.lock:
                self.calls.core_handlers += (Handler(function, filter_func),)
            self.begin_to_deliver()
            return function

        return register
