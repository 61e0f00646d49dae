"""The child's side: a task of the event loop that counts turns for as long as the loop runs."""

import asyncio
import contextlib
import faulthandler
from typing import Final

from liteyuki._compat import leave_pending
from liteyuki._platform import STACKS_SIGNAL
from liteyuki.vitals.blocked import BlockedWatch
from liteyuki.vitals.pulse import Pulse, take_pulse

__all__ = ["expect_no_turn", "inherit_pulse", "start_heartbeat"]

_STANDARD_ERROR: Final = 2
_BEATS_PER_LIMIT: Final = 8
_MAX_PERIOD: Final = 1.0
"""Seconds between two beats, unless the limit requires more of them."""


class _Heart:
    """What this process was given, and the task that beats."""

    def __init__(self) -> None:
        self.process = ""
        self.pulse: Pulse | None = None
        self.task: asyncio.Task[None] | None = None


# One process, one heart: if there are several loops, the first one is watched.
_heart = _Heart()


def inherit_pulse(process: str) -> None:
    """Take over what the main process has given to this one, `process`. Once, before anything else is started."""
    _heart.process = process
    _heart.pulse = take_pulse()


def start_heartbeat() -> None:
    """Let the main process see from now on that the running loop turns. Where nobody looks, nothing happens.

    On the event loop; idempotent. It ends with the loop.
    """
    if _heart.pulse is None or (_heart.task is not None and not _heart.task.done()):
        return
    pulse, loop = _heart.pulse, asyncio.get_running_loop()
    with contextlib.suppress(OSError, RuntimeError, ValueError):  # there is no standard error, or the signal is taken
        faulthandler.register(STACKS_SIGNAL, file=_STANDARD_ERROR, all_threads=True)
    watch = BlockedWatch(_heart.process, pulse, loop)
    watch.start()
    # This is the first turn: code that runs before the task does may block already.
    pulse.turns += 1
    _heart.task = loop.create_task(_beat(pulse, watch), name="liteyuki-heartbeat")
    _heart.task.add_done_callback(lambda _: _end(pulse, watch))
    # If a loop is closed with its tasks still there, its owner answers for that; there is no reason to complain of
    # ours.
    leave_pending(_heart.task)


def expect_no_turn() -> None:
    """The loop is held up by who waits for a message, and serves its channels meanwhile: nothing to judge.

    Until the loop turns again. A restart would lead to the same place; who waits there has been warned of.
    """
    if _heart.pulse is not None:
        _heart.pulse.turns = 0


async def _beat(pulse: Pulse, watch: BlockedWatch) -> None:
    period = min(_MAX_PERIOD, pulse.limit / _BEATS_PER_LIMIT)
    while True:
        pulse.turns += 1
        watch.turned()
        await asyncio.sleep(period)


def _end(pulse: Pulse, watch: BlockedWatch) -> None:
    """The loop ends, or somebody has cancelled all of its tasks: there is nothing to watch any more."""
    pulse.turns = 0
    watch.stop()
