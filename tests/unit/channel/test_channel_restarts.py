"""A channel across its peers: kept messages, greetings, breaks."""

import asyncio
from typing import Any

import pytest

from liteyuki.comm.wire import BEGUN, TAKEN, FrameKind, pack_frame
from liteyuki.comm.wire.frames import PROTOCOL_VERSION
from liteyuki.errors import ChannelBroken, ChannelClosed
from tests.contracts.frames import receive
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Arrivals, Joiner, crash, hello, run, send_raw, until

GARBAGE = b"\xff" * 32
BAD_MESSAGE = pack_frame(FrameKind.MESSAGE, 0, b"\xc1")


def test_what_one_child_did_not_take_the_next_one_gets(joiner: Joiner) -> None:
    main = joiner.kept()
    for number in range(3):
        main.send(number)
    assert main.stats.queued == 3
    received: list[Any] = []
    for generation in range(1, 5):
        child = joiner.child_of(main, generation)
        main.send(2 + generation)
        received += [child.receive(DEADLINE) for _ in range(generation - 1)]
        child.close()
        main.detach()
        assert main.stats.queued == 3 + generation - len(received)
    main.send(7)
    last = joiner.child_of(main, 5)
    received += [last.receive(DEADLINE) for _ in range(main.stats.queued)]
    assert received == list(range(8))
    for channel in main, last:
        with pytest.raises(TimeoutError):
            channel.receive(timeout=0)
    assert main.stats.queued == 0


def test_what_a_child_has_read_but_not_taken_is_not_lost(joiner: Joiner) -> None:
    main = joiner.kept()
    first = joiner.child_of(main, 1)
    for number in range(10):
        main.send(number)
    assert [first.receive(DEADLINE) for _ in range(4)] == [0, 1, 2, 3]
    first.close()
    main.detach()
    second = joiner.child_of(main, 2)
    assert [second.receive(DEADLINE) for _ in range(6)] == [4, 5, 6, 7, 8, 9]


