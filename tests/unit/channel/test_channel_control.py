"""What the two sides' cores ask and tell each other, beside the messages and what plugins ask."""

import asyncio
import dataclasses
import threading
from typing import Any

import pytest

from liteyuki.codec import message
from liteyuki.comm.wire import FrameKind, pack_frame
from liteyuki.errors import ChannelBroken, ChannelClosed, ChannelFull, PeerGone, RemoteError
from liteyuki.log import logger
from tests.unit.channel.answering import answered, fill, serving
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Arrivals, Joiner, crash, hello, in_thread, run, send_raw, soon

LARGE = 5 * 2**20


@message(name="test_channel_control.Said")
@dataclasses.dataclass(frozen=True)
class Said:
    """What one core tells the other."""

    what: Any


@message(name="test_channel_control.Asked")
@dataclasses.dataclass(frozen=True)
class Asked:
    """What one core asks the other."""

    what: Any


@message(name="test_channel_control.Loud")
@dataclasses.dataclass(frozen=True)
class Loud(Said):
    """No other class is handled by the handler of one, not even its children."""


@pytest.fixture
def small(joiner: Joiner) -> Joiner:
    """Joins channels with a small bound."""
    return with_options(joiner, max_queued_bytes=100_000)


# --- telling


def test_what_is_told_comes_in_order_and_waits_for_no_message(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard = Arrivals()
        child.on_control(Said, heard.add)
        child.bind(asyncio.get_running_loop())
        for number in range(5):
            main.send(("message", number))
            main.tell(Said(number))
        await soon(in_thread(lambda: main.tell(Said(bytes(LARGE)))))
        assert await heard.until(6) == [*map(Said, range(5)), Said(bytes(LARGE))]
        assert [await child.async_receive() for _ in range(5)] == [("message", number) for number in range(5)]

    run(body())


def test_what_is_told_is_heard_by_a_thread_that_waits_for_messages_or_answers(joiner: Joiner) -> None:
    main, child = joiner.channels()
    heard: list[Any] = []
    child.on_control(Said, heard.append)
    main.tell(Said(1))
    main.send("a message")
    assert child.receive(DEADLINE) == "a message"
    main.tell(Said(2))
    with pytest.raises(TimeoutError):
        child.receive(0.05)
    assert heard == [Said(1), Said(2)]
    main.tell(Said(3))
    with serving(main):
        assert child.call(1, timeout=DEADLINE) == -1
    assert heard == [Said(1), Said(2), Said(3)]


def test_each_class_has_its_own_handler_and_is_not_taken_for_another(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard = Arrivals()
        child.on_control(Said, lambda value: heard.add(("said", value.what)))
        child.on_control(Asked, lambda value: heard.add(("asked", value.what)))
        child.bind(asyncio.get_running_loop())
        for value in Said(1), Loud(2), Asked(3), "no message at all", Said(4):
            main.tell(value)
        assert await heard.until(3) == [("said", 1), ("asked", 3), ("said", 4)]

    run(body())


def test_what_nobody_handles_is_dropped_and_what_comes_later_is_not(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())
        child.on_request()(answered)
        main.tell(Said("early"))
        assert await main.request(1, timeout=DEADLINE) == -1
        heard = Arrivals()
        child.on_control(Said, heard.add)
        main.tell(Said("late"))
        assert await heard.until(1) == [Said("late")]

    run(body())


def test_a_handler_that_fails_is_logged_and_the_next_message_is_handled(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard = Arrivals()

        def hear(said: Said) -> None:
            heard.add(said.what)
            if said.what != "end":
                raise RuntimeError(f"deaf to {said.what}")

        child.on_control(Said, hear)
        child.bind(asyncio.get_running_loop())
        for what in "this", "that", "end":
            main.tell(Said(what))
        assert await heard.until(3) == ["this", "that", "end"]

    run(body())
    assert [("deaf to" in line, "talk-child" in line, "Said" in line) for line in logged] == [(True,) * 3] * 2


def test_what_is_told_to_nobody_is_lost_and_what_cannot_be_told_is_refused(joiner: Joiner, logged: list[str]) -> None:
    main = joiner.kept()
    main.tell(Said("nobody"))
    heard: list[Any] = []
    child = joiner.child_of(main, 1)
    child.on_control(Said, heard.append)
    with pytest.raises(TypeError, match="@message"):
        main.tell(object())
    main.tell(Said("somebody"))
    with pytest.raises(TimeoutError):
        child.receive(0.05)
    assert heard == [Said("somebody")]
    main.close()
    with pytest.raises(ChannelClosed, match="已在此处关闭"):
        main.tell(Said(1))
    assert logged == []


def test_what_one_that_does_not_read_is_told_is_refused_at_the_bound(small: Joiner) -> None:
    main, child = small.channels()
    fill(main)
    with pytest.raises(ChannelFull):
        main.tell(Said(bytes(90_000)))
    assert main.stats.refused == 2
    with serving(child):
        assert main.call("after all", timeout=DEADLINE) == "after all"
    main.tell(Said(bytes(90_000)))


# --- asking


def test_a_core_is_answered_by_a_plain_handler_and_by_one_that_awaits(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())

        async def later(said: Said) -> Any:
            await asyncio.sleep(0)
            return ("later", said.what)

        child.on_control(Asked, lambda asked: ("at once", asked.what))
        child.on_control(Said, later)
        assert await main.ask(Asked(1), timeout=DEADLINE) == ("at once", 1)
        assert await main.ask(Said(2), timeout=DEADLINE) == ("later", 2)
        assert await soon(in_thread(lambda: main.ask_in_thread(Asked(3), timeout=DEADLINE))) == ("at once", 3)
        assert await soon(in_thread(lambda: main.ask_in_thread(Said(4), timeout=DEADLINE))) == ("later", 4)

    run(body())


def test_a_core_is_answered_while_no_plugin_is_and_by_no_plugin(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.on_control(Asked, lambda asked: "the core")
        child.on_request()(lambda value: "a plugin")
        assert await main.ask(Asked(1), timeout=DEADLINE) == "the core"
        assert await main.request(Asked(1), timeout=DEADLINE) == "a plugin"

    run(body())


def test_whoever_asks_what_nobody_handles_or_what_fails_is_told(joiner: Joiner, logged: list[str]) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        child.bind(asyncio.get_running_loop())
        child.on_request()(answered)

        def fail(asked: Asked) -> None:
            raise ValueError(f"no {asked.what}")

        async def fail_later(loud: Loud) -> None:
            raise ValueError(f"never {loud.what}")

        child.on_control(Asked, fail)
        child.on_control(Loud, fail_later)
        with pytest.raises(RemoteError, match="Said") as caught:
            await main.ask(Said(1), timeout=DEADLINE)
        assert caught.value.type_name == "LookupError"
        with pytest.raises(RemoteError, match="no such luck"):
            await main.ask(Asked("such luck"), timeout=DEADLINE)
        with pytest.raises(RemoteError, match="never again"):
            await main.ask(Loud("again"), timeout=DEADLINE)

    run(body())
    assert logged == []


def test_whoever_asks_learns_that_nobody_is_there_or_that_it_has_gone(joiner: Joiner) -> None:
    async def body() -> None:
        main = joiner.kept()
        with pytest.raises(PeerGone):
            await main.ask(Asked(1), timeout=DEADLINE)
        child = joiner.child_of(main, 1)
        begun = Arrivals()

        async def never(asked: Asked) -> None:
            begun.add(asked)
            await asyncio.Event().wait()

        child.bind(asyncio.get_running_loop())
        child.on_control(Asked, never)
        asking = asyncio.ensure_future(main.ask(Asked(1)))
        await begun.until(1)
        crash(child, main)
        with pytest.raises(PeerGone):
            await asyncio.wait_for(asking, DEADLINE)
        with pytest.raises(TimeoutError):
            await joiner.channels("other")[0].ask(Asked(1), timeout=0.01)

    run(body())


def test_a_message_that_makes_no_sense_breaks_the_channel(joiner: Joiner, logged: list[str]) -> None:
    child, raw = joiner.against_raw()
    heard: list[Any] = []
    child.on_control(Said, heard.append)
    send_raw(raw, hello(), pack_frame(FrameKind.CONTROL, 0, bytes(8) + b"\xc1"))
    child.read_control()
    with pytest.raises(ChannelBroken):
        child.receive(DEADLINE)
    assert heard == []
    assert len(logged) == 1


def test_what_an_asynchronous_handler_raises_is_logged_if_nobody_waits_for_it(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        lines: asyncio.Queue[str] = asyncio.Queue()
        sink = logger.add(lines.put_nowait, level="ERROR", format="{level} {message}")

        async def hear(said: Said) -> None:
            raise OSError(f"no room for {said.what}")

        child.on_control(Said, hear)
        child.bind(asyncio.get_running_loop())
        try:
            await soon(in_thread(lambda: main.tell(Said(7))))
            main.flush()
            line = await asyncio.wait_for(lines.get(), DEADLINE)
        finally:
            logger.remove(sink)
        assert "Said" in line
        assert "no room for 7" in line

    run(body())


# --- passing on


def test_a_read_passes_on_what_no_loop_has_read_yet(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = joiner.channels()
        heard: list[Any] = []
        child.on_control(Said, heard.append)
        child.bind(asyncio.get_running_loop())
        await soon(in_thread(lambda: main.tell(Said(1))))
        main.flush()
        child.read_control()  # the loop has not turned
        assert heard == [Said(1)]

    run(body())


@pytest.mark.parametrize("timeout", [None, 0.0], ids=["its own wait", "a receive"])
def test_a_thread_that_reads_waits_for_another_that_passes_on(joiner: Joiner, timeout: float | None) -> None:
    main, child = joiner.channels()
    heard: list[Any] = []
    entered, release = threading.Event(), threading.Event()

    def hear(said: Said) -> None:
        entered.set()
        release.wait(DEADLINE)
        heard.append(said.what)

    child.on_control(Said, hear)
    main.tell(Said(1))
    main.tell(Said(2))
    first = in_thread(child.read_control)
    assert entered.wait(DEADLINE)
    if timeout is not None:
        with pytest.raises(TimeoutError):
            child.receive(timeout)  # hears nothing, for that is the first one's business, and waits for nobody
        assert heard == []
    second = in_thread(child.read_control)
    release.set()
    second.result(DEADLINE)
    assert heard == [1, 2]
    first.result(DEADLINE)


def test_a_handler_may_ask_and_read_itself(joiner: Joiner) -> None:
    main, child = joiner.channels()
    heard: list[Any] = []

    def hear(said: Said) -> None:
        child.read_control()
        heard.append((said.what, child.ask_in_thread(Asked(said.what), timeout=DEADLINE)))

    child.on_control(Said, hear)
    main.on_control(Asked, lambda asked: -asked.what)
    main.tell(Said(1))
    reading = in_thread(child.read_control)
    with pytest.raises(TimeoutError):
        main.receive(0.2)  # which answers meanwhile
    reading.result(DEADLINE)
    assert heard == [(1, -1)]
