"""Restarts a process at the times that a cron expression names, by this machine's clock."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from liteyuki.locale import text
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.triggers.limits import Restart

__all__ = ["Schedule", "is_due", "next_time"]

_MAX_WAIT: Final = 60.0
"""Seconds after which the clock is looked at in any case: it may be set, or run on while the machine is suspended."""
_TOO_LATE: Final = timedelta(hours=2)
"""What was missed by more is not made up for. A machine without a clock of its own jumps by years when it learns the
time; one whose summer time begins, by an hour."""


def next_time(expression: str, after: datetime) -> datetime:
    """The first time after `after` that `expression` names; local times without a zone."""
    from cronsim import CronSim  # only where there is a schedule

    return next(CronSim(expression, after))


def is_due(expression: str, last: datetime, now: datetime) -> bool:
    """Whether one of its times lies after `last`, up to `now`. Where the clock was set back, nothing is due."""
    first = next_time(expression, last)
    return first <= now and now - first <= _TOO_LATE


class Schedule:
    """Looks at the clock while a process is ready."""

    def __init__(self, expression: str, restart: Restart) -> None:
        self._expression = expression
        self._restart = restart
        self._last = datetime.min
        self._acted_on = datetime.min
        """The time that it has acted on last: one that comes again, as the clock was set back, is not another."""
        self._timer: asyncio.TimerHandle | None = None

    def ready(self, generation: Generation) -> None:
        self.ended()
        self._wait(datetime.now())

    def ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self, now: datetime) -> None:
        self._last = now
        left = (next_time(self._expression, now) - now).total_seconds()
        self._timer = asyncio.get_running_loop().call_later(min(left, _MAX_WAIT), self._look)

    def _look(self) -> None:
        last, now = self._last, datetime.now()
        self._wait(now)
        due = next_time(self._expression, last)
        if is_due(self._expression, last, now) and due != self._acted_on:
            self._acted_on = due
            self._restart(Cause.SCHEDULE, text("limit.schedule", expression=self._expression))
