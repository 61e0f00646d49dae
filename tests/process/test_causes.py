"""Every end, start and restart of a real child carries its cause, and is on record."""

import asyncio
import dataclasses
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from liteyuki._platform import OomKills
from liteyuki.comm.protocol import Origin
from liteyuki.comm.registry import current_registry, shared_memory
from liteyuki.supervise import Backoff, Cause, GiveUp, GiveUpThen, ProcessSpec, Program, ProgramKind, RestartMode
from liteyuki.supervise import supervisor as supervisor_module
from liteyuki.supervise.events import TOPIC, Event, EventKind
from liteyuki.supervise.history import HistoryWriter, read_history
from liteyuki.supervise.history import writer as history_module
from tests.process.test_supervisor import Watched, command, run, supervised, target

HERE = Path(__file__).parent
ALICE = Origin(kind="chat", who="alice", where="group 1")


def script(name: str, file: str, **changes: Any) -> ProcessSpec:
    return ProcessSpec(name=name, program=Program(ProgramKind.SCRIPT, (file,)), cwd=HERE, **changes)


async def first_exit(watched: Watched) -> Event:
    return await watched.until_event(EventKind.EXITED)


@pytest.mark.parametrize(
    ("spec", "cause", "code", "signal_name"),
    [
        (target("a", "end_with", 0), Cause.ENDED, 0, None),
        (target("a", "end_with", 7), Cause.CRASH, 7, None),
        (command("a", "sh", "-c", "echo ending; exit 3"), Cause.CRASH, 3, None),
        (target("a", "die_of", int(signal.SIGSEGV)), Cause.SIGNAL, None, "SIGSEGV"),
        (target("a", "die_of", int(signal.SIGKILL)), Cause.SIGNAL, None, "SIGKILL"),
        (script("a", "no_such_script.py"), Cause.START_FAILED, 1, None),
        (script("a", "sleeping.py", start_timeout=3.0), Cause.START_TIMEOUT, None, "SIGKILL"),
    ],
    ids=lambda value: value.value if isinstance(value, Cause) else None,
)
def test_deaths(spec: ProcessSpec, cause: Cause, code: int | None, signal_name: str | None) -> None:
    async def main() -> None:
        async with supervised(spec) as watched:
            ended = await first_exit(watched)
            assert (ended.cause, ended.exit_code, ended.signal) == (cause, code, signal_name)
            assert (ended.process, ended.generation, ended.origin) == ("a", 1, None)
            assert ended.pid
            assert ended.lived
            assert ended.output or cause is Cause.START_FAILED
            assert bool(ended.reason) == (cause is Cause.START_FAILED)

    run(main())


def test_a_program_that_cannot_be_launched(tmp_path: Path) -> None:
    async def main() -> None:
        spec = ProcessSpec(name="a", program=Program(ProgramKind.COMMAND, ("true",)), cwd=tmp_path / "gone")
        async with supervised(spec) as watched:
            ended = await first_exit(watched)
            assert (ended.cause, ended.exit_code, ended.signal, ended.pid) == (Cause.START_FAILED, None, None, None)
            assert "gone" in ended.reason

    run(main())


def test_an_out_of_memory_kill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's count is a file of ours: the machine need not run out of memory for it."""
    counts = tmp_path / "memory.events"
    counts.write_text("oom_kill 4\n")
    monkeypatch.setattr(supervisor_module, "OomKills", lambda: OomKills(counts))

    async def main() -> None:
        async with supervised(target("a", "say_and_wait", "hello")) as watched:
            for generation, count in ((1, 5), (2, 5)):
                await watched.until_printed(f"hello a {generation}")
                counts.write_text(f"oom_kill {count}\n")
                pid = watched.supervisor.keeper("a").status().pid
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await watched.until_event(EventKind.EXITED, generation)
            causes = [event.cause for event in watched.events if event.kind is EventKind.EXITED]
            assert causes == [Cause.OUT_OF_MEMORY, Cause.SIGNAL]

    run(main())


