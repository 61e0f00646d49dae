"""Calling what plugins register for messages and requests, in order, on the loop."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

from liteyuki._compat import eager_task
from liteyuki.errors import PLUGIN_ERRORS, PLUGIN_ERRORS_OF_A_CALL
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = [
    "FilterFunc",
    "Handler",
    "TaskStarter",
    "accepts",
    "call_handler",
    "check_filter",
    "log_failure",
    "name_of",
    "rest_of",
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
        raise TypeError(text("error.filter", value=_summary(filter_func)))


def _summary(value: object) -> str:
    """A value as one short piece of text, for the log."""
    try:
        shown = repr(value)
    except PLUGIN_ERRORS_OF_A_CALL:
        shown = object.__repr__(value)
    return shown if len(shown) <= _SUMMARY_CHARACTERS else shown[:_SUMMARY_CHARACTERS] + "…"


def name_of(function: Callable[..., Any]) -> str:
    """What to call a plugin's function in the log."""
    name = getattr(function, "__qualname__", None)
    return name if isinstance(name, str) else _summary(function)


def accepts(handler: Handler, value: object, channel: str) -> bool:
    """Whether the handler's filter lets `value` pass. A filter that raises does not; that is logged."""
    if handler.filter_func is None:
        return True
    try:
        return bool(handler.filter_func(value))
    except PLUGIN_ERRORS_OF_A_CALL as error:
        logger.opt(exception=error).error(text("channel.filter_failed", channel=channel, value=_summary(value)))
        return False


def call_handler(handler: Handler, value: object, channel: str) -> Coroutine[Any, Any, None] | None:
    """Call `handler` now; what remains to be run of it, if it is asynchronous. What it raises is logged."""
    try:
        result = handler.function(value)
    except PLUGIN_ERRORS_OF_A_CALL as error:
        log_failure(error, handler, value, channel)
        return None
    return rest_of(result, handler, value, channel) if result is not None else None


def rest_of(result: object, handler: Handler, value: object, channel: str) -> Coroutine[Any, Any, None] | None:
    """What remains to be run of a handler that has returned `result`, if it is asynchronous."""
    return _finish(result, handler, value, channel) if inspect.isawaitable(result) else None


async def _finish(result: Awaitable[Any], handler: Handler, value: object, channel: str) -> None:
    try:
        await result
    except PLUGIN_ERRORS as error:
        log_failure(error, handler, value, channel)


def log_failure(error: BaseException, handler: Handler, value: object, channel: str) -> None:
    """Say what `handler` has raised, and on which value."""
    name = name_of(handler.function)
    logger.opt(exception=error).error(
        text("channel.handler_failed", channel=channel, handler=name, value=_summary(value))
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
        task = eager_task(loop, coroutine)
        if not task.done():
            self._running.add(task)
            task.add_done_callback(self._running.discard)
