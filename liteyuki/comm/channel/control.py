"""What the two sides' cores ask and tell each other, beside the messages and before what plugins ask."""

import inspect
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from liteyuki.comm.channel.answers import Answers
from liteyuki.comm.channel.attachments import ChannelEnd
from liteyuki.comm.channel.handlers import TaskStarter
from liteyuki.comm.io import Connection
from liteyuki.comm.session import NO_REPLY, Request
from liteyuki.errors import PLUGIN_ERRORS, PLUGIN_ERRORS_OF_A_CALL, ChannelBroken
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["ControlLane"]


class ControlLane:
    """From any thread."""

    def __init__(self, connection: Connection, answers: Answers) -> None:
        self._connection = connection
        self._answers = answers
        self._handlers: dict[type, Callable[[Any], object]] = {}
        self._passing = threading.RLock()
        """Held by the thread that passes on: one at a time, so that the order is kept."""
        self._tasks = TaskStarter()

    def on(self, kind: type, handler: Callable[[Any], object]) -> None:
        """Have `handler` answer what is exactly of class `kind`; what it returns, or what that awaits, is the answer.

        It is called without the channel's lock, on whatever thread reads.
        """
        self._handlers[kind] = handler

    @property
    def is_used(self) -> bool:
        """Whether anything is handled here."""
        return bool(self._handlers)

    def pass_on(self, timeout: float = 0.0) -> None:
        """Call the handlers with what has come, in order. What is left to another thread that is at it is waited for,
        so many seconds at most."""
        waiting = self._connection.session.control
        # Asked again once the lock is free: what has come meanwhile was left to whoever held it.
        while waiting and self._passing.acquire(timeout=timeout):
            try:
                while waiting:
                    with self._connection.lock:
                        request = waiting.take()
                    self._handle(request)
            finally:
                self._passing.release()

    def wait_for_others(self, timeout: float) -> None:
        """Until no other thread passes on; seconds at most."""
        if self._passing.acquire(timeout=timeout):
            self._passing.release()

    def _handle(self, request: Request) -> None:
        answers = self._answers
        try:
            value = answers.value_of(request, _as_it_is)
        except ChannelBroken:
            return  # which has been said
        handler = self._handlers.get(type(value))
        name = type(value).__qualname__
        if handler is None:
            if request.number == NO_REPLY:
                logger.debug(text("channel.control_unknown", channel=self._connection.name, value=name))
            else:
                answers.send_failure(request, LookupError(text("channel.no_request_handler", value=name)))
            return
        try:
            result = handler(value)
        except PLUGIN_ERRORS_OF_A_CALL as error:
            self._fail(request, name, error)
            return
        if inspect.isawaitable(result):
            self._start(request, name, result)
        else:
            answers.send(request, result)

    def _start(self, request: Request, name: str, result: Awaitable[object]) -> None:
        """The answer is still to be awaited, on the loop."""
        connection, loop = self._connection, self._connection.loop
        assert loop is not None, "only processes with a loop register asynchronous handlers"
        if connection.loop_here() is not None:
            self._tasks.start(loop, self._finish(request, name, result))
        else:
            connection.call_soon(lambda: self._tasks.start(loop, self._finish(request, name, result)))

    async def _finish(self, request: Request, name: str, awaitable: Awaitable[object]) -> None:
        """Send what a handler returns once it is awaited."""
        try:
            result = await awaitable
        except PLUGIN_ERRORS as error:
            self._fail(request, name, error)
        else:
            self._answers.send(request, result)

    def _fail(self, request: Request, name: str, error: BaseException) -> None:
        """Tell whoever asked; the log, if nobody waits for an answer."""
        if request.number == NO_REPLY:
            logger.opt(exception=error).error(text("channel.control_failed", channel=self._connection.name, value=name))
        else:
            self._answers.send_failure(request, error)


def _as_it_is(end: ChannelEnd) -> ChannelEnd:
    """Ends stay unopened: a core may pass them on."""
    return end
