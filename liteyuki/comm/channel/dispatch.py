"""What has come over a channel goes to its handlers: each on the loop where it belongs."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final

from liteyuki.comm.channel.answers import Answers
from liteyuki.comm.channel.attachments import OpenChannelEnd
from liteyuki.comm.channel.control import ControlLane
from liteyuki.comm.channel.handler_loop import HandlerLoop
from liteyuki.comm.channel.handlers import Handler, TaskStarter, accepts, call_handler, log_failure, rest_of
from liteyuki.comm.channel.receiving import Receipt, Receiver, in_handler
from liteyuki.comm.io import Connection
from liteyuki.comm.session import Run
from liteyuki.errors import PLUGIN_ERRORS_OF_A_CALL, ChannelBroken, WrongType
from liteyuki.log import logger

__all__ = ["Dispatcher"]

_AT_MOST: Final = 1000
"""Messages after which a loop of handlers turns, so that what they have begun goes on."""


class Dispatcher:
    """Calls are made without the channel's lock."""

    def __init__(
        self,
        connection: Connection,
        receiver: Receiver,
        answers: Answers,
        control: ControlLane,
        open_end: OpenChannelEnd,
    ) -> None:
        self.handlers: tuple[Handler, ...] = ()
        self.request_handlers: tuple[Handler, ...] = ()
        self.handler_loop: HandlerLoop | None = None
        """Where handlers run, if not on the loop that reads."""
        self.tasks = TaskStarter()
        self._connection = connection
        self._session = connection.session
        self._receiver = receiver
        self._answers = answers
        self._control = control
        self._open_end = open_end
        self._is_handing_out = False
        self._is_due = False
        """Whether the loop of handlers has been told of what has come last."""
        connection.on_read = self.deliver

    def add(self, handler: Handler) -> None:
        """`handler` wants messages from now on. Raises `ChannelModeError`."""
        with self._connection.lock:
            self._receiver.claim("on_receive")
            self.handlers += (handler,)
        self._begin()

    def add_for_requests(self, handler: Handler) -> None:
        """`handler` answers requests from now on."""
        with self._connection.lock:
            self.request_handlers += (handler,)
        self._begin()

    def _begin(self) -> None:
        with self._connection.lock:
            self._connection.use_running_loop()
        self.deliver_soon()

    def deliver_soon(self) -> None:
        """Something may have come without the loop having read it."""
        self._connection.call_soon(self._deliver_all)

    def _deliver_all(self) -> None:
        self.deliver(sys.maxsize)

    @property
    def _has_work(self) -> bool:
        session = self._session
        return bool(session.requests or (self.handlers and session.inbox))

    def deliver(self, at_most: int) -> None:
        """Hand what has arrived to the handlers, so many messages, or have their loop do it. From any thread."""
        session, inbox = self._session, self._session.inbox
        if session.control.waiting:
            self._control.pass_on()
        if not (session.requests.waiting or (self.handlers and (inbox.values or inbox.frames or inbox.runs))):
            return
        if self.handler_loop is not None:
            if not self._is_due:
                self._is_due = True
                self.handler_loop.call_soon(self._hand_out_there)
        elif (loop := self._connection.loop_here()) is not None:
            self._hand_out(loop, at_most)
            if at_most < sys.maxsize and self._has_work:
                self._connection.call_soon(self._deliver_all)
        else:
            self._connection.call_soon(self._deliver_all)

    def _hand_out_there(self) -> None:
        """On the loop of handlers."""
        assert self.handler_loop is not None
        self._is_due = False  # first this: what comes from now on may be missed below
        try:
            self._hand_out(self.handler_loop.loop, _AT_MOST)
        finally:
            if not self._is_handing_out:  # or whoever is at it goes on
                self.deliver(0)

    def _hand_out(self, loop: asyncio.AbstractEventLoop, at_most: int) -> None:
        connection, session = self._connection, self._session
        try:
            while session.requests.waiting:
                with connection.lock:
                    request = session.requests.take()
                value = self._answers.value_of(request, self._open_end)
                self.tasks.start(loop, self._answers.ask(self.request_handlers, request, value))
            if not self._is_handing_out:  # or a handler of this channel holds the loop up: its turn comes first
                self._is_handing_out = True
                try:
                    inbox = session.inbox
                    while at_most > 0 and self.handlers and not session.is_closed_here:
                        if not (inbox.values or inbox.runs or inbox.frames) or not self._receiver.open_run():
                            break
                        at_most -= self._hand_out_run(loop, at_most)
                finally:
                    self._is_handing_out = False
        except ChannelBroken:
            return  # which has been said
        if connection.is_paused:
            with connection.lock:
                connection.unpause()

    def _hand_out_run(self, loop: asyncio.AbstractEventLoop, at_most: int) -> int:
        """Call the handlers with what was decoded last, so many values; how many it were."""
        values, run, handlers, count = self._session.inbox.values, self._receiver.run, self.handlers, 0
        assert run is not None
        if self._session.options.ack == "handled" or self._receiver.checker is not None:
            while count < at_most:
                try:
                    value = values.popleft()
                except IndexError:
                    break
                count += 1
                self._call_checked(loop, run, value)
            return count
        acks, name = run.acks, self._session.name
        only = handlers[0].function if len(handlers) == 1 and handlers[0].filter_func is None else None
        try:
            while count < at_most:
                try:
                    value = values.popleft()
                except IndexError:  # it may be closed meanwhile, here or on another thread
                    break
                count += 1
                if acks is not None and acks.take():
                    self._receiver.say_taken()
                if only is None or self.handlers is not handlers:
                    self._call_all(loop, value)
                    continue
                # Spelled out, since most channels have one handler, which wants all.
                try:
                    result = only(value)
                except PLUGIN_ERRORS_OF_A_CALL as error:
                    log_failure(error, handlers[0], value, name)
                    continue
                if result is not None and (rest := rest_of(result, handlers[0], value, name)) is not None:
                    self.tasks.start(loop, rest)
        finally:
            self._receiver.received += count
        return count

    def _call_all(self, loop: asyncio.AbstractEventLoop, value: object) -> None:
        name = self._session.name
        for handler in self.handlers:
            if accepts(handler, value, name) and (rest := call_handler(handler, value, name)) is not None:
                self.tasks.start(loop, rest)

    def _call_checked(self, loop: asyncio.AbstractEventLoop, run: Run, value: object) -> None:
        """The same for one value of a typed channel, or of one on which a value is taken when it has been handled."""
        receiver, name = self._receiver, self._session.name
        receiver.received += 1
        receipt: Receipt | None = None
        if run.acks is not None and self._session.options.ack == "handled":
            receipt = run.acks, run.acks.begin()
        elif run.acks is not None and run.acks.take():
            receiver.say_taken()
        try:
            if receiver.checker is not None:
                receiver.checker.require(value, name)
        except WrongType as error:
            logger.error(str(error))
            handlers: list[Handler] = []
        else:
            handlers = [handler for handler in self.handlers if accepts(handler, value, name)]
        before = in_handler.set((receiver, receipt is not None and run.is_redelivered))
        try:
            found = [call_handler(handler, value, name) for handler in handlers]
            rests = [rest for rest in found if rest is not None]
            running = _Running(len(rests), lambda: self._finish(receipt))
            for rest in rests:
                self.tasks.start(loop, running.run(rest))
        finally:
            in_handler.reset(before)

    def _finish(self, receipt: Receipt | None) -> None:
        if receipt is not None:
            with self._connection.lock:
                self._receiver.finish(receipt)


class _Running:
    """The coroutines that handle one value; `on_done` is called when the last one has ended by itself."""

    def __init__(self, count: int, on_done: Callable[[], None]) -> None:
        self._left = count
        self._on_done = on_done
        if not count:
            on_done()

    async def run(self, rest: Coroutine[Any, Any, None]) -> None:
        await rest  # one that is cancelled, as at the end of a process, has not handled its value
        self._left -= 1
        if not self._left:
            self._on_done()
