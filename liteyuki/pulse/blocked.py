"""A thread that warns of an event loop which is blocked, with the stack of what blocks it.

It sleeps until the loop would be late: some seconds each time, as long as the loop turns. While it sleeps,
`faulthandler` is set to print all stacks should this thread not come back in time, which is so when C code holds the
interpreter.
"""

import asyncio
import faulthandler
import sys
import threading
import time
import traceback
from typing import Final

from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.pulse.page import Pulse

__all__ = ["BLOCKED_AFTER", "BlockedWatch"]

BLOCKED_AFTER: Final = 5.0
"""Seconds without a turn of the loop after which it is warned of."""
_GRACE: Final = 0.5
"""Seconds by which this thread may come late; and what the loop gets to turn when everything stood still."""
_UNWATCHED: Final = 1.0
"""Seconds between two looks whether it matters by now: before the process is ready, nobody is warned."""
_STANDARD_ERROR: Final = 2


class BlockedWatch:
    """Watches `loop`, which runs on this thread, from `start` to `stop`."""

    def __init__(self, pulse: Pulse, loop: asyncio.AbstractEventLoop, blocked_after: float) -> None:
        self._pulse = pulse
        self._loop = loop
        self._loop_thread = threading.get_ident()
        self._blocked_after = blocked_after
        self._turned_at = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="liteyuki-blocked-loop", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The thread ends by itself. From any thread."""
        self._stopped.set()

    def turned(self) -> None:
        """The loop turns. On the loop only."""
        now = time.monotonic()
        gap, self._turned_at = now - self._turned_at, now
        if gap >= self._blocked_after and self._pulse.is_watched:
            logger.warning(text("pulse.turns_again", seconds=gap))

    def _run(self) -> None:
        while not self._stopped.is_set():
            turned_at = self._turned_at
            if self._sleep(turned_at + self._blocked_after - time.monotonic()) > _GRACE:
                # The whole process stood still: stopped, short of processor time, or held by C code.
                self._stopped.wait(_GRACE)
            if time.monotonic() - turned_at < self._blocked_after or self._turned_at != turned_at:
                continue
            if not self._loop.is_running():
                # It has ended without a word to its tasks, or pauses. Only the loop may say that it turns.
                self._pulse.turns = 0
            elif self._pulse.is_watched and not self._stopped.is_set():
                self._warn(time.monotonic() - turned_at)
            while self._turned_at == turned_at and not self._stopped.wait(self._blocked_after):
                pass  # told once

    def _sleep(self, seconds: float) -> float:
        """Sleep so long, or less while nobody watches; by how many seconds it took longer."""
        is_watched = self._pulse.is_watched
        seconds = max(0.0, seconds if is_watched else min(seconds, _UNWATCHED))
        due = time.monotonic() + seconds
        if is_watched:
            faulthandler.dump_traceback_later(seconds + _GRACE, file=_STANDARD_ERROR)
        self._stopped.wait(seconds)
        faulthandler.cancel_dump_traceback_later()
        return time.monotonic() - due

    def _warn(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        stack = "".join(traceback.format_stack(frame)).rstrip() if frame is not None else "?"
        logger.warning(text("pulse.blocked", seconds=seconds, stack=stack))
