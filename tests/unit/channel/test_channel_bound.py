"""How much one side may send that the other has not taken."""

import asyncio
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.comm.wire import HEADER, FrameKind, pack_frame
from liteyuki.comm.wire.frames import HEADER_BYTES, MAX_FRAME_BYTES
from liteyuki.errors import ChannelBroken, ChannelFull, MessageTooLarge
from tests.unit.channel.optioned import COST_BYTES, HEAD_BYTES, wait_for_sender, weighing, with_options
from tests.unit.channel.watched import held, read_now
from tests.unit.joined import DEADLINE, Joiner, close_at_once, hello, in_thread, run, send_raw, until

BOUND = 10_000
EIGHTH = BOUND // 8


def filled(channel: Channel[Any], count: int = 8) -> list[bytes]:
    """What now lies in `channel`: so many messages, of an eighth of the bound each."""
    values = [weighing(number, EIGHTH) for number in range(count)]
    for value in values:
        channel.send(value, timeout=0)
    return values


# --- the bound


def test_without_more_said_it_is_16_mib_to_the_byte() -> None:
    channel = Channel[bytes]("big")
    for _ in range(15):
        channel.send(bytes(2**20 - COST_BYTES), timeout=0)
    small = bytes(2**15 - COST_BYTES - HEAD_BYTES)
    for _ in range(32):
        channel.send(small, timeout=0)
    assert channel.stats.queued_bytes == 16 * 2**20
    with pytest.raises(ChannelFull, match="asend") as caught:
        channel.send(b"", timeout=0)
    assert (caught.value.channel, caught.value.max_queued_bytes) == ("big", 16 * 2**20)
    close_at_once(channel)


@pytest.mark.parametrize("value", [None, "x" * 100, ("a", {1}), {"b": [bytes(300)]}], ids=lambda value: repr(value)[:9])
def test_each_message_costs_its_bytes_and_64(joiner: Joiner, value: Any) -> None:
    probe, reader = joiner.channels("probe")
    probe.send(value)
    cost = probe.stats.sent_bytes + COST_BYTES
    main = with_options(joiner, max_queued_bytes=10 * cost).kept()
    for _ in range(10):
        main.send(value, timeout=0)
    with pytest.raises(ChannelFull):
        main.send(value, timeout=0)
    assert main.stats.queued_bytes == 10 * cost
    reader.receive(DEADLINE)


def test_what_the_other_side_has_read_and_not_taken_counts(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        child.on_request()(lambda value: value)
        values = filled(main)
        assert await main.request("read all of it", timeout=DEADLINE) == "read all of it"
        with pytest.raises(ChannelFull):
            main.send(0)
        assert [await child.async_receive() for _ in values] == values
        main.send(0)
        assert await child.async_receive() == 0

    run(body())


def test_each_direction_has_its_own(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    values = filled(main)
    assert filled(child) == values
    for one, other in (main, child), (child, main):
        with pytest.raises(ChannelFull):
            one.send(0, timeout=0)
        assert [other.receive(DEADLINE) for _ in values] == values


def test_a_peer_that_sends_on_beyond_it_breaks_the_channel(joiner: Joiner) -> None:
    child, raw = with_options(joiner, max_queued_bytes=BOUND).against_raw()
    send_raw(raw, hello(), *[pack_frame(FrameKind.MESSAGE, 2, bytes(BOUND)) for _ in range(5)])
    with pytest.raises(ChannelBroken, match=str(BOUND)):
        [child.receive(DEADLINE) for _ in range(5)]


# --- one that is larger


@pytest.mark.parametrize("is_attached", [True, False], ids=["attached", "unattached"])
def test_a_message_over_the_bound_waits_until_nothing_else_is_queued(joiner: Joiner, is_attached: bool) -> None:
    joined = with_options(joiner, max_queued_bytes=BOUND)
    main = joined.kept()
    child = joined.child_of(main) if is_attached else None
    large = bytes(range(256)) * 4 * 5120
    main.send("small")
    with pytest.raises(ChannelFull):
        main.send(large, timeout=0)
    sender = in_thread(lambda: main.send(large, timeout=DEADLINE))
    wait_for_sender(main)
    child = child or joined.child_of(main)
    assert child.receive(DEADLINE) == "small"
    sender.result(DEADLINE)
    with pytest.raises(ChannelFull):
        main.send("after", timeout=0)
    assert child.receive(DEADLINE) == large
    main.send("after", timeout=DEADLINE)
    assert child.receive(DEADLINE) == "after"


def test_a_message_over_the_bound_gets_its_turn_among_small_ones(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
        values = filled(main)
        large = bytes(5 * BOUND)
        waiting = asyncio.ensure_future(main.asend(large))
        await until(lambda: main.stats.waits, "the large one to wait")
        others = [asyncio.ensure_future(main.asend(number)) for number in range(200)]
        received = [await asyncio.wait_for(child.async_receive(), DEADLINE) for _ in range(len(values) + 201)]
        assert received == [*values, large, *range(200)]
        await asyncio.gather(waiting, *others)

    run(body())


def test_one_over_the_limit_of_a_frame_arrives_whole(joiner: Joiner) -> None:
    main, child = joiner.channels()
    large = bytes(MAX_FRAME_BYTES + 5)
    sender = in_thread(lambda: main.send(large))
    assert child.receive(DEADLINE) == large
    sender.result(DEADLINE)


def test_it_comes_in_frames_that_leave_others_their_turn() -> None:
    one, other = pipe_pair()
    channel = Channel[Any]("large")
    channel.attach(PipeTransport(one))
    channel.send(bytes(5 * 2**20))
    stream = bytearray()
    lengths: list[tuple[int, int]] = []
    with other:
        other.settimeout(DEADLINE)
        while sum(length for kind, length in lengths if kind == FrameKind.PIECE) < 5 * 2**20:
            while len(stream) < HEADER_BYTES or len(stream) < HEADER_BYTES + HEADER.unpack_from(stream)[0]:
                stream += other.recv(2**20)
            length, kind, _ = HEADER.unpack_from(stream)
            lengths.append((kind, length))
            del stream[: HEADER_BYTES + length]
    assert [kind for kind, _ in lengths[:3]] == [FrameKind.PAGE, FrameKind.HELLO, FrameKind.LARGE]
    assert all(kind == FrameKind.PIECE and length <= 2**20 for kind, length in lengths[3:])
    close_at_once(channel)


def test_one_over_the_limit_of_the_channel_is_refused(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_message_bytes=1000).channels()
    for large in bytes(1001), ("x" * 1000,):
        with pytest.raises(MessageTooLarge, match="1000"):
            main.send(large)
    main.send(bytes(900))
    assert child.receive(DEADLINE) == bytes(900)


@pytest.mark.parametrize("has_loop", [False, True], ids=["thread", "loop"])
def test_room_is_seen_though_the_other_side_has_not_read_that_somebody_waits(joiner: Joiner, has_loop: bool) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    values = filled(main)
    while held(child).size_bytes < sum(map(len, values)):
        read_now(child)  # all of them are over there, and none is taken

    async def send_on_loop() -> None:
        await main.asend("last", timeout=DEADLINE)

    sender = in_thread((lambda: asyncio.run(send_on_loop())) if has_loop else lambda: main.send("last"))
    wait_for_sender(main)
    # It takes what it has, and reads nothing more.
    assert [child.receive(0) for _ in values] == values
    sender.result(DEADLINE)
    assert child.receive(DEADLINE) == "last"
