"""The supervisor with real children: restarts, stops, crashes, channels."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from harness import DEADLINE, is_alive, open_handles, wait_until_gone
from liteyuki.comm.broker import MainBroker
from liteyuki.comm.protocol import Origin
from liteyuki.comm.registry import get_channel, replaced_registry
from liteyuki.errors import UnknownProcess
from liteyuki.log import configure
from liteyuki.supervise import (
    Backoff,
    Event,
    EventKind,
    GiveUp,
    GiveUpThen,
    ProcessSpec,
    ProcessState,
    Program,
    ProgramKind,
    RequestServer,
    RestartMode,
    Supervisor,
)
from liteyuki.supervise.history import HistoryWriter
from liteyuki.supervise.output import Console
from liteyuki.supervise.tree import Tree

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Watched:
    """A supervisor, with all events that it reports and all that its processes print."""

    def __init__(self, supervisor: Supervisor, read_end: int) -> None:
        self.supervisor = supervisor
        self.events: list[Event] = []
        self.printed = ""
        self._read_end = read_end
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(read_end, self._read)

    def _read(self) -> None:
        self.printed += os.read(self._read_end, 65536).decode()
        self.changed()

    def changed(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], Any], what: str) -> Any:
        async def wait() -> Any:
            while not (value := condition()):
                self._changed.clear()
                await self._changed.wait()
            return value

        try:
            return await asyncio.wait_for(wait(), DEADLINE)
        except asyncio.TimeoutError:
            raise AssertionError(f"{what} did not come; printed: {self.printed}; events: {self.events}") from None

    async def until_printed(self, pattern: str) -> re.Match[str]:
        found: re.Match[str] = await self.until(lambda: re.search(pattern, self.printed), pattern)
        return found

    async def until_event(self, kind: EventKind, count: int = 1) -> Event:
        def find() -> Event | None:
            found = [event for event in self.events if event.kind is kind]
            return found[count - 1] if len(found) >= count else None

        event: Event = await self.until(find, f"{kind} {count}")
        return event


def target(name: str, function: str, *args: object, **changes: Any) -> ProcessSpec:
    program = Program(ProgramKind.TARGET, (f"tests.process.children:{function}",), args)
    return ProcessSpec(name=name, program=program, cwd=ROOT, **changes)


def command(name: str, *words: str, **changes: Any) -> ProcessSpec:
    return ProcessSpec(name=name, program=Program(ProgramKind.COMMAND, words), cwd=ROOT, **changes)


@asynccontextmanager
async def supervised(
    *specs: ProcessSpec,
    history: HistoryWriter | None = None,
    hear: Callable[[Event], None] = lambda event: None,
    waits: bool = True,
) -> AsyncIterator[Watched]:
    """With `waits`, return when each process was tried once."""
    read_end, write_end = os.pipe()
    console = Console(write_end)
    console.bind(asyncio.get_running_loop())
    watched: Watched

    def listen(event: Event) -> None:
        watched.events.append(event)
        hear(event)
        watched.changed()

    configure(write=console.write_text)
    with replaced_registry() as registry:
        supervisor = Supervisor(
            {spec.name: spec for spec in specs},
            environment=dict(os.environ),
            console=console,
            listener=listen,
            history=history,
        )
        registry.broker = broker = MainBroker(supervisor.channels, registry.table)
        RequestServer(supervisor, broker)
        watched = Watched(supervisor, read_end)
        go_on = asyncio.Event()
        if not waits:
            go_on.set()
        await supervisor.start(go_on)
        try:
            yield watched
        finally:
            await supervisor.stop()
            asyncio.get_running_loop().remove_reader(read_end)
            configure()
            console.close()
            os.close(read_end)
            os.close(write_end)


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_a_restart_replaces_the_process_and_is_told() -> None:
    async def main() -> None:
        async with supervised(target("a", "say_and_wait", "hello")) as watched:
            await watched.until_printed("hello a 1")
            first = watched.supervisor.keeper("a").status().pid
            answer = watched.supervisor.restart("a", reason="test", origin=Origin(kind="main"))
            again = watched.supervisor.restart("a", reason="test", origin=Origin(kind="main"))
            assert (answer.outcome, again.outcome) == ("accepted", "already")
            event = await watched.until_event(EventKind.RESTARTED)
            assert (event.process, event.generation, event.origin) == ("a", 2, Origin(kind="main"))
            await watched.until_printed("hello a 2")
            status = watched.supervisor.keeper("a").status()
            assert status.pid != first
            assert (status.restarts, status.state, status.restart_for) == (1, "ready", None)
            assert watched.supervisor.restart("b", reason="", origin=Origin(kind="main")).known == ("a",)
            with pytest.raises(UnknownProcess):
                watched.supervisor.keeper("b")

    run(main())


def test_one_that_ignores_being_asked_is_killed_with_what_it_started() -> None:
    async def main() -> None:
        async with supervised(target("a", "ignore_being_asked", stop_timeout=0.3)) as watched:
            grandchild = int((await watched.until_printed(r"ignoring (\d+)"))[1])
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            await watched.supervisor.stop()
            assert not is_alive(pid)
            wait_until_gone(grandchild)

    run(main())


def test_a_crash_is_followed_by_a_restart_and_its_last_words_are_kept() -> None:
    async def main() -> None:
        spec = target("a", "die_of", int(signal.SIGKILL), backoff=Backoff(base=0.01, max=0.02))
        async with supervised(spec) as watched:
            await watched.until_event(EventKind.RESTARTED, 2)
            assert "a last line without an end" in watched.supervisor.keeper("a").tail.last(1)[0]
            assert watched.printed.count("a last line") >= 2

    run(main())


@pytest.mark.parametrize(("mode", "code"), [(RestartMode.ON_FAILURE, 0), (RestartMode.NEVER, 1)])
def test_one_that_is_not_to_be_restarted_stays_stopped_until_asked(mode: RestartMode, code: int) -> None:
    async def main() -> None:
        async with supervised(target("a", "end_with", code, restart=mode)) as watched:
            await watched.until_event(EventKind.STAYS_STOPPED)
            assert watched.supervisor.keeper("a").state is ProcessState.STOPPED
            assert watched.printed.count("ending") == 1
            watched.supervisor.restart("a", reason="", origin=Origin(kind="main"))
            await watched.until_event(EventKind.RESTARTED)
            await watched.until_event(EventKind.STAYS_STOPPED, 2)

    run(main())


def test_giving_up_is_told() -> None:
    async def main() -> None:
        spec = command("a", "false", backoff=Backoff(base=0.01), give_up=GiveUp(deaths=3, then=GiveUpThen.EXIT))
        async with supervised(spec) as watched:
            await watched.until_event(EventKind.GAVE_UP)
            await asyncio.wait_for(watched.supervisor.until_given_up(), DEADLINE)
            assert watched.supervisor.keeper("a").gave_up_for_all

    run(main())


def test_a_start_that_takes_too_long_is_ended_once() -> None:
    async def main() -> None:
        program = Program(ProgramKind.SCRIPT, ("sleeping.py",))
        backoff = Backoff(max=0.01, jitter=0.0)
        spec = ProcessSpec(name="a", program=program, cwd=HERE, start_timeout=0.5, backoff=backoff)
        async with supervised(spec) as watched:
            await watched.until_printed("(?s)(start_timeout.*){2}")
            # It was reported once for each generation that was ended, however long that took.
            generations = watched.supervisor.keeper("a").status().generation
            assert generations - 1 <= watched.printed.count("start_timeout") <= generations

    run(main())


def test_a_program_that_is_not_there_is_retried_and_stops_nobody() -> None:
    async def main() -> None:
        async with supervised(command("a", "no-such-program"), target("b", "say_and_wait", "b")) as watched:
            await watched.until_printed("b b 1")
            await watched.until_printed("no-such-program")

    run(main())


def test_values_travel_and_survive_the_child() -> None:
    async def main() -> None:
        async with supervised(target("a", "echo")) as watched:
            channel = get_channel("a-active")
            channel.send({"n": (1, 2)})
            assert await asyncio.wait_for(channel.async_receive(), DEADLINE) == ("echo", {"n": (1, 2)})
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            for number in range(100):
                channel.send(number)
            os.kill(pid, signal.SIGKILL)
            received = [await asyncio.wait_for(channel.async_receive(), DEADLINE) for _ in range(100)]
            assert received == [("echo", number) for number in range(100)]
            assert channel.stats.queued == 0

    run(main())


def test_being_stopped_ends_a_blocking_receive() -> None:
    async def main() -> None:
        async with supervised(target("a", "echo")) as watched:
            channel = get_channel("a-active")
            channel.send(1)
            await asyncio.wait_for(channel.async_receive(), DEADLINE)
            await watched.supervisor.stop()

    run(main())


def test_no_handle_is_left_after_many_restarts() -> None:
    async def main() -> None:
        spec = command("a", sys.executable, "-c", "", backoff=Backoff(base=0.0, max=0.0), give_up=GiveUp(deaths=10**6))
        async with supervised(spec) as watched:
            await watched.until_event(EventKind.RESTARTED, 3)
            before = open_handles()
            await watched.until_event(EventKind.RESTARTED, 30)
            # One generation's handles may still be open at either time, or not be open yet.
            assert abs(open_handles() - before) <= 6

    run(main())


@pytest.mark.parametrize("broken", ["is_left_running", "drop"])
def test_an_exit_is_noticed_whatever_fails_after_it(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault: looking for what an ended process has left, or releasing it, raises."""

    async def main() -> None:
        raised: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(repr(context["exception"])))
        async with supervised(command("a", "sleep", "1000")) as watched:
            first = await watched.until_event(EventKind.STARTED)

            def fail(*_: object) -> None:
                monkeypatch.undo()
                raise OSError("a fault")

            monkeypatch.setattr(Tree, broken, fail)
            assert first.pid is not None
            os.kill(first.pid, signal.SIGKILL)
            await watched.until_event(EventKind.STARTED, 2)
            await watched.until(lambda: raised, "the report")
            assert raised == ["OSError('a fault')"]

    run(main())
