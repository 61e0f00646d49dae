"""A wall clock that is set, and a machine that was suspended: what decides goes by the monotonic clock alone.

How looks that come late are judged stands in `test_watchdog.py`, and when a time of a schedule counts as missed in
`test_limits.py`.
"""

import ast
import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise import Cause, ProcessSpec, Program, ProgramKind
from liteyuki.supervise.policy import Action, Exit, History, decide
from liteyuki.supervise.triggers import schedule as schedule_module
from liteyuki.supervise.triggers.schedule import Schedule

SUPERVISE = Path(schedule_module.__file__).parents[1]

# People read these times; a schedule is meant by the wall clock. Nothing else is decided by it.
ASK_THE_WALL_CLOCK = {"events.py", "file.py", "schedule.py"}
WALL_CLOCK = {"time.time", "time.time_ns", "time.localtime", "datetime.now", "datetime.today", "datetime.utcnow"}


def test_nobody_else_asks_the_wall_clock() -> None:
    asking = {
        path.name
        for path in SUPERVISE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WALL_CLOCK
    }
    assert asking == ASK_THE_WALL_CLOCK


SPEC = ProcessSpec(name="x", program=Program(ProgramKind.APP, ("nonebot",)), cwd=Path())


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=7), st.floats(SPEC.give_up.within, 1e7))
def test_deaths_from_before_a_long_suspension_count_no_more(lives: list[float], suspended: float) -> None:
    """Where the clock runs on while the machine sleeps; where it stands still, nothing has happened."""
    history, now = History(was_ever_ready=True), 0.0
    for lived in lives:
        now += lived
        _, history = decide(SPEC, history, Exit(code=1, became_ready=True, ready_for=lived), now, chance=0.5)
    now += suspended
    decision, history = decide(SPEC, history, Exit(code=1, became_ready=True, ready_for=suspended), now, chance=0.5)
    assert (decision.action, decision.after) == (Action.RESTART, 0.0)
    assert history.deaths == (now,)


FOUR = datetime(2026, 11, 27, 4)
seconds = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("looks", "restarts"),
    [
        ([FOUR - 30 * seconds, FOUR], 1),
        ([FOUR - 30 * seconds, FOUR + 59 * seconds], 1),  # set forward by a little, or suspended
        ([FOUR - 30 * seconds, FOUR + timedelta(hours=5)], 0),  # asleep for too long
        ([FOUR - 30 * seconds, FOUR + timedelta(days=3650)], 0),  # a machine that learns the time
        ([FOUR + 30 * seconds, FOUR - 30 * seconds], 0),  # set back
        ([FOUR + 30 * seconds, FOUR - timedelta(days=3650)], 0),
        ([FOUR - 30 * seconds, FOUR, FOUR - 5 * seconds, FOUR + seconds], 1),  # set back by a little, right after
        ([FOUR - 30 * seconds, FOUR, FOUR + timedelta(days=1)], 2),
        ([FOUR - 90 * seconds, FOUR - timedelta(hours=1), FOUR - 30 * seconds, FOUR], 1),
    ],
)
def test_a_schedule_under_a_clock_that_is_set(
    looks: list[datetime], restarts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    times, asked = looks[:1], list[Cause]()

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return times[-1]

    monkeypatch.setattr(schedule_module, "datetime", Clock)

    async def main() -> None:
        loop, waits = asyncio.get_running_loop(), list[tuple[asyncio.TimerHandle, Callable[[], None]]]()
        call_later = loop.call_later

        def wait(after: float, look: Callable[[], None]) -> asyncio.TimerHandle:
            # However far away the time is: the clock may be set meanwhile.
            assert 0 < after <= 60
            waits.append((call_later(after, look), look))
            return waits[-1][0]

        monkeypatch.setattr(loop, "call_later", wait)
        schedule = Schedule("0 4 * * *", lambda cause, details: asked.append(cause))
        generation: Any = None
        schedule.ready(generation)
        schedule.ready(generation)
        assert [timer.cancelled() for timer, _ in waits] == [True, False]
        for time in looks[1:]:
            times.append(time)
            waits[-1][1]()
        schedule.ended()
        assert waits[-1][0].cancelled()

    asyncio.run(main())
    assert asked == [Cause.SCHEDULE] * restarts
