"""Channels that are sent over channels."""

import asyncio
import contextlib
import dataclasses
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from harness import open_handles
from liteyuki.codec import message
from liteyuki.comm.channel import Channel, ChannelEnd
from liteyuki.errors import ChannelFull, MessageTooLarge
from tests.unit.channel.sent_channels import check_connected, closing, handles_so_far
from tests.unit.joined import DEADLINE, Arrivals, Joiner, close_at_once, crash, in_thread, run, soon


@message(name="test_channel_over_channel.Passed")
@dataclasses.dataclass(frozen=True)
class Passed:
    """What one core tells another."""

    to: str
    end: Any


NAMES = [f"sent-{number}" for number in range(20)]


@pytest.fixture
def sent() -> Iterator[list[Channel[Any]]]:
    """Channels to be sent, closed after the test."""
    channels = [Channel[Any](name) for name in NAMES]
    yield channels
    for channel in channels:
        close_at_once(channel)


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
        one_main.on_control(Passed, heard.add)
        one.tell(Passed("for the other", sent[0]))
        (passed,) = await heard.until(1)
        assert isinstance(passed.end, ChannelEnd)
        other_main.send(passed.end)
        far = await asyncio.wait_for(other.async_receive(), DEADLINE)
        with closing(far):
            await soon(in_thread(lambda: check_connected(sent[0], far)))

    run(body())


# --- handles


def test_no_handle_is_left_of_channels_that_were_sent_and_closed(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("warm up")
    child.receive(DEADLINE)
    with pytest.raises(TimeoutError):
        main.receive(timeout=0)
    before = handles_so_far()
    gc.collect()
    before = open_handles()
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
    main.tell([nears[5]])
    for channel in child, main, *nears:
        close_at_once(channel)
    joiner.close()
    del child, main, channel, near
    nears.clear()
    gc.collect()
    assert open_handles() <= before
