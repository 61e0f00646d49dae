"""Calling what plugins register for messages and requests, in order, on the loop."""

import asyncio
import contextvars
import inspect
import sys
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, Final

from liteyuki.errors import PLUGIN_ERRORS, PLUGIN_ERRORS_OF_A_CALL
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = [
    "FilterFunc",
    "Handler",
    "TaskStarter",
    "accepts",
    "check_filter",
    "log_failure",
    "name_of",
    "rest_of",
    "run_handler",
    "summary",
]

FilterFunc = Callable[[Any], bool]

_SUMMARY_CHARACTERS: Final = 120


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that takes one value, and which values it wants (None: all)."""

    function: Callable[[Any], Any]
    filter_func: FilterFunc | None


def check_filter(filter_func: object) -> None:
    """Raises `TypeError` for what can be no filter: a coroutine function, whose result would always count as true."""
    if filter_func is not None and (not callable(filter_func) or inspect.iscoroutinefunction(filter_func)):
        raise TypeError(text("error.filter", value=summary(filter_func)))


def summary(value: object) -> str:
    """A value as one short piece of text, for the log."""
    try:
        shown = repr(value)
    except PLUGIN_ERRORS_OF_A_CALL:
        shown = object.__repr__(value)
    return shown if len(shown) <= _SUMMARY_CHARACTERS else shown[:_SUMMARY_CHARACTERS] + "…"


def name_of(function: Callable[..., Any]) -> str:
    """What to call a plugin's function in the log."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else summary(function)


def accepts(handler: Handler, value: object, channel: str) -> bool:
    """Whether the handler's filter lets `value` pass. A filter that raises does not; that is logged."""
    if handler.filter_func is None:
        return True
    try:
        return bool(handler.filter_func(value))
    except PLUGIN_ERRORS_OF_A_CALL as error:
        logger.opt(exception=error).error(text("channel.filter_failed", channel=channel, value=summary(value)))
        return False


def run_handler(handler: Handler, value: object, channel: str) -> Coroutine[Any, Any, None] | None:
    """Call `handler` now; if it is asynchronous, what remains to be run. An error of its is logged."""
    try:
        result = handler.function(value)
    except PLUGIN_ERRORS_OF_A_CALL as error:
        log_failure(error, handler, value, channel)
        return None
    return rest_of(result, handler, value, channel)


def rest_of(result: object, handler: Handler, value: object, channel: str) -> Coroutine[Any, Any, None] | None:
    """What remains to be run of a handler that has returned `result`, if it is asynchronous."""
    if result is None or not inspect.isawaitable(result):
        return None
    return _finish(result, handler, value, channel)


async def _finish(result: Awaitable[Any], handler: Handler, value: object, channel: str) -> None:
    try:
        await result
    except PLUGIN_ERRORS as error:
        log_failure(error, handler, value, channel)


def log_failure(error: BaseException, handler: Handler, value: object, channel: str) -> None:
    """Say what `handler` has raised, and on which value."""
    name = name_of(handler.function)
    logger.opt(exception=error).error(
        text("channel.handler_failed", channel=channel, handler=name, value=summary(value))
    )


class TaskStarter:
    """Starts coroutines as tasks of a loop, and holds them while they run."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> None:
        """Begin at once, on the loop's thread; go on when the loop turns.

        At once, because what was handed to a handler counts as taken: a loop that ends before its next turn
        must not lose it. And because the loop may be held up by a blocking `receive`.
        """
        task = _eager_task(loop, coroutine)
        if not task.done():
            self._running.add(task)
            task.add_done_callback(self._running.discard)


if sys.version_info >= (3, 12):

    def _eager_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:

    def _eager_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """What `eager_start` does since Python 3.12, with the functions that asyncio has for such tasks.

        The first step runs here, as the new task; the task's own first step then goes on from where that
        has stopped. Until the loop turns, a finished one waits for it too.
        """
        first: list[Any] = [None]

        async def rest() -> None:
            await _go_on(coroutine, first)

        task = loop.create_task(rest())
        current = asyncio.current_task(loop)
        if current is not None:
            asyncio.tasks._leave_task(loop, current)
        asyncio.tasks._enter_task(loop, task)
        try:
            first[0] = contextvars.copy_context().run(coroutine.send, None)
        except StopIteration:
            first.clear()
        except BaseException as error:  # noqa: BLE001 - it belongs to the task, which raises it
            first[:] = [error, None]
        finally:
            asyncio.tasks._leave_task(loop, task)
            if current is not None:
                asyncio.tasks._enter_task(loop, current)
        return task

    @types.coroutine
    def _go_on(coroutine: Coroutine[Any, Any, None], first: list[Any]) -> Generator[Any, Any, None]:
        if not first:
            return
        if len(first) == 2:
            raise first[0]
        awaited = first[0]
        while True:
            sent = None
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - passed on to the coroutine, as a task does
                failure: BaseException | None = error
            else:
                failure = None
            try:
                awaited = coroutine.send(sent) if failure is None else coroutine.throw(failure)
            except StopIteration:
                return
