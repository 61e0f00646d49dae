"""Channels that cannot be sent over channels, or do not arrive, and what becomes of them."""

import asyncio
import gc
import os
import socket
from collections.abc import Iterator
from typing import Any

import ormsgpack
import pytest

from liteyuki.codec.containers import HANDED_OVER
from liteyuki.comm.channel import Channel
from liteyuki.comm.session import ChannelOptions
from liteyuki.comm.wire import HANDLES_SHIFT, MAX_HANDLES, FrameKind, Handle, pack_frame
from liteyuki.errors import (
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    ChannelFull,
    ChannelInUse,
    MessageTooLarge,
    PeerGone,
)
from tests.unit.channel.optioned import with_options
from tests.unit.channel.sent_channels import check_broken_by, check_connected, closing
from tests.unit.joined import DEADLINE, Joiner, close_at_once, crash, hello, in_thread, run, send_raw, soon, until

NAMES = [f"sent-{number}" for number in range(20)]


@pytest.fixture
def sent() -> Iterator[list[Channel[Any]]]:
    """Channels to be sent, closed after the test."""
    channels = [Channel[Any](name) for name in NAMES]
    yield channels
    for channel in channels:
        close_at_once(channel)


# --- what cannot be sent


def test_one_that_has_its_other_end_is_refused(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    main, child = joiner.channels()
    main.send(sent[0])
    far = child.receive(DEADLINE)
    with closing(far):
        for value in sent[0], main, child, far, [far], {"x": (sent[1], sent[0])}, [sent[1], sent[1]]:
            with pytest.raises(ChannelInUse, match="新建一个 Channel"):
                main.send(value)
        sent[2].close()
        with pytest.raises(ChannelClosed):
            main.send(sent[2])
        main.send([sent[1], "next"])
        check_connected(sent[0], far)
        far_too, _ = child.receive(DEADLINE)
        with closing(far_too):
            check_connected(sent[1], far_too)


def test_a_channel_cannot_be_sent_over_itself(joiner: Joiner) -> None:
    main = joiner.kept()
    with pytest.raises(ChannelInUse):
        main.send([main])
    main.send("next")
    assert joiner.child_of(main).receive(DEADLINE) == "next"


def test_as_many_as_a_frame_counts_may_be_in_one_message(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    main, child = joiner.channels()
    with pytest.raises(ChannelError):
        main.send(sent[: MAX_HANDLES + 1])
    main.send(sent[:MAX_HANDLES])
    fars = child.receive(DEADLINE)
    with closing(*fars):
        assert len(fars) == MAX_HANDLES
        for near, far in zip(sent, fars, strict=False):
            check_connected(near, far, near.name)


def test_one_in_a_message_that_was_refused_can_be_sent_again(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=1000, max_message_bytes=10_000).channels()
        main.send(bytes(900))
        with pytest.raises(ChannelFull):
            main.send([sent[0], bytes(300)])
        with pytest.raises(ChannelFull):
            await main.asend([sent[0], bytes(300)], timeout=0.01)
        with pytest.raises(TypeError, match="@message"):
            main.send([sent[0], object()])
        with pytest.raises(MessageTooLarge):
            main.send([sent[0], bytes(10_000)])
        with pytest.raises(PeerGone):
            await joiner.kept("nobody").request(sent[0])
        cancelled = asyncio.ensure_future(main.asend([sent[0], bytes(300)]))
        await until(lambda: main.stats.waits, "it to wait")
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert await asyncio.wait_for(child.async_receive(), DEADLINE) == bytes(900)
        await asyncio.wait_for(main.asend([sent[0], "now"]), DEADLINE)
        far, now = await asyncio.wait_for(child.async_receive(), DEADLINE)
        assert now == "now"
        with closing(far):
            await soon(in_thread(lambda: check_connected(sent[0], far)))

    run(body())


def frame_of_end(handles: int, *parts: Any) -> bytes:
    """A message that holds one end, as `parts` tell, and comes with so many handles."""
    end = ormsgpack.Ext(HANDED_OVER, ormsgpack.packb(list(parts)))
    return pack_frame(FrameKind.MESSAGE, handles << HANDLES_SHIFT, ormsgpack.packb(end))


@pytest.mark.parametrize("number", [0, 1, 15, 2**31, -1, "x", None, True], ids=repr)
def test_an_end_without_its_handle_breaks_the_channel(joiner: Joiner, number: Any) -> None:
    child, raw = joiner.against_raw()
    send_raw(raw, hello(), frame_of_end(0, number, "evil", *ChannelOptions()))
    with pytest.raises(ChannelBroken):
        child.receive(DEADLINE)


@pytest.mark.parametrize(
    "parts",
    [
        (),
        (0,),
        (0, "evil"),
        (0, None, *ChannelOptions()),
        (0, "", *ChannelOptions()),
        (0, "evil", *ChannelOptions(max_queued_bytes=-1)),
        (0, "evil", 1.5, 1, "taken"),
        (0, "evil", 1, "1", "taken"),
        (0, "evil", 1, 1, "given"),
        (0, "evil", 1, 1, ["taken"]),
        (0, "evil", 1, 1, "taken", 1),
    ],
    ids=repr,
)
def test_an_end_that_is_described_wrongly_breaks_the_channel_and_is_closed(
    joiner: Joiner, parts: tuple[Any, ...]
) -> None:
    child, raw = joiner.against_raw()
    one, other = socket.socketpair()
    with one:
        check_broken_by(frame_of_end(1, *parts), Handle(other.detach()), child, raw)


def test_an_end_that_is_no_socket_breaks_only_its_channels(joiner: Joiner) -> None:
    child, raw = joiner.against_raw()
    frame = frame_of_end(1, 0, "evil", *ChannelOptions())
    check_broken_by(frame, Handle(os.open(os.devnull, os.O_RDONLY)), child, raw)


# --- the end, and the next generation


def test_the_near_end_learns_that_the_far_end_was_closed(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        main.bind(asyncio.get_running_loop())
        main.send(sent[0])
        far = await asyncio.wait_for(child.async_receive(), DEADLINE)
        far.send("last words")
        await far.aclose()

        async def all_of_it() -> list[Any]:
            return [value async for value in sent[0]]

        assert await asyncio.wait_for(all_of_it(), DEADLINE) == ["last words"]

    run(body())


def test_the_near_end_learns_of_a_far_end_that_nobody_took(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    main, child = joiner.channels()
    main.send(sent[0])
    child.send(sent[1])
    close_at_once(main)
    close_at_once(child)
    gc.collect()
    for near in sent[:2]:
        with pytest.raises(ChannelClosed, match="已结束"):
            near.receive(DEADLINE)


@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unread"])
def test_one_that_the_first_process_did_not_take_reaches_the_next(
    joiner: Joiner, sent: list[Channel[Any]], is_read: bool
) -> None:
    main = joiner.kept()
    first = joiner.child_of(main, 1)
    for near in sent[:3]:
        main.send([near.name, near])
        near.send(("waiting", near.name))
    if is_read:
        name, far = first.receive(DEADLINE)
        assert name == sent[0].name
        close_at_once(far)
    crash(first, main)
    gc.collect()
    second = joiner.child_of(main, 2)
    for near in sent[1 if is_read else 0 : 3]:
        name, far = second.receive(DEADLINE)
        with closing(far):
            assert (name, far.receive(DEADLINE)) == (near.name, ("waiting", near.name))
            check_connected(near, far)
    if is_read:
        with pytest.raises(ChannelClosed):
            sent[0].receive(DEADLINE)


def test_one_that_is_redelivered_was_opened_before_and_says_so(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    joined = with_options(joiner, ack="handled")
    main = joined.kept()
    main.send(sent[0])
    first = joined.child_of(main, 1)
    opened = first.receive(DEADLINE)
    check_connected(sent[0], opened, "in the first")
    close_at_once(opened)
    crash(first, main)
    second = joined.child_of(main, 2)
    again = second.receive(DEADLINE)
    assert second.redelivered
    with closing(again):
        for channel in again, sent[0]:
            with pytest.raises(ChannelClosed):
                channel.receive(DEADLINE)
