"""The thread and event loop of main-process plugins: what one of them holds up holds up no supervision."""

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
"""Seconds within which a loop turns that nothing holds up."""
_LOOK: Final = 5.0
"""Seconds after something to do has come, until the loop is looked at: what blocks it by then is warned of."""
_LAST_SECONDS: Final = 0.5
"""How long what plugins have left running may take to end."""
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
        # Unlike other threads of ours it lets signals in: programs that a plugin starts would begin with them blocked.
        self._thread = threading.Thread(target=self._run, args=(began,), name="liteyuki-plugins", daemon=True)
        self._thread.start()
        self.handler_loop = began.result()
        self._turn: asyncio.Future[None] | None = None
        self._turn_asked_at = 0.0

    def submit(self, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run `work` there; what comes of it."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def run(self, work: Coroutine[Any, Any, object]) -> bool:
        """Run `work` there, and wait for its end as long as that loop turns; whether it has come."""
        done = self.submit(work)
        while not done.done():
            if not await self._turns():
                return False
            await asyncio.wait({done}, timeout=_TURN)
        if done.cancelled() or done.exception() is not None:
            # Whatever a plugin does to it: who waits goes on.
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
        """It has something to do: see in a while whether that blocks it. From any thread."""
        if not self._is_watched:
            self._is_watched = True
            with contextlib.suppress(RuntimeError):  # the main loop has ended
                self._main_loop.call_soon_threadsafe(self._main_loop.call_later, _LOOK, self._look)

    def _look(self) -> None:
        self._is_watched = False
        if not self._is_ending:
            self._looking = asyncio.ensure_future(self._turns())

    async def close(self) -> None:
        """End what runs there, and the thread; one that is blocked is left behind."""
        ending = self.submit(_end_all_tasks())
        await asyncio.wait({ending}, timeout=_LAST_SECONDS)  # a plugin may be at its last work
        if not ending.done() and not await self.run(_nothing()):
            return
        await asyncio.wait({ending}, timeout=2 * _LAST_SECONDS)
        self._is_ending = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LAST_SECONDS)

    async def _turns(self) -> bool:
        """Whether the loop does, as far as a moment's wait can tell. Without one if it has just been seen not to."""
        if self._turn is None or self._turn.done():
            self._turn = self.submit(_nothing())
            self._turn_asked_at = time.monotonic()
        turn = self._turn  # another that asks may put the next one in its place
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
        while not self._is_ending:  # nor does it end because a plugin has stopped it
            try:
                self._loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these two of a task through, to end the process; what ends this one is not a plugin's.
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