def test_a_restart_that_was_asked_for_says_who_all_the_way() -> None:
    async def main() -> None:
        async with supervised(target("a", "say_and_wait", "hello")) as watched:
            await watched.until_printed("hello a 1")
            watched.supervisor.restart("a", reason="new plugin", origin=ALICE)
            await watched.until_event(EventKind.RESTARTED)
            told = [event for event in watched.events if event.kind not in (EventKind.READY, EventKind.RESTARTED)]
            assert [(event.kind, event.generation, event.cause) for event in told] == [
                (EventKind.BEFORE_START, 1, Cause.MAIN_STARTED),
                (EventKind.STARTED, 1, Cause.MAIN_STARTED),
                (EventKind.RESTART_ASKED, 1, Cause.CHAT),
                (EventKind.BEFORE_RESTART, 1, Cause.CHAT),
                (EventKind.EXITED, 1, Cause.CHAT),
                (EventKind.BEFORE_START, 2, Cause.CHAT),
                (EventKind.STARTED, 2, Cause.CHAT),
            ]
            assert {(event.origin, event.reason) for event in told[2:]} == {(ALICE, "new plugin")}
            assert told[4].output == ()
            watched.supervisor.restart("a", reason="", origin=Origin(kind="main"), cause=Cause.SCHEDULE)
            assert (await watched.until_event(EventKind.EXITED, 2)).cause is Cause.SCHEDULE
            await watched.until_event(EventKind.RESTARTED, 2)
            await watched.supervisor.stop()
            last = await watched.until_event(EventKind.EXITED, 3)
            assert (last.cause, last.signal) == (Cause.MAIN_STOPPING, "SIGTERM")

    run(main())


def test_a_start_after_a_crash_is_put_down_to_the_crash() -> None:
    async def main() -> None:
        async with supervised(target("a", "say_and_wait", "hello")) as watched:
            await watched.until_printed("hello a 1")
            watched.supervisor.restart("a", reason="", origin=ALICE)
            await watched.until_printed("hello a 2")
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            os.kill(pid, signal.SIGSEGV)
            started = await watched.until_event(EventKind.STARTED, 3)
            assert (started.cause, started.origin) == (Cause.SIGNAL, None)

    run(main())


def test_last_words_are_those_of_one_generation() -> None:
    code = "print(*range(100), sep='\\n'); print('no newline', end='')"
    lines = [*map(str, range(51, 100)), "no newline"]

    async def main() -> None:
        spec = command("a", sys.executable, "-c", code)
        short = command("b", "sh", "-c", "printf last")
        async with supervised(spec, short) as watched:
            await watched.until_event(EventKind.EXITED, 4)
            for event in watched.events:
                if event.kind is EventKind.EXITED:
                    assert list(event.output) == (lines if event.process == "a" else ["last"])

    run(main())


@pytest.mark.parametrize("then", [GiveUpThen.SLOW, GiveUpThen.STOP])
def test_a_person_can_always_restart_it(then: GiveUpThen) -> None:
    """While it waits for a retry, or was given up: at once, and with a clean slate."""

    async def main() -> None:
        spec = command("a", "false", backoff=Backoff(base=0.0), give_up=GiveUp(deaths=2, then=then, slow_every=1000.0))
        async with supervised(spec) as watched:
            for count in range(1, 6):
                ended = await watched.until_event(EventKind.EXITED, 2 * count)
                assert (ended.generation, ended.cause) == (2 * count, Cause.CRASH)
                assert watched.supervisor.restart("a", reason="", origin=ALICE).accepted
                started = await watched.until_event(EventKind.STARTED, 2 * count + 1)
                assert started.cause is Cause.CHAT

    run(main())