def test_handlers_take_what_they_are_called_with(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        arrivals = Arrivals()
        for generation in range(1, 4):
            main.send(generation)
            child = joiner.child_of(main, generation)
            child.on_receive()(arrivals.add)
            assert (await arrivals.until(generation))[-1] == generation
            child.close()
            await until(lambda: "unattached" in repr(main), "the end of the child")
            assert main.stats.queued == 0
        assert arrivals.values == [1, 2, 3]

    run(body())


def test_a_large_message_that_was_cut_reaches_the_next_child_whole(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        large = bytes(range(256)) * 30_000
        first = joiner.child_of(main, 1)
        main.send("small")
        main.send(large)
        assert await first.async_receive() == "small"
        first.close()
        main.detach()
        second = joiner.child_of(main, 2)
        assert await asyncio.wait_for(second.async_receive(), DEADLINE) == large

    run(body())


def test_what_the_last_child_sent_is_received_after_it_is_gone(joiner: Joiner) -> None:
    main = joiner.kept()
    first = joiner.child_of(main, 1)
    for number in range(5):
        first.send(number)
    first.close()
    main.detach()
    second = joiner.child_of(main, 2)
    second.send(5)
    assert [main.receive(DEADLINE) for _ in range(6)] == list(range(6))
    # The first one's were not counted as the second one's.
    second.send(6)
    assert main.receive(DEADLINE) == 6


def test_a_large_message_that_was_written_out_is_received_after_the_end(joiner: Joiner) -> None:
    main = joiner.kept()
    first = joiner.child_of(main, 1)
    values = [bytes(290_000), "behind"]  # more than one read, and less than a socket holds
    for value in values:
        first.send(value)
    first.close(DEADLINE)
    main.detach()
    assert [main.receive(DEADLINE) for _ in values] == values


def test_a_child_that_claims_to_have_taken_too_much_is_not_believed_of_what_comes_later(joiner: Joiner) -> None:
    main = joiner.kept()
    ends = joiner.transports()
    main.attach(ends[0])
    main.send(1)
    assert [frame.kind for frame in receive(ends[1], 2)] == [FrameKind.HELLO, FrameKind.MESSAGE]
    ends[1].own[TAKEN] = ends[1].own[BEGUN] = 1000
    with pytest.raises(TimeoutError):
        main.receive(timeout=0)
    assert main.stats.queued == 0
    ends[1].close()
    main.detach()
    for value in (2, 3):
        main.send(value)
    assert main.stats.queued == 2
    second = joiner.child_of(main, 2)
    assert [second.receive(DEADLINE) for _ in range(2)] == [2, 3]


def test_the_main_side_survives_that_its_child_dies(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        for generation in range(1, 4):
            child = joiner.child_of(main, generation)
            child.send(generation)
            child.close()
            assert await asyncio.wait_for(main.async_receive(), DEADLINE) == generation
        waiting = asyncio.ensure_future(main.async_receive())
        await asyncio.sleep(0)
        joiner.child_of(main, 4).send(4)
        assert await asyncio.wait_for(waiting, DEADLINE) == 4

    run(body())


def test_an_unfinished_message_is_told_of(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        child, raw = joiner.against_raw()
        whole = pack_frame(FrameKind.MESSAGE, 0, bytes(100))
        send_raw(raw, hello(), whole[:50])
        raw.close()
        with pytest.raises(ChannelClosed, match="已结束"):
            await asyncio.wait_for(child.async_receive(), DEADLINE)

    run(body())
    assert any("50" in line and "talk" in line for line in logged), logged


# --- greetings


@pytest.mark.parametrize("theirs", [PROTOCOL_VERSION + 1, 0, "x"], ids=repr)
def test_another_protocol_version_breaks_the_channel_and_names_both(
    joiner: Joiner, theirs: object, logged: list[str]
) -> None:
    child, raw = joiner.against_raw()
    send_raw(raw, hello(theirs))
    with pytest.raises(ChannelBroken, match=rf"版本 {theirs}，这里是 {PROTOCOL_VERSION}；"):
        child.receive(DEADLINE)
    assert len(logged) == 1
    assert "ERROR" in logged[0]


@pytest.mark.parametrize(
    "first",
    [
        pack_frame(FrameKind.MESSAGE, 0, b"\x01"),
        pack_frame(FrameKind.HELLO, 0, b""),
        pack_frame(FrameKind.HELLO, 0, b"\xc1"),
        pack_frame(FrameKind.HELLO, 0, b"\x01"),
        pack_frame(FrameKind.HELLO, 0, b"\x80"),
        pack_frame(FrameKind.HELLO, 0, b"\x90"),
        pack_frame(FrameKind.HELLO, 0, b"\x91" * 5000),
    ],
    ids=lambda frame: frame[:8].hex(),
)
def test_whoever_does_not_greet_first_is_no_channel_of_ours(joiner: Joiner, first: bytes) -> None:
    child, raw = joiner.against_raw()
    send_raw(raw, first, hello())
    with pytest.raises(ChannelBroken, match="问候"):
        child.receive(DEADLINE)


def test_a_second_greeting_breaks_the_channel(joiner: Joiner) -> None:
    child, raw = joiner.against_raw()
    send_raw(raw, hello(), hello())
    with pytest.raises(ChannelBroken, match="问候了两次"):
        child.receive(DEADLINE)


def test_both_sides_greet_at_once_with_their_version(joiner: Joiner) -> None:
    _, raw = joiner.against_raw()
    (frame,) = receive(raw, 1)
    assert frame.kind == FrameKind.HELLO
    assert b"version" + bytes([PROTOCOL_VERSION]) in frame.body


# --- what cannot be read


@pytest.mark.parametrize("broken", [GARBAGE, BAD_MESSAGE], ids=["frame", "value"])
def test_what_cannot_be_read_closes_only_its_channel(joiner: Joiner, broken: bytes, logged: list[str]) -> None:
    async def body() -> None:
        other_main, other_child = joiner.channels("other")
        child, raw = joiner.against_raw()
        send_raw(raw, hello(), pack_frame(FrameKind.MESSAGE, 0, b"\x01"), broken)
        assert await child.async_receive() == 1
        with pytest.raises(ChannelBroken) as caught:
            await asyncio.wait_for(child.async_receive(), DEADLINE)
        assert caught.value.channel == "talk"
        with pytest.raises(ChannelBroken):
            child.send(1)
        other_main.send("fine")
        assert await asyncio.wait_for(other_child.async_receive(), DEADLINE) == "fine"

    run(body())
    assert len(logged) == 1
    assert "talk" in logged[0]


@pytest.mark.parametrize("broken", [GARBAGE, BAD_MESSAGE], ids=["frame", "value"])
def test_a_channel_with_handlers_breaks_though_nothing_follows(joiner: Joiner, broken: bytes) -> None:
    async def body() -> None:
        child, raw = joiner.against_raw()
        arrivals = Arrivals()
        child.on_receive()(arrivals.add)
        send_raw(raw, hello(), pack_frame(FrameKind.MESSAGE, 0, b"\x01"), broken)
        assert await arrivals.until(1) == [1]
        await until(lambda: "closed" in repr(child), "the break of the channel")
        with pytest.raises(ChannelBroken):
            child.send(1)

    run(body())


def test_the_peer_of_a_broken_channel_learns_that_it_ended(joiner: Joiner) -> None:
    main = joiner.kept()
    ends = joiner.transports()
    main.attach(ends[0])
    main.send("kept")
    send_raw(ends[1], hello(PROTOCOL_VERSION + 1))
    assert main.stats.queued == 1
    with pytest.raises(TimeoutError):
        main.receive(timeout=0)
    assert "unattached" in repr(main)
    assert joiner.child_of(main, 2).receive(DEADLINE) == "kept"


def test_a_process_that_hangs_up_while_the_other_sends_is_an_end(joiner: Joiner) -> None:
    main, child = joiner.channels()
    child.send("last words")
    child.close()
    main.send("too late")
    assert main.receive(DEADLINE) == "last words"
    with pytest.raises(ChannelClosed, match="已结束"):
        main.receive(DEADLINE)
    with pytest.raises(ChannelClosed):
        main.send("much too late")


def test_more_than_the_bound_that_a_dead_process_left_is_handled_before_the_next_is_read(joiner: Joiner) -> None:
    async def body() -> None:
        bounded = with_options(joiner, max_queued_bytes=1000)
        main = bounded.kept()
        arrivals = Arrivals()
        main.on_receive()(lambda value: arrivals.add(len(value)))
        main.bind(asyncio.get_running_loop())
        first = bounded.child_of(main, 1)
        await asyncio.sleep(0)  # what was called when it was bound has run
        first.send(bytes(3000))
        crash(first)
        bounded.child_of(main, 2).send(bytes(10))  # before the loop has turned
        assert await arrivals.until(2) == [3000, 10]

    run(body())
