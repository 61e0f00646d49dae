"""A thread that warns of a blocked event loop, with the stack of what blocks it.

It sleeps until the loop would be late: some seconds each time, as long as the loop turns. While it sleeps,
`faulthandler` is set to print all stacks in case this thread does not come back in time, which happens when C code
holds the interpreter.
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
from liteyuki.vitals.pulse import Pulse

__all__ = ["BlockedWatch"]

_BLOCKED_AFTER: Final = 5.0
"""Seconds without a turn of the loop until the warning."""
_GRACE: Final = 0.5
"""Seconds by which this thread may be late, and which the loop gets to turn after the whole process stood still."""
_UNWATCHED: Final = 1.0
"""Seconds between two looks at whether warnings are due yet: before the process is ready, there are none."""
_STANDARD_ERROR: Final = 2


class BlockedWatch:
    """Watches `loop`, which runs on this thread, from `start` to `stop`."""

    def __init__(self, process: str, pulse: Pulse, loop: asyncio.AbstractEventLoop) -> None:
        self._process = process
        self._pulse = pulse
        self._loop = loop
        self._loop_thread = threading.get_ident()
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
        if gap >= _BLOCKED_AFTER and self._pulse.is_watched:
            logger.warning(text("pulse.turns_again", name=self._process, seconds=gap))

    def _run(self) -> None:
        while not self._stopped.is_set():
            turned_at = self._turned_at
            # The main process must know whether there is a loop at all before its limit is over.
            for seconds in (min(_BLOCKED_AFTER, self._pulse.limit / 2), _BLOCKED_AFTER):
                if not self._stands_still(turned_at, seconds):
                    break
                if not self._loop.is_running():
                    # The loop has ended without a word to its tasks, or pauses. Only the loop itself may say that it
                    # turns.
                    self._pulse.turns = 0
                    self._wait_for_turn(turned_at)
                    break
            else:
                if self._pulse.is_watched and not self._stopped.is_set():
                    self._warn(time.monotonic() - turned_at)
                self._wait_for_turn(turned_at)

    def _stands_still(self, turned_at: float, seconds: float) -> bool:
        """Sleep until `seconds` after `turned_at`, or less; whether the loop has not turned in all that time."""
        if self._sleep(turned_at + seconds, turned_at + _BLOCKED_AFTER) > _GRACE:
            # The whole process stood still: it was stopped, had no processor time, or was held by C code.
            self._stopped.wait(_GRACE)
        return time.monotonic() - turned_at >= seconds and self._turned_at == turned_at

    def _sleep(self, until: float, blocked_at: float) -> float:
        """Sleep, or less if nobody watches; the seconds by which it took longer."""
        is_watched = self._pulse.is_watched
        now = time.monotonic()
        due = max(now, until if is_watched else min(until, now + _UNWATCHED))
        if is_watched:
            faulthandler.dump_traceback_later(max(due, blocked_at) - now + _GRACE, file=_STANDARD_ERROR)
        self._stopped.wait(due - now)
        faulthandler.cancel_dump_traceback_later()
        return time.monotonic() - due

    def _wait_for_turn(self, turned_at: float) -> None:
        while self._turned_at == turned_at and not self._stopped.wait(_BLOCKED_AFTER):
            pass  # warned once

    def _warn(self, seconds: float) -> None:
        frame = sys._current_frames().get(self._loop_thread)
        stack = "".join(traceback.format_stack(frame)).rstrip() if frame is not None else "?"
        logger.warning(text("pulse.blocked", name=self._process, seconds=seconds, stack=stack))
