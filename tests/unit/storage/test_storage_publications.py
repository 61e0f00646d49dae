"""Publishing to functions of this process, and what happens to those who do not read."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from liteyuki.codec import encode
from liteyuki.comm import Channel, attach_channels, shared_memory
from liteyuki.comm.registry import Registry, replaced_registry
from liteyuki.comm.storage import client
from liteyuki.comm.storage.messages import Publication
from liteyuki.comm.storage.pubsub import MAX_WAITING_BYTES, RemoteSubscriber, Topics
from liteyuki.comm.storage.server import StorageServer
from liteyuki.errors import ChannelFull
from tests.unit.joined import DEADLINE, Arrivals, Joiner, in_thread, run, soon, until


@pytest.fixture
def registry() -> Iterator[Registry]:
    with replaced_registry() as made:
        yield made


@pytest.fixture
def _switching_often() -> Iterator[None]:
    """Threads take turns in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


pytestmark = pytest.mark.usefixtures("registry")


def test_publications_come_in_their_order_to_every_function_of_their_topic() -> None:
    async def body() -> None:
        plain, other, asynchronous = Arrivals(), Arrivals(), Arrivals()
        shared_memory.on_subscriber_receive("news")(plain.add)
        shared_memory.on_subscriber_receive("weather")(other.add)

        @shared_memory.on_subscriber_receive("news")
        async def take(value: Any) -> None:
            asynchronous.add(value)

        for number in range(20):
            await shared_memory.async_publish("news", {number})
        shared_memory.publish("weather", "rain")
        shared_memory.publish("nobody's", 1)
        assert await plain.until(20) == [{number} for number in range(20)]
        assert await asynchronous.until(20) == plain.values
        assert await other.until(1) == ["rain"]

    run(body())


def test_functions_run_on_the_loop_whatever_thread_publishes() -> None:
    async def body() -> None:
        arrivals = Arrivals()
        shared_memory.on_subscriber_receive("news")(lambda value: arrivals.add((value, threading.get_ident())))
        await soon(in_thread(lambda: shared_memory.publish("news", 1)))
        assert await arrivals.until(1) == [(1, threading.get_ident())]

    run(body())


def test_what_is_published_before_a_loop_runs_waits_for_it() -> None:
    values: list[int] = []
    shared_memory.on_subscriber_receive("news")(values.append)
    for number in range(3):
        shared_memory.publish("news", number)
    assert values == []

    async def body() -> None:
        attach_channels()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(body())
    assert values == [0, 1, 2]
    shared_memory.publish("news", 3)
    run(body())
    assert values == [0, 1, 2, 3]


def test_a_function_that_raises_is_logged_and_holds_nobody_up(logged: list[str]) -> None:
    async def body() -> None:
        arrivals = Arrivals()

        @shared_memory.on_subscriber_receive("news")
        def fail(value: Any) -> None:
            raise LookupError(f"no {value}")

        @shared_memory.on_subscriber_receive("news")
        async def fail_later(value: Any) -> None:
            raise SystemExit(1)

        shared_memory.on_subscriber_receive("news")(arrivals.add)
        shared_memory.publish("news", "bread")
        shared_memory.publish("news", "milk")
        assert await arrivals.until(2) == ["bread", "milk"]

    run(body())
    told = "".join(logged)
    for name in ("fail", "fail_later"):
        for value in ("bread", "milk"):
            assert any(name in line and value in line and "news" in line for line in logged), told


def test_a_function_may_use_the_storage_and_publish_itself() -> None:
    async def body() -> None:
        done = asyncio.Event()

        @shared_memory.on_subscriber_receive("news")
        def count(value: int) -> None:
            shared_memory.increment("sum", value)
            if value:
                shared_memory.publish("news", value - 1)
            else:
                done.set()

        shared_memory.publish("news", 4)
        await asyncio.wait_for(done.wait(), DEADLINE)
        assert shared_memory.get("sum") == 10

    run(body())


def test_a_publication_that_cannot_be_rebuilt_is_told_and_the_next_one_comes(
    registry: Registry, logged: list[str]
) -> None:
    async def body() -> None:
        arrivals = Arrivals()
        shared_memory.on_subscriber_receive("news")(arrivals.add)
        registry.storage.ask(Publication("news", (0, b"\xc1")))
        shared_memory.publish("news", 1)
        assert await arrivals.until(1) == [1]

    run(body())
    assert len(logged) == 1
    assert "news" in logged[0]


def test_a_loop_that_does_not_turn_costs_no_more_than_its_bound_and_the_loss_is_told(logged: list[str]) -> None:
    sizes: list[int] = []
    shared_memory.on_subscriber_receive("news")(lambda value: sizes.append(len(value)))
    piece = MAX_WAITING_BYTES // 8
    for _ in range(20):
        shared_memory.publish("news", bytes(piece))
    assert len(logged) == 1
    assert "news" in logged[0]

    async def body() -> None:
        attach_channels()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        shared_memory.publish("news", b"")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(body())
    kept = sizes[:-1]
    assert sizes[-1] == 0
    assert kept == [piece] * len(kept)
    assert len(logged) == 2
    assert f" {20 - len(kept)} " in logged[1]


