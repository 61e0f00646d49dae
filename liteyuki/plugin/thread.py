"""The thread and event loop of main-process plugins: a plugin that blocks them does not block supervision."""

import asyncio
import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, TypeVar

from liteyuki.comm.channel import HandlerLoop
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["PluginThread"]

T = TypeVar("T")

_TURN: Final = 0.1
"""Seconds within which a loop turns unless something holds it up."""
_LOOK: Final = 5.0
"""Seconds after new work until the loop is checked: a warning names what blocks it by then."""
_LAST_SECONDS: Final = 0.5
"""Seconds that tasks which plugins have left running may take to end."""
_STANDARD_LIBRARY: Final = str(Path(threading.__file__).parent)


class PluginThread:
    """Runs from construction to `close`. To be used on the main loop."""

    def __init__(self) -> None:
        self._main_loop = asyncio.get_running_loop()
        self._loop = asyncio.new_event_loop()
        self._is_ending = False
        self._is_watched = False
        self._looking: asyncio.Task[bool] | None = None
        began: Future[HandlerLoop] = Future()
        # Unlike our other threads it does not block signals: programs that a plugin starts would inherit that.
        self._thread = threading.Thread(target=self._run, args=(began,), name="liteyuki-plugins", daemon=True)
        self._thread.start()
        self.handler_loop = began.result()
        self._turn: asyncio.Future[None] | None = None
        self._turn_asked_at = 0.0

    def submit(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run `work` there; the future has its outcome."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def run(self, work: Coroutine[Any, Any, object]) -> bool:
        """Run `work` there, and wait for its end as long as that loop turns; whether it has ended."""
        done = self.submit(work)
        while not done.done():
            if not await self._turns():
                return False
            await asyncio.wait({done}, timeout=_TURN)
        if done.cancelled() or done.exception() is not None:
            # Whatever a plugin does to it, the waiter goes on.
            logger.opt(exception=None if done.cancelled() else done.exception()).error(text("plugin.work_failed"))
        return True

    def place(self) -> str:
        """Where the thread is now, for the log: file, line and function."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        if frame is None:
            return "?"
        stack = traceback.extract_stack(frame)
        plugins = [entry for entry in stack if not entry.filename.startswith((_STANDARD_LIBRARY, "<"))]
        entry = (plugins or stack)[-1]
        return f"{entry.filename}:{entry.lineno} ({entry.name})"

    def watch(self) -> None:
        """There is new work: check after a while whether it blocks the loop. From any thread."""
        if not self._is_watched:
            self._is_watched = True
            with contextlib.suppress(RuntimeError):  # the main loop has ended
                self._main_loop.call_soon_threadsafe(self._main_loop.call_later, _LOOK, self._look)

    def _look(self) -> None:
        self._is_watched = False
        if not self._is_ending:
            self._looking = asyncio.ensure_future(self._turns())

    async def close(self) -> None:
        """End what runs there, and the thread; a thread that is blocked is left behind."""
        ending = self.submit(_end_all_tasks())
        await asyncio.wait({ending}, timeout=_LAST_SECONDS)  # a plugin may be finishing its work
        if not ending.done() and not await self.run(_nothing()):
            return
        await asyncio.wait({ending}, timeout=2 * _LAST_SECONDS)
        self._is_ending = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LAST_SECONDS)

    async def _turns(self) -> bool:
        """Whether the loop turns within a short wait. Does not wait if it has just been seen not to."""
        if self._turn is None or self._turn.done():
            self._turn = self.submit(_nothing())
            self._turn_asked_at = time.monotonic()
        turn = self._turn  # another caller may put the next one in its place
        left = self._turn_asked_at + _TURN - time.monotonic()
        if left <= 0:
            return False
        await asyncio.wait({turn}, timeout=left)
        if not turn.done():
            logger.warning(text("plugin.blocks", place=self.place()))
        return turn.done()

    def _run(self, began: "Future[HandlerLoop]") -> None:
        asyncio.set_event_loop(self._loop)
        began.set_result(HandlerLoop(self._loop, self.watch))
        while not self._is_ending:  # the loop does not end because a plugin has stopped it, either
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these two out of a task, to end the process; a plugin's must not end this one
                logger.opt(exception=error).error(text("plugin.would_end"))
        self._loop.close()


async def _nothing() -> None:
    pass


async def _end_all_tasks() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=_LAST_SECONDS)
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_asyncgens(), _LAST_SECONDS)