@pytest.mark.parametrize("spec", [command("a", "false"), script("a", "no_such_script.py")], ids=["ready", "not ready"])
def test_a_restart_asked_for_in_the_turn_of_an_exit_comes_after_it(spec: ProcessSpec) -> None:
    """That death is counted by then, so it is forgotten, and nothing that it would have led to happens."""
    spec = dataclasses.replace(spec, give_up=GiveUp(deaths=1, then=GiveUpThen.EXIT))

    async def main() -> None:
        answers: list[str] = []

        def ask() -> None:
            answers.extend(watched.supervisor.restart("a", reason="", origin=ALICE).outcome for _ in range(2))

        def hear(event: Event) -> None:
            if event.kind is EventKind.EXITED and event.generation <= 3:
                asyncio.get_running_loop().call_soon(ask)

        async with supervised(spec, hear=hear, waits=False) as watched:
            gave_up = await watched.until_event(EventKind.GAVE_UP)
            assert gave_up.generation == 4
            starts = [event.cause for event in watched.events if event.kind is EventKind.STARTED]
            assert starts == [Cause.MAIN_STARTED, Cause.CHAT, Cause.CHAT, Cause.CHAT]
            assert answers == ["accepted", "already"] * 3

    run(main())


def test_a_restart_asked_for_while_it_starts_is_told_as_what_it_is() -> None:
    async def main() -> None:
        async with supervised(target("a", "say_and_wait", "here"), waits=False) as watched:
            await watched.until_event(EventKind.STARTED)
            assert watched.supervisor.restart("a", reason="again", origin=ALICE, hold=True).outcome == "accepted"
            ready = await watched.until_event(EventKind.READY)
            assert (ready.generation, ready.origin) == (1, None)
            watched.supervisor.keeper("a").begin_restart()
            ended = await first_exit(watched)
            assert (ended.cause, ended.origin) == (Cause.CHAT, ALICE)
            again = await watched.until_event(EventKind.READY, 2)
            assert (again.generation, again.origin) == (2, ALICE)

    run(main())


def test_a_rule_of_the_settings_does_not_wipe_the_slate() -> None:
    async def main() -> None:
        spec = command("a", "false", give_up=GiveUp(deaths=1, then=GiveUpThen.STOP))
        async with supervised(spec) as watched:
            await watched.until_event(EventKind.GAVE_UP)
            watched.supervisor.restart("a", reason="", origin=Origin(kind="main"), cause=Cause.SCHEDULE)
            gave_up = await watched.until_event(EventKind.GAVE_UP, 2)
            assert (gave_up.generation, gave_up.cause) == (2, Cause.CRASH)

    run(main())


def test_events_are_published() -> None:
    async def main() -> None:
        heard: list[dict[str, Any]] = []
        async with supervised(target("a", "end_with", 0, restart=RestartMode.NEVER)) as watched:
            assert current_registry().broker is not None

            @shared_memory.on_subscriber_receive(TOPIC)
            def hear(facts: dict[str, Any]) -> None:
                heard.append(facts)
                watched.changed()

            await watched.until_event(EventKind.STAYS_STOPPED)
            watched.supervisor.restart("a", reason="again", origin=ALICE)
            exited = await watched.until_event(EventKind.EXITED, 2)
            await watched.until(lambda: exited.facts() in heard, "the exit")
            (asked,) = [facts for facts in heard if facts["kind"] == "restart"]
            assert (asked["asked_by"], asked["cause"]) == ("chat / alice / group 1", "chat")

    run(main())


def test_the_history_has_it_all_before_it_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "_LONGEST_WAIT", 60.0)  # whatever else this machine does
    path = tmp_path / "history.db"

    async def main() -> None:
        history = HistoryWriter(path)
        async with supervised(command("a", "sh", "-c", "echo dying; exit 9"), history=history) as watched:
            await watched.until_printed("退出码 9")
            assert "exit" in [entry.kind.value for entry in read_history(path)]
            await watched.until_event(EventKind.STARTED, 2)
        history.close()

    run(main())
    first = [(entry.kind.value, entry.generation) for entry in read_history(path, count=1000)][:4]
    assert first == [("start", 1), ("ready", 1), ("exit", 1), ("start", 2)]
    exited = read_history(path, count=1000)[2]
    assert (exited.cause, exited.exit_code, exited.output) == (Cause.CRASH, 9, ("dying",))
