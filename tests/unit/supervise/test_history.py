"""The history's file: what goes in comes out, it stays small, and nothing that happens to it stops anybody."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness import wait_until
from liteyuki.comm.protocol import Origin
from liteyuki.errors import HistoryUnreadable
from liteyuki.supervise import Cause, Event, EventKind
from liteyuki.supervise.history import HistoryEntry, HistoryWriter, read_history, read_processes
from liteyuki.supervise.history import writer as history_module
from liteyuki.supervise.history.entry import RECORDED, Bounds
from liteyuki.supervise.history.file import HistoryFile

CHAT = Origin(kind="chat", adapter="OneBot V11", who="10001", where="group 5")


def event(number: int = 1, kind: EventKind = EventKind.EXITED, **facts: Any) -> Event:
    return Event(kind, **{"process": "a", "generation": number, "cause": Cause.CRASH, **facts})


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def record(path: Path, *events: Event, bounds: Bounds | None = None) -> None:
    async def main() -> None:
        writer = HistoryWriter(path, bounds)
        for one in events:
            writer.record(one)
        writer.close()

    run(main())


def generations(path: Path, process: str = "a") -> list[int]:
    return [entry.generation for entry in read_history(path, process, count=10**6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


# --- what goes in comes out

texts = st.text(max_size=40)
events = st.builds(
    Event,
    kind=st.sampled_from(EventKind),
    process=st.sampled_from(["a", "b"]),
    generation=st.integers(1, 10**6),
    origin=st.none() | st.builds(Origin, kind=st.just("chat"), who=texts, where=texts),
    cause=st.none() | st.sampled_from(Cause),
    reason=texts,
    pid=st.none() | st.integers(1, 2**22),
    exit_code=st.none() | st.integers(0, 255),
    signal=st.none() | st.just("SIGSEGV"),
    lived=st.none() | st.floats(0, 1e9),
    output=st.lists(texts.filter(lambda line: line and "\n" not in line), max_size=5).map(tuple),
    at=st.floats(0, 1e10),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(events, max_size=10))
def test_what_is_recorded_is_what_is_read(path: Path, told: list[Event]) -> None:
    path.unlink(missing_ok=True)
    record(path, *told)
    kept = [HistoryEntry.of(one) for one in told if one.kind in RECORDED]
    assert read_history(path) == kept
    assert read_history(path, "a") == [entry for entry in kept if entry.process == "a"]
    assert read_processes(path) == sorted({entry.process for entry in kept})


def test_words_that_are_no_text_are_kept_as_far_as_they_can_be(path: Path) -> None:
    record(path, event(reason="a\udcffb", output=("x\udcff", "y")))
    (entry,) = read_history(path)
    assert (entry.reason, entry.output) == ("a?b", ("x?", "y"))


def test_of_long_output_the_end_is_kept(path: Path) -> None:
    lines = tuple(f"{number} {'x' * 1000}" for number in range(50))
    record(path, event(1, output=lines), event(2, output=("y" * 10**6 + "the end",)))
    first, second = read_history(path)
    assert first.output == lines[-len(first.output) :]
    assert 10 < len(first.output) < 50
    assert second.output[0].endswith("the end")


def test_the_newest_are_read_in_order(path: Path) -> None:
    record(path, *(event(number) for number in range(10)))
    assert [entry.generation for entry in read_history(path, count=3)] == [7, 8, 9]


def test_nothing_is_read_where_nothing_was_written(path: Path) -> None:
    assert read_history(path) == []
    assert read_processes(path) == []
    path.touch()
    assert read_history(path) == []


def test_only_the_owner_may_read_it(path: Path) -> None:
    record(path, event())
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_ran_when_the_main_process_was_killed_gets_an_end(path: Path) -> None:
    started, ready = EventKind.STARTED, EventKind.READY
    told = [
        event(1, started, process="ended"),
        event(1, process="ended"),
        event(1, started, process="ran", pid=42),
        event(1, ready, process="ran"),
        event(1, EventKind.RESTART_ASKED, process="ended"),
    ]
    record(path, *told)
    record(path, event(1, started, process="ran"), event(1, process="ran"))
    record(path, event(1, started, process="ended"))
    (gone,) = [entry for entry in read_history(path) if entry.cause is Cause.MAIN_GONE]
    assert (gone.process, gone.kind, gone.generation, gone.pid) == ("ran", EventKind.EXITED, 1, 42)


# --- it stays small


def test_the_oldest_of_each_process_and_of_all_go(path: Path) -> None:
    bounds = Bounds(of_process=20, of_all=50)
    record(path, *(event(number, process="quiet") for number in range(3)), bounds=bounds)
    for number in range(4):
        record(path, *(event(n, process=f"p{number}") for n in range(100)), bounds=bounds)
        assert generations(path, f"p{number}")[-20:] == list(range(80, 100))
        assert len(generations(path, f"p{number}")) <= 20 + 50
    record(path, event(), bounds=bounds)
    assert len(read_history(path, count=10**6)) <= 51
    assert generations(path, "quiet") == []


def test_the_file_stops_growing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_LONGEST_WAIT", 60.0)  # one by one, however slow this disk is
    bounds = Bounds(of_process=50)
    deaths = [event(number, output=("x" * 200,) * 50) for number in range(300)]
    record(path, *deaths, bounds=bounds)
    size = path.stat().st_size
    record(path, *deaths * 3, bounds=bounds)
    assert path.stat().st_size <= 1.5 * size
    assert not Path(f"{path}-wal").exists()


# --- what happens to it


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(100_000))


def text_file(path: Path) -> None:
    path.write_text("my notes")


def other_database(path: Path) -> None:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE notes (x)")
    database.close()


def newer_version(path: Path) -> None:
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.execute("CREATE TABLE history (x)")
    database.close()


def hole_in_the_middle(path: Path) -> None:
    record(path, *(event(number, output=("x" * 100,) * 30) for number in range(100)))
    data = bytearray(path.read_bytes())
    data[4096:-4096] = os.urandom(len(data) - 8192)
    path.write_bytes(data)


def half_of_it(path: Path) -> None:
    record(path, *(event(number, output=("x" * 100,) * 30) for number in range(100)))
    os.truncate(path, path.stat().st_size // 2 // 4096 * 4096)


DAMAGES = [garbage, text_file, other_database, newer_version, hole_in_the_middle, half_of_it]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside(path: Path, damage: Callable[[Path], None], logged: list[str]) -> None:
    damage(path)
    damaged = path.read_bytes()
    with pytest.raises(HistoryUnreadable):
        read_history(path)
    for _ in range(2):
        record(path, event(1))
    assert generations(path) == [1, 1]
    aside = path.with_name("history.db.damaged")
    assert aside.read_bytes() == damaged
    assert sorted(path.parent.iterdir()) == [path, aside]
    assert len(logged) == 1
    assert "history.db.damaged" in logged[0]


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    other = path.with_name("other")
    garbage(other)
    other.replace(path)


def garbage_in_the_log(path: Path) -> None:
    log = Path(f"{path}-wal")
    assert log.exists()
    garbage(log)


def delete_the_log(path: Path) -> None:
    Path(f"{path}-wal").unlink()


@pytest.mark.parametrize(
    "blow", [delete, replace, garbage, text_file, other_database, garbage_in_the_log, delete_the_log]
)
def test_a_file_that_is_taken_away_while_it_is_written_is_begun_anew(
    path: Path, blow: Callable[[Path], None], logged: list[str]
) -> None:
    async def main() -> None:
        writer = HistoryWriter(path)
        writer.record(event(1, EventKind.STARTED))
        for number in range(2, 5):
            await until(lambda: bool(generations(path)))
            blow(path)
            writer.record(event(number, EventKind.STARTED))
            await until(lambda number=number: number in generations_if_readable(path))  # type: ignore[misc]
        writer.close()

    run(main())
    assert 4 in generations(path)
    assert not any(entry.cause is Cause.MAIN_GONE for entry in read_history(path))


def generations_if_readable(path: Path) -> list[int]:
    try:
        return generations(path)
    except HistoryUnreadable:
        return []


async def until(condition: Callable[[], bool]) -> None:
    """As soon as it is true; the loop, which says what is logged, turns meanwhile."""
    await asyncio.to_thread(wait_until, condition, "the history's writer")


def test_where_no_file_can_be_nothing_is_lost_until_one_can(path: Path, logged: list[str]) -> None:
    """As with a folder that is read-only, or a full disk; a folder of that name stops root, too."""

    async def main() -> None:
        writer = HistoryWriter(path)
        for number in range(5):
            writer.record(event(number))
        await until(lambda: len(logged) == 1)
        await asyncio.to_thread(path.rmdir)
        writer.record(event(5))
        await until(lambda: len(logged) == 2)
        writer.close()

    path.mkdir()
    run(main())
    assert generations(path) == [0, 1, 2, 3, 4, 5]
    assert str(path) in logged[0]
    assert "丢失 0 条" in logged[1]


def test_what_could_never_be_written_is_told(path: Path, logged: list[str]) -> None:
    async def main() -> None:
        writer = HistoryWriter(path)
        for number in range(1500):
            writer.record(event(number))
        writer.close()

    path.mkdir()
    run(main())
    assert len(logged) == 2
    assert "没能写入" in logged[1]


def test_a_python_without_sqlite_has_no_history(path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "liteyuki.supervise.history.file", None)
    record(path, event())
    assert "history.file" in logged[0]
    assert not path.exists()


class StuckDisk:
    """Holds up every write until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reached = threading.Event()
        self.goes_on = threading.Event()
        write = HistoryFile.write

        def stuck(file: HistoryFile, entries: Sequence[HistoryEntry]) -> None:
            self.reached.set()
            assert self.goes_on.wait(60)
            write(file, entries)

        monkeypatch.setattr(HistoryFile, "write", stuck)


