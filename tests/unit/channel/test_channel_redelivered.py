"""Receiving what counts as taken when it is handled, and the mark of what comes again."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Arrivals, Joiner, crash, in_thread, run, soon, until


def handled(joiner: Joiner) -> tuple[Joiner, Channel[Any]]:
    """A joiner whose channels count a message as taken when it is handled, and a main process's one."""
    joined = with_options(joiner, ack="handled")
    return joined, joined.kept()


def received(child: Channel[Any], count: int) -> list[tuple[Any, bool]]:
    """The next values, and whether each was begun before; more than these are not there."""
    got = [(child.receive(DEADLINE), child.redelivered) for _ in range(count)]
    with pytest.raises(TimeoutError):
        child.receive(timeout=0)
    return got


# --- `receive`, where a message is done when the next one is asked for

ASK: dict[str, Callable[[Channel[Any]], Awaitable[Any]]] = {
    "receive": lambda child: soon(in_thread(lambda: child.receive(DEADLINE))),
    "async_receive": lambda child: child.async_receive(),
    "iteration": lambda child: soon(in_thread(lambda: list(child))),
}


@pytest.mark.parametrize("how", ASK)
def test_a_received_message_is_done_when_the_next_is_asked_for(joiner: Joiner, how: str) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        main.bind(asyncio.get_running_loop())
        child = joined.child_of(main, 1)
        main.send(1)
        assert await soon(in_thread(lambda: child.receive(DEADLINE))) == 1
        assert main.stats.queued == 1
        asking = asyncio.ensure_future(ASK[how](child))
        await until(lambda: main.stats.queued == 0, "the first to be done")
        main.detach()
        await asyncio.wait_for(asyncio.gather(asking, return_exceptions=True), DEADLINE)
        assert received(joined.child_of(main, 2), 0) == []

    run(body())


def test_messages_over_half_the_bound_go_on_one_by_one(joiner: Joiner) -> None:
    joined = with_options(joiner, ack="handled", max_queued_bytes=1000)
    main, child = joined.channels()

    def send_all() -> None:
        for number in range(20):
            main.send((number, bytes(700)), timeout=DEADLINE)

    sender = in_thread(send_all)
    assert [child.receive(DEADLINE)[0] for _ in range(20)] == list(range(20))
    sender.result(DEADLINE)


def test_a_thread_that_asks_for_the_next_is_not_done_with_what_others_have_in_hand(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    first = joined.child_of(main, 1)
    for number in range(3):
        main.send(number)
    assert first.receive(DEADLINE) == 0
    assert in_thread(lambda: [first.receive(DEADLINE) for _ in range(2)]).result(DEADLINE) == [1, 2]
    crash(first, main)
    assert received(joined.child_of(main, 2), 3) == [(0, True), (1, True), (2, True)]


def test_a_coroutine_that_asks_for_the_next_is_not_done_with_what_others_have_in_hand(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        first = joined.child_of(main, 1)
        for number in range(3):
            main.send(number)
        assert await first.async_receive() == 0

        async def other() -> list[int]:
            return [await first.async_receive() for _ in range(2)]

        assert await asyncio.ensure_future(other()) == [1, 2]
        crash(first, main)
        assert received(joined.child_of(main, 2), 3) == [(0, True), (1, True), (2, True)]

    run(body())


def test_closing_is_being_done_with_what_was_received(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    child = joined.child_of(main, 1)
    main.send(1)
    main.send(2)
    assert child.receive(DEADLINE) == 1
    child.close()
    main.detach()
    assert received(joined.child_of(main, 2), 1) == [(2, False)]


def test_a_message_that_several_processes_died_of_stays_marked(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    main.send("poison")
    main.send("next")
    for generation in range(1, 5):
        child = joined.child_of(main, generation)
        assert (child.receive(DEADLINE), child.redelivered) == ("poison", generation > 1)
        crash(child, main)
    assert received(joined.child_of(main, 9), 2) == [("poison", True), ("next", False)]


# --- the mark


def test_without_being_asked_for_nothing_is_redelivered(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        first = joiner.child_of(main, 1)
        begun = Arrivals()

        @first.on_receive()
        async def never_done(value: int) -> None:
            begun.add((value, first.redelivered))
            await asyncio.Event().wait()

        main.send(1)
        assert await begun.until(1) == [(1, False)]
        crash(first, main)
        main.send(2)
        assert received(joiner.child_of(main, 2), 1) == [(2, False)]

    run(body())


def test_the_mark_is_that_of_the_message_in_hand_and_of_its_channel(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        other_main, other_child = joined.channels("other")
        main.send("again")
        first = joined.child_of(main, 1)
        assert first.receive(DEADLINE) == "again"
        crash(first, main)
        second = joined.child_of(main, 2)
        marks: list[Any] = []
        seen = Arrivals()

        @other_child.on_receive()
        def other(value: str) -> None:
            seen.add((value, other_child.redelivered, second.redelivered))

        @second.on_receive()
        async def handle(value: str) -> None:
            marks.append(second.redelivered)
            await asyncio.sleep(0)
            marks.append(second.redelivered)
            other_main.send("within")
            seen.add((value, second.redelivered, other_child.redelivered))

        main.send("new")
        got = await seen.until(4)
        assert marks.count(True) == marks.count(False) == 2
        assert sorted(got) == [
            ("again", True, False),
            ("new", False, False),
            ("within", False, False),
            ("within", False, False),
        ]
        assert not second.redelivered

    run(body())


def test_the_mark_of_one_channel_is_not_that_of_the_next_that_is_received_from(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    main.send("again")
    first = joined.child_of(main, 1)
    assert first.receive(DEADLINE) == "again"
    crash(first, main)
    second = joined.child_of(main, 2)
    assert (second.receive(DEADLINE), second.redelivered) == ("again", True)
    other_main, other_child = joiner.channels("other")
    other_main.send("new")
    assert (other_child.receive(DEADLINE), other_child.redelivered) == ("new", False)
