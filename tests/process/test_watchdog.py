"""The watchdog with real children: loops that block, hold the interpreter, are stopped, or are in good health."""

import asyncio
import os
import signal
import time
from typing import Any

import pytest

from liteyuki.comm.registry import get_channel
from liteyuki.supervise import Cause, EventKind, ProcessSpec, Program, ProgramKind
from liteyuki.supervise.history import HistoryEntry
from tests.process.test_supervisor import ROOT, Watched, run, supervised

LIMIT = 1.0


def stuck(function: str, *args: object, watchdog: float = LIMIT) -> ProcessSpec:
    program = Program(ProgramKind.TARGET, (f"tests.process.stuck_children:{function}",), args)
    return ProcessSpec(name="a", program=program, cwd=ROOT, watchdog=watchdog)


async def is_left_alone(watched: Watched) -> None:
    """Long enough for a watchdog to say whom it ends; there is no event for "it ends nobody"."""
    await asyncio.sleep(2.5 * LIMIT)
    assert "没有转动（pid" not in watched.printed
    assert watched.supervisor.keeper("a").status().generation == 1


async def is_replaced(watched: Watched) -> None:
    await watched.until_printed("没有转动（pid")
    generation = watched.supervisor.keeper("a").generation
    event = await watched.until_event(EventKind.RESTARTED)
    assert event.generation == 2
    await watched.until_printed("turning 2")
    assert "信号 SIGKILL" in watched.printed
    assert generation is not None
    assert (generation.number, generation.ended_for) == (1, Cause.WATCHDOG)


@pytest.mark.parametrize("function", ["block_once", "run_a_loop_of_its_own"])
def test_a_blocked_loop_is_ended_with_the_stacks_of_all_threads(function: str) -> None:
    async def main() -> None:
        async with supervised(stuck(function)) as watched:
            await is_replaced(watched)
            said, _, rest = watched.printed.partition("没有转动（pid")
            assert "blocking" in said
            stacks = rest.partition("SIGKILL")[0]
            assert f"in {function}" in stacks or "in main" in stacks
            if function == "block_once":
                assert "in _wait_elsewhere" in stacks
            # `/logs`, which shows the output of the process, shows them, too.
            assert any("most recent call first" in line for line in watched.supervisor.keeper("a").tail.last(200))

    run(main())


def test_the_stacks_of_many_threads_are_kept_whole() -> None:
    async def main() -> None:
        async with supervised(stuck("block_beside_once", 30)) as watched:
            event = await watched.until_event(EventKind.EXITED)
            assert event.cause is Cause.WATCHDOG
            output = "\n".join(event.output)
            assert output.count("in _wait_elsewhere") == 30
            assert output.count("in _wait_deep") == 300
            assert output.rindex("in _block") > output.rindex("in _wait_elsewhere")
            entry = HistoryEntry.of(event)
            assert entry.output == event.output
            assert len(entry.output) > 330

    run(main())


def test_a_loop_under_c_code_that_holds_the_interpreter_is_ended_with_its_stack() -> None:
    async def main() -> None:
        async with supervised(stuck("hold_the_interpreter_once")) as watched:
            await is_replaced(watched)
            assert "in hold_the_interpreter_once" in watched.printed.partition("没有转动（pid")[2]

    run(main())


@pytest.mark.parametrize("call", [("turn",), ("end_its_loop", True), ("end_its_loop", False)])
def test_what_turns_or_has_no_loop_is_left_alone(call: tuple[Any, ...]) -> None:
    async def main() -> None:
        async with supervised(stuck(*call)) as watched:
            await watched.until_printed("turning 1|without a loop")
            await is_left_alone(watched)
            assert "没有转动" not in watched.printed

    run(main())


def test_one_that_waits_for_a_message_on_its_loop_is_left_alone() -> None:
    async def main() -> None:
        async with supervised(stuck("wait_for_a_message")) as watched:
            await watched.until_printed("waiting")
            await is_left_alone(watched)
            get_channel("a-active").send("it")
            await watched.until_printed("got it")
            assert watched.supervisor.keeper("a").status().generation == 1

    run(main())


def test_nothing_is_watched_where_it_is_off() -> None:
    async def main() -> None:
        async with supervised(stuck("block_for", 2.0, watchdog=0.0)) as watched:
            generation = watched.supervisor.keeper("a").generation
            assert generation is not None
            assert generation.pulse is None
            await watched.until_printed("blocked no more")
            assert "转动" not in watched.printed

    run(main())


def test_a_blocked_loop_is_warned_of_with_what_blocks_it_and_when_it_is_over() -> None:
    async def main() -> None:
        async with supervised(stuck("block_for", 6.0, watchdog=30.0)) as watched:
            await watched.until_printed("恢复转动")
            warned, _, after = watched.printed.partition("blocked no more")
            assert warned.count("a：事件循环已有") == 1
            assert "in _block\n    time.sleep(seconds)" in warned
            assert "a：事件循环停了" in after
            assert watched.supervisor.keeper("a").status().generation == 1

    run(main())


def test_a_loop_that_is_blocked_for_less_is_not_warned_of() -> None:
    async def main() -> None:
        async with supervised(stuck("block_for", 3.0, watchdog=4.0)) as watched:
            await watched.until_printed("blocked no more")
            await asyncio.sleep(0.5)  # there is no event for "nothing is said"
            assert "事件循环" not in watched.printed

    run(main())


def test_c_code_that_holds_the_interpreter_is_warned_of_with_its_stack() -> None:
    async def main() -> None:
        async with supervised(stuck("hold_the_interpreter_once", watchdog=6.0)) as watched:
            await watched.until_printed("(?s)Timeout.*in hold_the_interpreter_once")
            assert "没有转动" not in watched.printed

    run(main())


def test_one_that_was_stopped_goes_on_and_is_not_restarted() -> None:
    async def main() -> None:
        async with supervised(stuck("turn")) as watched:
            await watched.until_printed("turning 1")
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            for count in (1, 2):
                os.kill(pid, signal.SIGSTOP)
                await watched.until_printed(f"(?s)(SIGSTOP.*){{{count}}}")
            await is_left_alone(watched)
            assert watched.supervisor.keeper("a").status().pid == pid

    run(main())


def test_a_main_process_that_stood_still_blames_nobody() -> None:
    async def main() -> None:
        async with supervised(stuck("turn")) as watched:
            await watched.until_printed("turning 1")
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            # As when the machine is suspended: neither runs, for several times the limit.
            os.kill(pid, signal.SIGSTOP)
            stand_still(3 * LIMIT)
            os.kill(pid, signal.SIGCONT)
            await is_left_alone(watched)
            assert watched.supervisor.keeper("a").status().pid == pid
            assert "SIGSTOP" not in watched.printed

    run(main())


def stand_still(seconds: float) -> None:
    time.sleep(seconds)
