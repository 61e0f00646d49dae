"""The hooks of `LiteyukiBot`: who wants to be called when, and how they are called so that nothing is held up."""

import asyncio
import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

from liteyuki.comm.channel import name_of
from liteyuki.errors import PLUGIN_ERRORS, PLUGIN_ERRORS_OF_A_CALL
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Hook", "Hooks", "WithHooks"]

F = TypeVar("F", bound=Callable[..., Any])

_BEFORE_HOOK_TIMEOUT: Final = 0.5
"""Seconds that a `before` hook may delay what it precedes."""


class Hook(Enum):
    """When a function is called. Process hooks pass the process's name, or the event, to a function that takes it."""

    BEFORE_START = "before_start"
    AFTER_START = "after_start"
    BEFORE_PROCESS_START = "before_process_start"
    PROCESS_READY = "process_ready"
    PROCESS_EXIT = "process_exit"
    BEFORE_PROCESS_SHUTDOWN = "before_process_shutdown"
    BEFORE_PROCESS_RESTART = "before_process_restart"
    AFTER_RESTART = "after_restart"
    AFTER_SHUTDOWN = "after_shutdown"

    @property
    def comes_before(self) -> bool:
        return self.value.startswith("before")


class Hooks:
    """Functions by hook, in the order of registration. `add` and `has` from any thread, `call` on the plugins' loop."""

    def __init__(self) -> None:
        self._functions: dict[Hook, list[Callable[..., Any]]] = {hook: [] for hook in Hook}
        self._running: set[asyncio.Task[None]] = set()

    def add(self, hook: Hook, function: F) -> F:
        self._functions[hook].append(function)
        return function

    def has(self, hook: Hook) -> bool:
        """Whether any function is registered for `hook`."""
        return bool(self._functions[hook])

    async def call(self, hook: Hook, *facts: object, timeout: float = _BEFORE_HOOK_TIMEOUT) -> None:
        """Call every function of `hook`; one that raises is logged, and the rest go on.

        `async` functions run side by side. A `before` hook, or `after_shutdown`, is waited for, for half a second at
        most; the others are not waited for at all.
        """
        tasks = [task for function in self._functions[hook] if (task := self._begin(hook, function, facts))]
        if tasks and (hook.comes_before or hook is Hook.AFTER_SHUTDOWN):
            _, late = await asyncio.wait(tasks, timeout=timeout)
            if late:
                logger.warning(text("hook.late", hook=hook.value, seconds=timeout))

    def _begin(
        self, hook: Hook, function: Callable[..., Any], facts: tuple[object, ...]
    ) -> "asyncio.Task[None] | None":
        name = name_of(function)
        try:
            result = function(*facts[: _positional_parameters(function)])
        except PLUGIN_ERRORS_OF_A_CALL as error:
            logger.opt(exception=error).error(text("hook.failed", hook=hook.value, function=name))
            return None
        if not inspect.isawaitable(result):
            return None
        task = asyncio.ensure_future(self._finish(hook, name, result))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _finish(self, hook: Hook, name: str, awaitable: Any) -> None:
        try:
            await awaitable
        except PLUGIN_ERRORS as error:
            logger.opt(exception=error).error(text("hook.failed", hook=hook.value, function=name))


class WithHooks:
    """The decorators of `LiteyukiBot`, its base class. They may be used from any thread, at any time."""

    def __init__(self) -> None:
        self._hooks = Hooks()

    def on_before_start(self, function: F) -> F:
        """Call `function` before the first process is launched."""
        return self._hooks.add(Hook.BEFORE_START, function)

    def on_after_start(self, function: F) -> F:
        """Call `function` when every process has been launched. It may run for ever."""
        return self._hooks.add(Hook.AFTER_START, function)

    def on_before_process_shutdown(self, function: F) -> F:
        """Call `function` before a process is stopped for good; it may take the process's name."""
        return self._hooks.add(Hook.BEFORE_PROCESS_SHUTDOWN, function)

    def on_before_process_restart(self, function: F) -> F:
        """Call `function` before a process is stopped in order to be restarted; it may take its name."""
        return self._hooks.add(Hook.BEFORE_PROCESS_RESTART, function)

    def on_before_process_start(self, function: F) -> F:
        """Call `function` before a process is launched, the first time and every other; it may take the event."""
        return self._hooks.add(Hook.BEFORE_PROCESS_START, function)

    def on_process_ready(self, function: F) -> F:
        """Call `function` when a process has become ready; it may take the event."""
        return self._hooks.add(Hook.PROCESS_READY, function)

    def on_process_exit(self, function: F) -> F:
        """Call `function` when a process has ended, for whatever reason; it may take the event, which says why."""
        return self._hooks.add(Hook.PROCESS_EXIT, function)

    def on_after_restart(self, function: F) -> F:
        """Call `function` when a process is ready again, after a restart or a crash; it may take its name."""
        return self._hooks.add(Hook.AFTER_RESTART, function)

    def on_after_shutdown(self, function: F) -> F:
        """Call `function` when every process has stopped, before the main process ends."""
        return self._hooks.add(Hook.AFTER_SHUTDOWN, function)


def _positional_parameters(function: Callable[..., Any]) -> int:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return 0
    return sum(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) for parameter in parameters
    )
