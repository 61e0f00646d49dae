"""The private names of asyncio and loguru that we use, and from which version to which each is there.

Nobody else uses any, so this is what a new version of either may break. It imports nothing of ours.
"""

import asyncio
import contextlib
import contextvars
import sys
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

# loguru 0.7.2 and 0.7.3. The documented way to an independent logger, `copy.deepcopy`, fails once somebody has added
# a handler to the global one, and importing must not take those away. So it is built as loguru builds its own.
from loguru._logger import Core, Logger

if TYPE_CHECKING:
    import loguru

__all__ = ["HAS_GIL", "eager_task", "independent_logger", "leave_pending", "running_loop"]

T = TypeVar("T")

HAS_GIL: Final = bool(getattr(sys, "_is_gil_enabled", lambda: True)())
"""Whether one thread at a time runs Python code. `sys._is_gil_enabled` is there since Python 3.13."""

running_loop: Final = asyncio._get_running_loop
"""The loop that runs on this thread, or None. `asyncio.get_running_loop` without its exception, which costs more.

Python 3.10 to 3.14. It stands in `__all__` of `asyncio.events`, for those who write event loops.
"""


def leave_pending(task: "asyncio.Task[Any]") -> None:
    """Let nothing be logged when `task` is still pending as its loop goes.

    `_log_destroy_pending` is there in Python 3.10 to 3.14; the tasks of other loops may lack it.
    """
    with contextlib.suppress(AttributeError):
        task._log_destroy_pending = False  # type: ignore[attr-defined]


def independent_logger() -> "loguru.Logger":
    """A logger with handlers of its own, none yet, beside loguru's global one."""
    built: Any = Logger(  # type: ignore[no-untyped-call]
        core=Core(),  # type: ignore[no-untyped-call]
        exception=None,
        depth=0,
        record=False,
        lazy=False,
        colors=False,
        raw=False,
        capture=True,
        patchers=[],
        extra={},
    )
    return cast("loguru.Logger", built)


if sys.version_info >= (3, 12):

    def eager_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that has made its first step when it is returned. On the thread of `loop`, which runs."""
        return asyncio.Task(coroutine, loop=loop, eager_start=True)

else:

    def eager_task(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that has made its first step when it is returned. On the thread of `loop`, which runs.

        `_enter_task` and `_leave_task` are there in Python 3.10 and 3.11, for such tasks. One that ends with its
        first step is done only when the loop has turned.
        """
        begun = _Begun(coroutine)
        task = loop.create_task(begun)
        current = asyncio.current_task(loop)
        if current is not None:
            asyncio.tasks._leave_task(loop, current)
        asyncio.tasks._enter_task(loop, task)
        try:
            begun.begin()
        finally:
            asyncio.tasks._leave_task(loop, task)
            if current is not None:
                asyncio.tasks._enter_task(loop, current)
        return task

    class _Begun(Coroutine[Any, Any, T]):
        """A coroutine whose first step has been made before its task makes it."""

        def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
            self._coroutine = coroutine
            self._context = contextvars.copy_context()
            self._is_first = True
            self._yielded: Any = None
            self._ended: list[BaseException] = []

        def begin(self) -> None:
            try:
                self._yielded = self._step(self._coroutine.send, None)
            except BaseException as error:  # noqa: BLE001 - it belongs to the task, which raises it
                self._ended.append(error)

        def send(self, value: Any) -> Any:
            if not self._is_first:
                return self._step(self._coroutine.send, value)
            self._is_first = False
            if self._ended:
                raise self._ended.pop()
            return self._yielded

        def throw(self, *error: Any) -> Any:
            if self._ended:
                raise self._ended.pop()
            self._is_first = False
            return self._step(self._coroutine.throw, *error)

        def _step(self, step: Callable[..., Any], *args: Any) -> Any:
            # In a context of its own, for the task's does not see what the first step has set.
            return self._context.run(step, *args)

        def close(self) -> None:
            self._coroutine.close()

        def __await__(self) -> Generator[Any, Any, T]:
            raise TypeError("only its task awaits it")
