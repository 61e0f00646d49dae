"""Channels that are sent over channels; over each transport."""

import asyncio
import contextlib
import gc
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.codec import TAGGED
from liteyuki.comm.ends import ChannelEnd, ChannelOptions, pack_end
from liteyuki.comm.framing import HANDLES_SHIFT, MAX_HANDLES, FrameKind, pack_frame
from liteyuki.comm.handle import Handle
from liteyuki.comm.waiting import ThreadWaiter
from liteyuki.errors import (
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    ChannelFull,
    ChannelInUse,
    MessageTooLarge,
    PeerGone,
)
from tests.harness import open_handles
from tests.unit.joined import DEADLINE, Arrivals, Joiner, close_at_once, hello, in_thread, run, send_raw, soon, until
from tests.unit.optioned import crash, with_options

NAMES = [f"sent-{number}" for number in range(20)]


@pytest.fixture
def sent() -> Iterator[list[Channel[Any]]]:
    """Channels to be sent, closed after the test."""
    channels = [Channel[Any](name) for name in NAMES]
    yield channels
    for channel in channels:
        close_at_once(channel)


@contextlib.contextmanager
def closing(*channels: Channel[Any]) -> Iterator[None]:
    """Close what a test has received."""
    try:
        yield
    finally:
        for channel in channels:
            close_at_once(channel)


def handles_so_far() -> int:
    """How many handles are open, with those that this thread waits on."""
    ThreadWaiter()
    gc.collect()
    return open_handles()


def check_connected(near: Channel[Any], far: Channel[Any], *values: Any) -> None:
    """Whether each is the other's other end."""
    assert isinstance(far, Channel)
    assert far.name == near.name
    for value in values or ("hello", ("large", bytes(300_000))):
        near.send(value)
        assert far.receive(DEADLINE) == value
        far.send((value, "back"))
        assert near.receive(DEADLINE) == (value, "back")


# --- in values


NESTED: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "itself": (lambda channel: channel, lambda value: value),
    "dict": (lambda channel: {"reply to": channel, "n": 1}, lambda value: value["reply to"]),
    "dict of other keys": (lambda channel: {1: channel}, lambda value: value[1]),
    "tuple": (lambda channel: ("a", (channel,), b"x"), lambda value: value[1][0]),
    "list, with a large value": (lambda channel: [bytes(300_000), channel], lambda value: value[1]),
}


@pytest.mark.parametrize("form", NESTED)
@pytest.mark.parametrize("direction", ["to the child", "to the main process"])
def test_whoever_receives_a_channel_holds_its_other_end(
    joiner: Joiner, sent: list[Channel[Any]], form: str, direction: str
) -> None:
    main, child = joiner.channels()
    sender, receiver = (main, child) if direction == "to the child" else (child, main)
    wrap, unwrap = NESTED[form]
    sender.send("before")
    sender.send(wrap(sent[0]))
    sender.send("after")
    assert receiver.receive(DEADLINE) == "before"
    far = unwrap(receiver.receive(DEADLINE))
    with closing(far):
        check_connected(sent[0], far)
        assert receiver.receive(DEADLINE) == "after"


