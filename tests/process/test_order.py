"""Several processes in an order: which starts after which, which is stopped before which, and which go on alone."""

import asyncio
import os
import signal
from pathlib import Path

from harness import DEADLINE
from liteyuki.comm.protocol import Origin
from liteyuki.supervise import Backoff, EventKind, GiveUp, GiveUpThen, ProcessSpec, ProcessState, Program, ProgramKind
from tests.process.test_supervisor import Watched, command, run, supervised, target


def never_ready(name: str) -> ProcessSpec:
    return ProcessSpec(name=name, program=Program(ProgramKind.SCRIPT, ("sleeping.py",)), cwd=Path(__file__).parent)


def place(watched: Watched, kind: EventKind, process: str) -> int:
    """The index of the first such event."""
    return next(at for at, event in enumerate(watched.events) if (event.kind, event.process) == (kind, process))


def starts(watched: Watched, process: str) -> int:
    return sum(event.kind is EventKind.STARTED and event.process == process for event in watched.events)


def is_told(watched: Watched, kind: EventKind, process: str) -> bool:
    return any((event.kind, event.process) == (kind, process) for event in watched.events)


def kill(watched: Watched, process: str) -> None:
    pid = watched.supervisor.keeper(process).status().pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def test_each_starts_after_the_others_are_ready_and_stops_before_them() -> None:
    async def main() -> None:
        specs = (
            target("last", "say_and_wait", "hello", after=("b", "c")),
            target("b", "say_and_wait", "hello", after=("a",)),
            command("c", "sleep", "1000", after=("a",)),
            target("a", "say_and_wait", "hello"),
            target("alone", "say_and_wait", "hello"),
        )
        async with supervised(*specs) as watched:
            await watched.until_printed("hello last 1")
            for first, then in (("a", "b"), ("a", "c"), ("b", "last"), ("c", "last")):
                assert place(watched, EventKind.READY, first) < place(watched, EventKind.STARTED, then)
            await watched.supervisor.stop()
            for first, then in (("a", "b"), ("a", "c"), ("b", "last"), ("c", "last")):
                assert place(watched, EventKind.EXITED, then) < place(watched, EventKind.BEFORE_SHUTDOWN, first)

    run(main())


def test_what_needs_no_turn_starts_and_stops_at_once() -> None:
    async def main() -> None:
        names = ("a", "b", "c")
        async with supervised(*(command(name, "sleep", "1000") for name in names)) as watched:
            await watched.supervisor.stop()
            last_asked = max(place(watched, EventKind.BEFORE_SHUTDOWN, name) for name in names)
            assert last_asked < min(place(watched, EventKind.EXITED, name) for name in names)
        assert "就绪后启动" not in watched.printed

    run(main())


def test_one_that_never_becomes_ready_does_not_keep_the_others_from_starting() -> None:
    async def main() -> None:
        specs = (
            target("broken", "there_is_no_such_function"),
            command("missing", "no-such-program"),
            target("b", "say_and_wait", "hello", after=("broken", "missing")),
        )
        async with supervised(*specs) as watched:
            await watched.until_printed("hello b 1")
            await watched.until_printed("broken：未就绪便结束了；b 不再等它")
            assert watched.supervisor.keeper("b").state is ProcessState.READY

    run(main())


def test_a_restart_is_of_one_process() -> None:
    async def main() -> None:
        specs = (target("a", "say_and_wait", "hello"), target("b", "say_and_wait", "hello", after=("a",)))
        async with supervised(*specs) as watched:
            await watched.until_printed("hello b 1")
            watched.supervisor.restart("a", reason="", origin=Origin(kind="main"))
            await watched.until_printed("hello a 2")
            kill(watched, "a")
            await watched.until_printed("hello a 3")
            assert starts(watched, "b") == 1

    run(main())


HEEDLESS = "import signal, time; signal.signal(15, signal.SIG_IGN); print('heedless', flush=True); time.sleep(3600)"


def test_one_that_dies_while_others_are_stopped_is_not_started_again() -> None:
    async def main() -> None:
        specs = (target("a", "say_and_wait", "hello"), target("b", "look", HEEDLESS, after=("a",), stop_timeout=60.0))
        async with supervised(*specs) as watched:
            await watched.until_printed("heedless")
            await watched.until_printed("hello a 1")
            kill(watched, "a")  # for the first time; after that it is started again without a pause
            await watched.until_printed("hello a 2")
            stopped = asyncio.ensure_future(watched.supervisor.stop())
            await watched.until(lambda: is_told(watched, EventKind.BEFORE_SHUTDOWN, "b"), "the stop of b")
            kill(watched, "a")
            await watched.until_event(EventKind.EXITED, 2)
            kill(watched, "b")
            await asyncio.wait_for(stopped, DEADLINE)
            assert starts(watched, "a") == 2
            assert "重新启动" not in watched.printed

    run(main())


def test_one_that_waits_says_so_and_starts_when_somebody_asks() -> None:
    async def main() -> None:
        specs = (never_ready("a"), target("b", "say_and_wait", "hello", after=("a",)))
        async with supervised(*specs, waits=False) as watched:
            await watched.until_printed("b：等 a 就绪后启动")
            assert watched.supervisor.keeper("b").state is ProcessState.QUEUED
            assert watched.supervisor.restart("b", reason="", origin=Origin(kind="main")).accepted
            await watched.until_printed("hello b 1")

    run(main())


def test_a_stop_does_not_wait_for_a_turn() -> None:
    async def main() -> None:
        specs = (never_ready("a"), target("b", "say_and_wait", "hello", after=("a",)))
        async with supervised(*specs, waits=False) as watched:
            await watched.until_event(EventKind.STARTED)
            await asyncio.wait_for(watched.supervisor.stop(), DEADLINE)
            assert starts(watched, "b") == 0
            assert [status.state for status in watched.supervisor.status()] == ["stopped", "stopped"]

    run(main())


def test_giving_up_on_one_ends_the_start_of_all() -> None:
    async def main() -> None:
        give_up = GiveUp(deaths=1, then=GiveUpThen.EXIT)
        specs = (
            never_ready("a"),
            target("b", "say_and_wait", "hello", after=("a",)),
            command("c", "false", backoff=Backoff(base=0.01), give_up=give_up),
        )
        async with supervised(*specs) as watched:
            await asyncio.wait_for(watched.supervisor.until_given_up(), DEADLINE)
            assert watched.supervisor.keeper("b").state is ProcessState.QUEUED

    run(main())


def test_an_instance_is_meant_by_its_own_name() -> None:
    async def main() -> None:
        names = ("worker-1", "worker-2")
        specs = (command("x", "sleep", "9"), *(command(name, "sleep", "1000", instances=2) for name in names))
        async with supervised(*specs) as watched:
            answer = watched.supervisor.restart("worker", reason="", origin=Origin(kind="main"))
            assert (answer.outcome, answer.known) == ("unknown", names)
            assert watched.supervisor.restart("y", reason="", origin=Origin(kind="main")).known == ("x", *names)
            assert watched.supervisor.restart("worker-2", reason="", origin=Origin(kind="main")).accepted
            assert (await watched.until_event(EventKind.RESTARTED)).process == "worker-2"

    run(main())
