"""What an exit or a request is put down to, and what an out-of-memory kill is told from."""

from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from liteyuki._platform import OomKills
from liteyuki.comm.protocol import Origin
from liteyuki.supervise import Program, ProgramKind
from liteyuki.supervise.cause import Cause, cause_of_exit, cause_of_origin, describe

BOT = Program(ProgramKind.APP, ("nonebot",))
WORKER = Program(ProgramKind.TARGET, ("module:function",))
COMMAND = Program(ProgramKind.COMMAND, ("false",))


@pytest.mark.parametrize(
    ("program", "code", "became_ready", "cause"),
    [
        (BOT, 0, True, Cause.ENDED),
        (BOT, 0, False, Cause.ENDED),
        (BOT, 1, True, Cause.CRASH),
        (BOT, 1, False, Cause.START_FAILED),
        (BOT, 3, True, Cause.START_FAILED),
        (WORKER, 3, True, Cause.CRASH),
        (COMMAND, 3, True, Cause.CRASH),
        (BOT, -11, True, Cause.SIGNAL),
        (BOT, -11, False, Cause.SIGNAL),
    ],
)
def test_exits(program: Program, code: int, became_ready: bool, cause: Cause) -> None:
    found = cause_of_exit(code, program, ended_for=None, became_ready=became_ready, is_out_of_memory=False)
    assert found is cause
    assert found.is_death


def test_a_kill_of_the_kernel_is_told_from_others() -> None:
    def cause(ended_for: Cause | None, is_out_of_memory: bool) -> Cause:
        return cause_of_exit(-9, BOT, ended_for=ended_for, became_ready=True, is_out_of_memory=is_out_of_memory)

    assert cause(None, True) is Cause.OUT_OF_MEMORY
    assert cause(None, False) is Cause.SIGNAL
    assert cause(Cause.WATCHDOG, True) is Cause.WATCHDOG


@pytest.mark.parametrize("kind", get_args(get_type_hints(Origin)["kind"]))
def test_every_origin_has_a_cause(kind: str) -> None:
    origin = Origin(kind=kind, who="10001", where="group 1")  # type: ignore[arg-type]
    assert cause_of_origin(origin).is_wanted
    assert describe(origin) == f"{kind} / 10001 / group 1"


def test_deaths_and_wishes_are_different_things() -> None:
    deaths = {cause for cause in Cause if cause.is_death}
    wanted = {cause for cause in Cause if cause.is_wanted}
    assert not deaths & wanted
    assert {Cause.OUT_OF_MEMORY, Cause.START_TIMEOUT, Cause.WATCHDOG} <= deaths
    assert Cause.FILE_CHANGE in wanted
    of_main = {Cause.MAIN_STARTED, Cause.MAIN_STOPPING, Cause.MAIN_GONE}
    assert set(Cause) - deaths - wanted == {Cause.SCHEDULE, Cause.AGE, Cause.MEMORY_LIMIT} | of_main


def test_old_histories_hold_causes_under_their_names() -> None:
    assert {cause.value for cause in Cause} == {cause.name.lower() for cause in Cause}


def test_out_of_memory_kills_are_claimed_one_by_one(tmp_path: Path) -> None:
    counts = tmp_path / "memory.events"

    def count(number: int) -> None:
        counts.write_text(f"low 0\nhigh 0\nmax 7\noom 9\noom_kill {number}\noom_group_kill 0\n")

    count(3)
    kills = OomKills(counts)
    assert not kills.claim()
    count(5)
    assert [kills.claim(), kills.claim(), kills.claim()] == [True, True, False]
    count(6)
    kills.forget()
    assert not kills.claim()
    counts.unlink()
    assert not kills.claim()
    assert OomKills(None).claim() is False