def test_a_stuck_disk_holds_nobody_up(path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    disk = StuckDisk(monkeypatch)

    async def main() -> None:
        writer = HistoryWriter(path)
        for number in range(100):
            writer.record(event(number))
        assert disk.reached.is_set()
        assert read_history(path) == []
        disk.goes_on.set()
        writer.close()

    run(main())
    assert generations(path) == list(range(100))
    assert logged == []


def test_a_disk_that_stays_stuck_does_not_keep_the_main_process(
    path: Path, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = StuckDisk(monkeypatch)

    async def main() -> None:
        writer = HistoryWriter(path)
        writer.record(event())
        writer.close()

    run(main())
    disk.goes_on.set()
    assert len(logged) == 1
    for thread in threading.enumerate():
        if thread.name == "liteyuki-history":
            thread.join()


def test_no_thread_lives_while_there_is_nothing_to_write(path: Path) -> None:
    async def main() -> None:
        writer = HistoryWriter(path)
        writer.record(event())
        await until(lambda: all(thread.name != "liteyuki-history" for thread in threading.enumerate()))
        writer.close()

    run(main())


def test_it_can_be_read_while_it_is_written(path: Path) -> None:
    async def main() -> None:
        writer = HistoryWriter(path)
        for number in range(200):
            writer.record(event(number))
            if number % 20 == 0:
                await until(lambda number=number: generations(path) == list(range(number + 1)))  # type: ignore[misc]
        writer.close()

    run(main())
