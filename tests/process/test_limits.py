"""Limits, schedules and changed files with real children: each restarts gracefully and says why."""

import asyncio
import dataclasses
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from liteyuki.supervise import Backoff, Cause, Event, EventKind, ProcessSpec, Program, ProgramKind
from liteyuki.supervise.triggers import limits, schedule
from tests.process.test_supervisor import ROOT, Watched, run, supervised

MIB = 2**20


def limited(function: str, *args: object, **settings: Any) -> ProcessSpec:
    program = Program(ProgramKind.TARGET, (f"tests.process.stuck_children:{function}",), args)
    return ProcessSpec(name="a", program=program, cwd=ROOT, **settings)


async def is_restarted(watched: Watched, cause: Cause, words: str) -> Event:
    event = await watched.until_event(EventKind.RESTARTED)
    assert event.origin is not None
    assert (event.origin.kind, event.origin.who) == ("main", cause.value)
    assert words in watched.printed
    assert "意外" not in watched.printed
    assert "强制" not in watched.printed
    return event


def test_one_that_has_grown_too_large_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SAMPLE_EVERY", 0.2)

    async def main() -> None:
        async with supervised(limited("grow", 96 * MIB, memory_limit_bytes=64 * MIB)) as watched:
            await is_restarted(watched, Cause.MEMORY_LIMIT, "memory_limit（64 MiB）")
            await watched.until_printed("grown 0")
            await asyncio.sleep(1.0)  # there is no event for "no restart comes"
            assert watched.supervisor.keeper("a").status().generation == 2

    run(main())


def test_what_it_has_started_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SAMPLE_EVERY", 0.2)

    async def main() -> None:
        async with supervised(limited("let_another_grow", 96 * MIB, memory_limit_bytes=64 * MIB)) as watched:
            await is_restarted(watched, Cause.MEMORY_LIMIT, "memory_limit（64 MiB）")

    run(main())


def test_one_that_is_too_old_is_restarted_again_and_again() -> None:
    async def main() -> None:
        async with supervised(limited("turn", max_age=1.0)) as watched:
            await is_restarted(watched, Cause.AGE, "max_age（1 秒）")
            await watched.until_event(EventKind.RESTARTED, 2)

    run(main())


class Clock(datetime):
    """A clock that shows four o'clock one second after `began`."""

    began: datetime

    @classmethod
    def now(cls, tz: Any = None) -> "Clock":
        moment = datetime(2026, 11, 27, 3, 59, 59) + (datetime.now(tz) - cls.began)
        return cls.fromisoformat(moment.isoformat())


def test_at_the_time_of_its_schedule_it_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock.began = datetime.now() + timedelta(seconds=1)
    monkeypatch.setattr(schedule, "datetime", Clock)

    async def main() -> None:
        async with supervised(limited("turn", schedule="0 4 * * *")) as watched:
            await is_restarted(watched, Cause.SCHEDULE, "schedule（0 4 * * *）")

    run(main())


def watched_script(directory: Path, source: str) -> ProcessSpec:
    (directory / "worker.py").write_text(source)
    program = Program(ProgramKind.COMMAND, ("python3", "-u", "worker.py"))
    return ProcessSpec(name="a", program=program, cwd=directory, watch=(directory,))


def write(path: Path, source: str) -> None:
    path.write_text(source)


async def change_until(watched: Watched, path: Path, source: str, pattern: str) -> None:
    """Write again until it is noticed: there is no event for "the folder is being watched"."""
    noticed = asyncio.ensure_future(watched.until_printed("文件有改动"))
    number = 0
    while not noticed.done():
        write(path, f"{source}\n# {(number := number + 1)}\n")
        await asyncio.wait({noticed}, timeout=2.0)
    await noticed
    await watched.until_printed(pattern)


def test_a_changed_file_restarts_it(tmp_path: Path) -> None:
    async def main() -> None:
        spec = watched_script(tmp_path, "import time\nprint('one')\ntime.sleep(3600)\n")
        async with supervised(spec) as watched:
            await watched.until_printed("one")
            await change_until(watched, tmp_path / "worker.py", "import time\nprint('two')\ntime.sleep(3600)", "two")
            await is_restarted(watched, Cause.FILE_CHANGE, "文件有改动：worker.py")

    run(main())


def test_a_change_ends_the_waiting_of_one_that_cannot_start(tmp_path: Path) -> None:
    async def main() -> None:
        spec = watched_script(tmp_path, "raise SystemExit('broken')\n")
        spec = dataclasses.replace(spec, backoff=Backoff(base=3600.0, max=3600.0))
        async with supervised(spec) as watched:
            await watched.until_printed("(?s)(broken.*){2}再?.*秒后")
            await change_until(watched, tmp_path / "worker.py", "import time\nprint('two')\ntime.sleep(3600)", "two")

    run(main())
