"""What was sent and not taken reaches the next generation, and when a message counts as taken; over each transport."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import ormsgpack
import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.framing import FrameKind, pack_frame
from liteyuki.comm.transport import BEGUN, TAKEN
from liteyuki.errors import ChannelClosed
from tests.unit.joined import DEADLINE, Arrivals, Joiner, hello, in_thread, run, send_raw, soon, until
from tests.unit.optioned import crash, wait_for_sender, with_options

Ack = Literal["taken", "handled"]
ACKS: list[Ack] = ["taken", "handled"]
SIZES = (0, 1, 300, 70_000, 300_000)


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


# --- from one generation to the next


class Model:
    """What must come next, by the rules, and whether it is marked."""

    def __init__(self, ack: Ack) -> None:
        self.untaken: list[int] = []
        self.is_in_hand = False
        """Whether the first of these has been received, and may still be worked on."""
        self._marked: set[int] = set()
        self._ack = ack

    def has_next(self) -> bool:
        return len(self.untaken) > self.is_in_hand

    def next(self) -> tuple[int, bool]:
        if self.is_in_hand or self._ack == "taken":
            done = self.untaken.pop(0)
        self.is_in_hand = self._ack == "handled"
        number = self.untaken[0] if self.is_in_hand else done
        return number, number in self._marked

    def crash(self) -> None:
        if self.is_in_hand:
            self._marked.add(self.untaken[0])
        self.is_in_hand = False


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.parametrize("ack", ACKS)
def test_whatever_is_not_taken_goes_on_in_order(joiner: Joiner, ack: Ack, seed: int) -> None:
    chance, model = random.Random(seed), Model(ack)
    joined = with_options(joiner, ack=ack)
    main = joined.kept()
    sent = 0
    for generation in range(1, 12):
        child = joined.child_of(main, generation) if chance.random() < 0.8 else None
        for _ in range(chance.randrange(12)):
            if chance.random() < 0.6:
                main.send((sent, bytes(chance.choice(SIZES))))
                model.untaken.append(sent)
                sent += 1
            elif child is not None and model.has_next():
                assert (child.receive(DEADLINE)[0], child.redelivered) == model.next()
        if child is not None:
            crash(child, main)
            model.crash()
        assert main.stats.queued == len(model.untaken)
    last = joined.child_of(main, 99)
    assert [value[0] for value, _ in received(last, len(model.untaken))] == model.untaken


def test_what_came_over_a_dead_transport_is_sorted_before_what_came_later(joiner: Joiner) -> None:
    child, raw = joiner.against_raw()
    messages = [pack_frame(FrameKind.MESSAGE, 0, ormsgpack.packb([n, bytes(5_000)])) for n in range(100)]
    room_wanted = pack_frame(FrameKind.ROOM_WANTED, 0, bytes(8))
    # More than one read brings, with a question in the first one that cannot be answered any more.
    send_raw(raw, hello() + room_wanted * 2 + b"".join(messages))
    raw.close()
    assert [child.receive(DEADLINE)[0] for _ in range(100)] == list(range(100))
    with pytest.raises(ChannelClosed, match="已结束"):
        child.receive(DEADLINE)


@pytest.mark.parametrize("counter", [TAKEN, BEGUN])
def test_counters_that_cannot_be_true_are_believed_of_their_own_transport_only(joiner: Joiner, counter: int) -> None:
    main = joiner.kept()
    ends = joiner.transports()
    main.attach(ends[0])
    send_raw(ends[1], hello())
    main.send(1)
    run(until(ends[1].read, "the greeting"))
    with pytest.raises(TimeoutError):
        main.receive(timeout=0)
    ends[1].own[counter] = 2**60
    main.send(2)
    main.detach()
    main.send(3)
    child = joiner.child_of(main, 2)
    expected = [1, 2, 3] if counter == BEGUN else [3]
    assert [child.receive(DEADLINE) for _ in expected] == expected


def test_who_waits_to_send_waits_for_the_next_generation(joiner: Joiner) -> None:
    joined = with_options(joiner, max_queued_bytes=1000)
    main = joined.kept()
    first = joined.child_of(main, 1)
    main.send(bytes(900))
    sender = in_thread(lambda: main.send("waiting", timeout=DEADLINE))
    wait_for_sender(main)
    crash(first, main)
    second = joined.child_of(main, 2)
    assert [second.receive(DEADLINE) for _ in range(2)] == [bytes(900), "waiting"]
    sender.result(DEADLINE)


def test_an_answer_to_an_earlier_generation_is_nobodys(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        requests = []
        for generation in range(1, 4):
            ends = joiner.transports()
            main.attach(ends[0], generation=generation)
            send_raw(ends[1], hello())
            asking = asyncio.ensure_future(main.request(generation))
            requests.append(asking)
            frames: list[Any] = []
            await until(lambda ends=ends, frames=frames: frames.extend(ends[1].read()) or len(frames) > 1, "a request")  # type: ignore[misc]
            numbers = [frame.body[:8] for frame in frames if frame.kind == FrameKind.REQUEST]
            if generation == 1:
                first = bytes(numbers[0])
            send_raw(ends[1], pack_frame(FrameKind.REPLY, 0, first + ormsgpack.packb("old")))
            if generation == 3:
                send_raw(ends[1], pack_frame(FrameKind.REPLY, 0, bytes(numbers[0]) + ormsgpack.packb("new")))
        results = await asyncio.wait_for(asyncio.gather(*requests, return_exceptions=True), DEADLINE)
        assert results[0] == "old"
        assert type(results[1]).__name__ == "PeerGone"
        assert results[2] == "new"

    run(body())


# --- handlers, which have handled a message when they have finished


def test_a_message_is_redelivered_if_its_handler_had_not_finished(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        first = joined.child_of(main, 1)
        begun = Arrivals()

        @first.on_receive()
        async def never_done(value: int) -> None:
            begun.add((value, first.redelivered))
            await asyncio.Event().wait()

        for number in range(3):
            main.send(number)
        assert await begun.until(3) == [(0, False), (1, False), (2, False)]
        crash(first, main)
        main.send(3)
        assert received(joined.child_of(main, 2), 4) == [(0, True), (1, True), (2, True), (3, False)]

    run(body())


@pytest.mark.parametrize("finished", [[0], [1], [0, 1], [2, 0], [4, 3, 0, 1], [4, 3, 2, 1]], ids=repr)
def test_handlers_that_finish_out_of_order_are_done_as_far_as_all_before_are(
    joiner: Joiner, finished: list[int]
) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        first = joined.child_of(main, 1)
        begun, done = Arrivals(), Arrivals()
        gates = [asyncio.Event() for _ in range(5)]

        @first.on_receive()
        async def handle(value: int) -> None:
            begun.add(value)
            await gates[value].wait()
            done.add(value)

        for number in range(5):
            main.send(number)
        await begun.until(5)
        for count, number in enumerate(finished, 1):
            gates[number].set()
            await done.until(count)
        for _ in range(3):
            await asyncio.sleep(0)
        crash(first, main)
        left = next(number for number in range(6) if number not in finished)
        assert received(joined.child_of(main, 2), 5 - left) == [(number, True) for number in range(left, 5)]

    run(body())


async def _later_error(value: object) -> None:
    await asyncio.sleep(0)
    raise RuntimeError(value)


def _error(value: object) -> None:
    raise RuntimeError(value)


async def _quick(value: object) -> None: ...


HANDLERS: dict[str, Callable[[Any], Awaitable[None] | None]] = {
    "plain": lambda value: None,
    "raises": _error,
    "coroutine": _quick,
    "coroutine that raises": _later_error,
}


@pytest.mark.parametrize("name", HANDLERS)
def test_whatever_way_its_handlers_have_ended_a_message_is_handled(joiner: Joiner, name: str) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        child = joined.child_of(main, 1)
        child.on_receive(lambda value: value != "unwanted")(HANDLERS[name])
        for value in "unwanted", 1, 2:
            main.send(value)
        await until(lambda: main.stats.queued == 0, "all to be handled")
        crash(child, main)
        assert received(joined.child_of(main, 2), 0) == []

    run(body())


def test_a_message_is_handled_when_the_last_of_its_handlers_is_done(joiner: Joiner) -> None:
    async def body() -> None:
        joined, main = handled(joiner)
        child = joined.child_of(main, 1)
        gate, begun = asyncio.Event(), Arrivals()
        child.on_receive()(begun.add)

        @child.on_receive()
        async def slow(value: int) -> None:
            await gate.wait()

        main.send(1)
        await begun.until(1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert main.stats.queued == 1
        gate.set()
        await until(lambda: main.stats.queued == 0, "the slow handler")

    run(body())


def test_a_handler_that_is_cancelled_has_not_handled_its_message(joiner: Joiner) -> None:
    joined, main = handled(joiner)
    child = joined.child_of(main, 1)

    async def body() -> None:
        begun = Arrivals()

        @child.on_receive()
        async def never_done(value: int) -> None:
            begun.add(value)
            await asyncio.Event().wait()

        main.send("cancelled")
        await begun.until(1)

    run(body())  # which cancels what still runs in the end
    assert main.stats.queued == 1
    crash(child, main)
    assert received(joined.child_of(main, 2), 1) == [("cancelled", True)]


def test_there_is_room_again_when_messages_are_handled_and_not_before(joiner: Joiner) -> None:
    async def body() -> None:
        joined = with_options(joiner, ack="handled", max_queued_bytes=1000)
        main, child = joined.channels()
        gate, begun = asyncio.Event(), Arrivals()

        @child.on_receive()
        async def slow(value: Any) -> None:
            begun.add(value)
            await gate.wait()

        main.send(bytes(800))
        await begun.until(1)
        waiting = asyncio.ensure_future(main.asend(bytes(801)))
        await until(lambda: main.room, "the sender to wait")
        assert not waiting.done()
        gate.set()
        await begun.until(2)
        await waiting

    run(body())


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