def test_two_in_one_message_are_not_mixed_up(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    main, child = joiner.channels()
    main.send({"one": sent[0], "other": (sent[1], [sent[2]])})
    main.send(sent[3])
    value = child.receive(DEADLINE)
    fars = [value["one"], value["other"][0], value["other"][1][0], child.receive(DEADLINE)]
    with closing(*fars):
        for near, far in zip(sent, fars, strict=False):
            check_connected(near, far, near.name)


def test_the_other_end_has_the_same_options(joiner: Joiner) -> None:
    main, child = joiner.channels()
    near = Channel[Any]("near", max_queued_bytes=1000, max_message_bytes=5000, ack="handled")
    main.send(near)
    far = child.receive(DEADLINE)
    with closing(near, far):
        check_connected(near, far, 1)
        with pytest.raises(MessageTooLarge):
            far.send(("x" * 5000,))
        far.send(bytes(800), timeout=0)
        with pytest.raises(ChannelFull):
            far.send(bytes(800), timeout=0)
        assert near.receive(DEADLINE) == bytes(800)
        assert far.stats.queued == 1
        with pytest.raises(TimeoutError):
            near.receive(timeout=0)
        with pytest.raises(TimeoutError):
            far.receive(timeout=0)
        assert far.stats.queued == 0


def test_a_channel_may_be_sent_over_one_that_was_sent(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    main, child = joiner.channels()
    main.send(sent[0])
    far = child.receive(DEADLINE)
    far.send(sent[1])
    there = sent[0].receive(DEADLINE)
    there.send(sent[2])
    back = sent[1].receive(DEADLINE)
    with closing(far, there, back):
        check_connected(sent[2], back)
        main.close()
        child.close()
        check_connected(sent[0], far)
        check_connected(sent[1], there)


def test_requests_and_handlers_work_over_it(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        got, fars = Arrivals(), []

        @child.on_receive()
        def take(far: Channel[Any]) -> None:
            fars.append(far)
            far.on_request()(lambda value: value * 2)
            far.on_receive()(got.add)

        main.send(sent[0])
        sent[0].send("for the handler")
        assert await sent[0].request(21, timeout=DEADLINE) == 42
        assert await got.until(1) == ["for the handler"]
        await fars[0].aclose()

    run(body())


def test_a_request_and_its_answer_may_hold_channels(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        fars: list[Any] = []

        @child.on_request()
        def swap(value: dict[str, Any]) -> Any:
            fars.append(value["a"])
            return [sent[1], "and", value["n"]]

        answer = await main.request({"a": sent[0], "n": 1}, timeout=DEADLINE)
        assert answer[1:] == ["and", 1]
        with closing(answer[0], fars[0]):
            for near, far in (sent[0], fars[0]), (sent[1], answer[0]):
                near.send("there")
                assert await asyncio.wait_for(far.async_receive(), DEADLINE) == "there"
                far.send("back")
                assert await asyncio.wait_for(near.async_receive(), DEADLINE) == "back"

    run(body())


def test_what_is_told_holds_unopened_ends_that_may_be_passed_on(joiner: Joiner, sent: list[Channel[Any]]) -> None:
    async def body() -> None:
        one_main, one = joiner.channels("one")
        other_main, other = joiner.channels("other")
        for channel in one_main, other:
            channel.bind(asyncio.get_running_loop())
        heard = Arrivals()
        one_main.hear(heard.add)
        one.tell(("for the other", sent[0]))
        ((_, end),) = await heard.until(1)
        assert isinstance(end, ChannelEnd)
        other_main.send(end)
        far = await asyncio.wait_for(other.async_receive(), DEADLINE)
        with closing(far):
            await soon(in_thread(lambda: check_connected(sent[0], far)))

    run(body())


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
        await until(lambda: main.room, "it to wait")
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


@pytest.mark.parametrize("number", [0, 1, 15, 2**31, -1, "x", None], ids=repr)
def test_an_end_without_its_handle_breaks_the_channel(joiner: Joiner, number: Any) -> None:
    child, raw = joiner.against_raw()
    body = b"\xc7" + bytes([len(end := pack_end(number, "evil", ChannelOptions())), 72]) + end
    send_raw(raw, hello(), pack_frame(FrameKind.MESSAGE, TAGGED, body))
    with pytest.raises(ChannelBroken):
        child.receive(DEADLINE)


def test_an_end_that_is_no_socket_breaks_only_its_channels(joiner: Joiner) -> None:
    child, raw = joiner.against_raw()
    end = pack_end(0, "evil", ChannelOptions())
    body = b"\xc7" + bytes([len(end), 72]) + end
    send_raw(raw, hello())
    before = handles_so_far()
    handle = Handle(os.open(os.devnull, os.O_RDONLY))
    raw.write([pack_frame(FrameKind.MESSAGE, TAGGED | 1 << HANDLES_SHIFT, body)], [handle])
    assert raw.flush()
    handle.close()
    with pytest.raises(ChannelBroken):
        child.receive(DEADLINE)
    gc.collect()
    assert open_handles() <= before


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


# --- handles


def test_no_handle_is_left_of_channels_that_were_sent_and_closed(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("warm up")
    child.receive(DEADLINE)
    with pytest.raises(TimeoutError):
        main.receive(timeout=0)
    before = handles_so_far()
    for _ in range(20):
        near = Channel[Any]("near")
        main.send((near, 1))
        far, _ = child.receive(DEADLINE)
        check_connected(near, far, 1)
        close_at_once(near)
        close_at_once(far)
    main.send("the last look")
    child.receive(DEADLINE)
    assert main.stats.queued <= 1
    del near, far
    gc.collect()
    assert open_handles() == before


def test_no_handle_is_left_of_channels_that_nobody_took(joiner: Joiner) -> None:
    before = handles_so_far()
    nears = [Channel[Any]("near") for _ in range(6)]
    main = joiner.kept()
    main.send(nears[0])  # never written
    child = joiner.child_of(main)
    main.send(nears[1])  # written, never read
    crash(child, main)
    child = joiner.child_of(main)
    with contextlib.suppress(TimeoutError):
        child.on_request()(print)
        child.call(1, timeout=0.05)  # reads, takes nothing
    for near in nears[2:4]:
        child.send(near)
    main.tell(nears[4])
    main.notify(nears[5])
    for channel in child, main, *nears:
        close_at_once(channel)
    joiner.close()
    del child, main, channel, near
    nears.clear()
    gc.collect()
    assert open_handles() <= before
