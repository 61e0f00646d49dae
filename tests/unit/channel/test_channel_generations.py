"""What was sent and not taken reaches the next generation."""

import asyncio
import random
from typing import Any, Literal

import ormsgpack
import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.wire import BEGUN, TAKEN, FrameKind, pack_frame
from liteyuki.errors import ChannelClosed
from tests.unit.channel.optioned import wait_for_sender, with_options
from tests.unit.joined import DEADLINE, Joiner, crash, hello, in_thread, run, send_raw, until

Ack = Literal["taken", "handled"]
ACKS: list[Ack] = ["taken", "handled"]
SIZES = (0, 1, 300, 70_000, 300_000)


def received(child: Channel[Any], count: int) -> list[tuple[Any, bool]]:
    """The next values, and whether each was begun before; more than these are not there."""
    got = [(child.receive(DEADLINE), child.redelivered) for _ in range(count)]
    with pytest.raises(TimeoutError):
        child.receive(timeout=0)
    return got


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
    question = pack_frame(FrameKind.CONTROL, 0, (1).to_bytes(8, "little") + b"\xc0")
    # More than one read brings, with questions in the first one that cannot be answered any more.
    send_raw(raw, hello() + question * 2 + b"".join(messages))
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