def test_functions_are_called_on_the_newest_loop_that_was_bound(registry: Registry) -> None:
    values: list[Any] = []
    shared_memory.on_subscriber_receive("news")(values.append)
    loops = [asyncio.new_event_loop() for _ in range(2)]
    for number, loop in enumerate(loops):
        registry.subscribers.bind(loop)
        shared_memory.publish("news", number)
    loops[0].run_until_complete(asyncio.sleep(0))
    assert values == []
    loops[1].run_until_complete(asyncio.sleep(0))
    assert values == [0, 1]
    for loop in loops:
        loop.close()


def test_a_loop_is_found_by_any_call_when_the_one_before_has_closed() -> None:
    values: list[Any] = []
    shared_memory.on_subscriber_receive("news")(values.append)

    async def body() -> None:
        await shared_memory.async_get("key")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    for number in range(3):
        shared_memory.publish("news", number)
        run(body())
        assert values == list(range(number + 1))


def test_what_nobody_here_has_subscribed_to_is_left_out(registry: Registry) -> None:
    values: list[Any] = []
    shared_memory.on_subscriber_receive("news")(values.append)
    for value in (Publication("another topic", encode(1)), Publication("news", encode(2))):
        registry.subscribers.hear(value)

    async def body() -> None:
        attach_channels()
        await asyncio.sleep(0)

    run(body())
    assert values == [2]


# --- to other processes


class Reader:
    """Hears publications, and takes a moment for each."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def hear(self, value: object, /) -> None:
        self.values += [value]


@pytest.mark.usefixtures("_switching_often")
def test_several_publishers_reach_all_in_the_same_order() -> None:
    topics, readers = Topics(), [Reader(), Reader(), Reader()]
    for reader in readers:
        topics.subscribe("news", reader)

    def work(name: str) -> None:
        for number in range(300):
            topics.publish(Publication("news", encode((name, number))))

    for writer in [in_thread(lambda name=name: work(name)) for name in "abcd"]:  # type: ignore[misc]
        writer.result(DEADLINE)
    assert len(readers[0].values) == 1200
    assert readers[0].values == readers[1].values == readers[2].values


def test_who_is_dropped_hears_nothing_more() -> None:
    topics, readers = Topics(), [Reader(), Reader()]
    for reader in readers:
        topics.subscribe("a", reader)
        topics.subscribe("b", reader)
        topics.subscribe("b", reader)
    topics.publish(Publication("b", encode(1)))
    topics.drop(readers[0])
    topics.drop(readers[0])
    topics.publish(Publication("a", encode(2)))
    assert [len(reader.values) for reader in readers] == [1, 2]


SOMETHING = Publication("news", encode(1))


class Stalled:
    """A channel, and a loop, of which the test says what they do."""

    def __init__(self) -> None:
        self.name = "bot-passive"
        self.is_full = True
        self.later: list[Callable[[], None]] = []

    def tell(self, value: object) -> None:
        if self.is_full:
            raise ChannelFull(self.name, 1)

    def call_soon_threadsafe(self, function: Callable[..., None], *arguments: Any) -> None:
        function(*arguments)

    def call_later(self, delay: float, function: Callable[..., None], *arguments: Any) -> None:
        self.later.append(lambda: function(*arguments))


def test_a_stall_is_told_when_it_begins_and_how_much_it_has_cost_when_it_is_over(logged: list[str]) -> None:
    stalled = Stalled()
    subscriber = RemoteSubscriber(cast(Channel[Any], stalled), cast(asyncio.AbstractEventLoop, stalled))
    for times in range(1, 3):
        stalled.is_full = True
        for number in range(5):
            subscriber.hear(SOMETHING)
            assert len(logged) == 2 * times - 1
            if number % 2:
                stalled.later.pop()()  # it has not been over for a second
        stalled.is_full = False
        subscriber.hear(SOMETHING)
        assert len(logged) == 2 * times - 1
        while stalled.later:
            stalled.later.pop()()
        assert len(logged) == 2 * times
        assert " 5 " in logged[-1]
    assert all("bot-passive" in line for line in logged)


def test_what_a_child_that_has_ended_has_missed_is_told_at_once(logged: list[str]) -> None:
    stalled = Stalled()
    subscriber = RemoteSubscriber(cast(Channel[Any], stalled), cast(asyncio.AbstractEventLoop, stalled))
    subscriber.hear(SOMETHING)
    subscriber.report()
    assert len(logged) == 2
    assert " 1 " in logged[-1]
    subscriber.report()
    stalled.later.pop()()
    assert len(logged) == 2


# --- in a child


@pytest.fixture
def main(registry: Registry) -> Iterator[Channel[Any]]:
    """The other end of this process's passive channel, as if it was a child; nobody reads it."""
    joiner = Joiner()
    main, child = joiner.channels()
    registry.become_child("bot", 1, {"bot-passive": child})
    yield main
    joiner.close()


def test_a_module_may_subscribe_while_the_main_process_is_busy(
    main: Channel[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_TIMEOUT", 0.05)
    arrivals: list[Any] = []
    shared_memory.on_subscriber_receive("news")(arrivals.append)
    monkeypatch.undo()

    async def body() -> None:
        attach_channels()
        owner = StorageServer()
        main.bind(asyncio.get_running_loop())
        owner.serve(main)
        await shared_memory.async_publish("news", 1)
        await until(lambda: arrivals, "the publication")
        owner.detached(main)
        await shared_memory.async_publish("news", 2)
        assert await shared_memory.async_increment("key") == 1
        assert arrivals == [1]

    run(body())
