"""Notifications, and what cores tell each other beside the messages; over each transport."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from liteyuki.errors import ChannelError, ChannelFull
from tests.unit.channel.answering import answered, fill, serving
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, TRANSPORTS, Arrivals, Joiner, in_thread, run, soon

LARGE = 5 * 2**20


@pytest.fixture
def piped() -> Iterator[Joiner]:
    """Joins by the transport that can be slow, with a small bound."""
    made = Joiner(TRANSPORTS["pipe"])
    yield with_options(made, max_queued_bytes=100_000)
    made.close()


# --- notifications, and what cores tell each other


def test_what_one_that_does_not_read_is_told_is_refused_at_the_bound(piped: Joiner) -> None:
    main, child = piped.channels()
    fill(main)
    for say in main.notify, main.tell:
        with pytest.raises(ChannelFull):
            say(bytes(90_000))
    assert main.stats.refused == 3
    noted: list[Any] = []
    with serving(child, noted.append):
        assert main.call("after all", timeout=DEADLINE) is None
    assert noted[-1] == "after all"


def test_what_is_told_overtakes_nothing_taken_and_waits_for_no_message(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard = Arrivals()
        child.hear(heard.add)
        child.bind(asyncio.get_running_loop())
        for number in range(5):
            main.send(("message", number))
            main.tell(("told", number))
        await soon(in_thread(lambda: main.tell("from a thread")))
        assert await heard.until(6) == [*(("told", number) for number in range(5)), "from a thread"]
        assert [await child.async_receive() for _ in range(5)] == [("message", number) for number in range(5)]

    run(body())


def test_what_is_told_is_heard_by_a_thread_that_waits_for_messages_or_answers(joiner: Joiner) -> None:
    main, child = joiner.channels()
    heard: list[Any] = []
    child.hear(heard.append)
    main.tell(1)
    main.send("a message")
    assert child.receive(DEADLINE) == "a message"
    main.tell(2)
    with pytest.raises(TimeoutError):
        child.receive(0.05)
    assert heard == [1, 2]
    main.tell(3)
    with serving(main):
        assert child.call(1, timeout=DEADLINE) == -1
    assert heard == [1, 2, 3]


def test_one_that_fails_to_hear_is_logged_and_the_others_hear(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard = Arrivals()

        def fail(value: object) -> None:
            raise RuntimeError(f"deaf to {value}")

        child.hear(fail)
        child.hear(heard.add)
        child.bind(asyncio.get_running_loop())
        main.tell("this")
        main.tell("that")
        assert await heard.until(2) == ["this", "that"]

    run(body())
    assert sum("deaf to" in line and "talk-child" in line for line in logged) == 2


def test_what_is_told_before_anybody_hears_waits(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())
        child.on_request()(answered)
        main.tell("early")
        assert await main.request(1, timeout=DEADLINE) == -1
        heard = Arrivals()
        child.hear(heard.add)
        assert await heard.until(1) == ["early"]

    run(body())


def test_what_is_told_to_nobody_is_lost_and_what_cannot_be_told_is_refused(joiner: Joiner) -> None:
    main = joiner.kept()
    main.tell("nobody")
    main.notify("nobody")
    heard: list[Any] = []
    child = joiner.child_of(main, 1)
    child.hear(heard.append)
    with pytest.raises(TypeError, match="@message"):
        main.tell(object())
    main.tell("somebody")
    with pytest.raises(TimeoutError):
        child.receive(0.05)
    assert heard == ["somebody"]
    main.close()
    with pytest.raises(ChannelError, match="已在此处关闭"):
        main.tell(1)


def test_notifications_reach_the_handler_from_any_thread(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        noted = Arrivals()
        child.on_request()(noted.add)
        main.notify(1)
        await soon(in_thread(lambda: main.notify(bytes(LARGE))))
        assert await noted.until(2) == [1, bytes(LARGE)]
        assert main.stats.sent == 0

    run(body())


def test_what_another_thread_has_in_hand_can_be_waited_for(joiner: Joiner) -> None:
    main, child = joiner.channels()
    heard: list[str] = []
    has_begun, may_end = threading.Event(), threading.Event()

    def hear(value: str) -> None:
        has_begun.set()
        assert may_end.wait(DEADLINE)
        heard.append(value)

    child.hear(hear)
    main.tell("offer")
    with child.lock:
        child.link.read_all()
    hearing = in_thread(child.told.pass_on)
    assert has_begun.wait(DEADLINE)
    child.told.pass_on()
    assert heard == []

    def wait() -> list[str]:
        child.told.wait(DEADLINE)
        return list(heard)

    waiting = in_thread(wait)
    may_end.set()
    assert waiting.result(DEADLINE) == ["offer"]
    hearing.result(DEADLINE)
