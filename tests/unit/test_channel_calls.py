"""Asking from threads, and what travels beside the stream of messages; over each transport."""

import asyncio
import contextlib
import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelClosed, ChannelError, ChannelFull, MessageTooLarge, PeerGone, RemoteError
from tests.unit.joined import DEADLINE, TRANSPORTS, Arrivals, Joiner, in_thread, run, soon, until
from tests.unit.optioned import wait_for_sender, with_options

LARGE = 5 * 2**20


def _answer(value: Any) -> Any:
    """What the other side answers: bytes of a length that is asked for, the negative of a number, the rest itself."""
    if isinstance(value, tuple) and value[0] == "bytes":
        return bytes(value[1])
    return -value if isinstance(value, int) else value


@contextlib.contextmanager
def serving(channel: Channel[Any], function: Callable[[Any], Any] = _answer) -> Iterator[None]:
    """Let a loop on a thread of its own answer what is asked over `channel`."""
    over, begun = threading.Event(), threading.Event()

    async def body() -> None:
        channel.on_request()(function)
        begun.set()
        await asyncio.to_thread(over.wait)

    thread = in_thread(lambda: asyncio.run(body()))
    assert begun.wait(DEADLINE)
    try:
        yield
    finally:
        over.set()
        thread.result(DEADLINE)


@pytest.fixture
def piped() -> Iterator[Joiner]:
    """Joins by the transport that can be slow, with a small bound."""
    made = Joiner(TRANSPORTS["pipe"])
    yield with_options(made, max_queued_bytes=100_000)
    made.close()


def fill(main: Channel[Any]) -> None:
    """Ask for what nobody reads, until the system takes no more, and the bound is reached behind it."""

    def ask_on() -> None:
        for _ in range(1000):
            main.notify(bytes(90_000))

    with pytest.raises(ChannelFull):
        ask_on()


# --- from everywhere


def _without_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    ask()


def _beside_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        await soon(in_thread(ask))

    run(body())


def _on_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        ask()

    run(body())


def _after_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        with contextlib.suppress(RemoteError):
            await main.request("first", timeout=DEADLINE)

    run(body())
    ask()


PLACES: dict[str, Callable[[Channel[Any], Callable[[], None]], None]] = {
    "thread without a loop": _without_loop,
    "thread beside the loop": _beside_loop,
    "the loop's own thread": _on_loop,
    "thread after the loop": _after_loop,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Callable[[Channel[Any], Callable[[], None]], None]:
    """Calls a function with this channel's calls in it, where it is to be called."""
    return PLACES[request.param]


def test_a_call_is_answered(joiner: Joiner, place: Callable[..., None]) -> None:
    main, child = joiner.channels()

    def ask() -> None:
        for value in 7, "word", {"a": (1, {2})}, ("bytes", 70_000):
            assert main.call(value, timeout=DEADLINE) == _answer(value)

    with serving(child):
        place(main, ask)


def test_calls_and_answers_may_be_far_larger_than_a_frame(joiner: Joiner, place: Callable[..., None]) -> None:
    main, child = joiner.channels()

    def ask() -> None:
        large = bytes(range(256)) * (LARGE // 256)
        assert main.call(large, timeout=DEADLINE) == large
        assert main.call([large, {1: large}], timeout=DEADLINE) == [large, {1: large}]
        assert main.call(("bytes", LARGE), timeout=DEADLINE) == bytes(LARGE)

    with serving(child):
        place(main, ask)


def test_what_the_handler_raises_is_raised(joiner: Joiner, place: Callable[..., None]) -> None:
    main, child = joiner.channels()

    async def fail(value: str) -> None:
        raise LookupError(f"no {value} here")

    def ask() -> None:
        with pytest.raises(RemoteError, match="LookupError: no bread here") as caught:
            main.call("bread", timeout=DEADLINE)
        error = caught.value
        assert (error.channel, error.type_name, error.message) == ("talk-main", "LookupError", "no bread here")
        assert "in fail" in error.remote_traceback
        assert "test_channel_calls.py" in error.remote_traceback

    with serving(child, fail):
        place(main, ask)


def test_a_call_that_nobody_answers_times_out(joiner: Joiner, place: Callable[..., None]) -> None:
    main, _ = joiner.channels()

    def ask() -> None:
        for timeout in 0, 0.01:
            with pytest.raises(TimeoutError, match="talk-main"):
                main.call(1, timeout=timeout)

    (_without_loop if place is _after_loop else place)(main, ask)


def test_what_cannot_be_asked_is_refused_and_the_next_call_goes_on(joiner: Joiner, place: Callable[..., None]) -> None:
    main, child = with_options(joiner, max_message_bytes=100_000).channels()

    def ask() -> None:
        with pytest.raises(TypeError, match="@message"):
            main.call(object())
        with pytest.raises(MessageTooLarge):
            main.call(bytes(100_001))
        with pytest.raises(RemoteError) as caught:
            main.call(("bytes", 100_001), timeout=DEADLINE)
        assert caught.value.type_name == "MessageTooLarge"
        assert main.call(1, timeout=DEADLINE) == -1

    with serving(child):
        place(main, ask)


def test_a_call_over_a_closed_channel_says_so(joiner: Joiner) -> None:
    main, _ = joiner.channels()
    main.close()
    with pytest.raises(ChannelClosed, match="已在此处关闭"):
        main.call(1)


# --- many at once


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
def test_each_of_many_threads_gets_its_own_answers(joiner: Joiner, has_loop: bool) -> None:
    main, child = joiner.channels()

    async def late(value: tuple[int, int, bytes]) -> Any:
        await asyncio.sleep(random.Random(value[1]).random() / 500)
        return value

    def ask(thread: int) -> None:
        for number in range(30):
            value = (thread, number, bytes([thread]) * (number**3 * 5))
            assert main.call(value, timeout=DEADLINE) == value

    def ask_all() -> None:
        for thread in [in_thread(lambda thread=thread: ask(thread)) for thread in range(12)]:  # type: ignore[misc]
            thread.result(DEADLINE * 2)

    with serving(child, late):
        (_beside_loop if has_loop else _without_loop)(main, ask_all)


def test_threads_may_ask_while_others_receive(joiner: Joiner) -> None:
    main, child = joiner.channels()
    received = [in_thread(lambda: [main.receive(DEADLINE) for _ in range(50)]) for _ in range(2)]
    asking = [in_thread(lambda: [main.call(number, timeout=DEADLINE) for number in range(50)]) for _ in range(3)]
    with serving(child):
        for number in range(100):
            child.send(number)
        for thread in asking:
            assert thread.result(DEADLINE) == [-number for number in range(50)]
    assert sorted([*received[0].result(DEADLINE), *received[1].result(DEADLINE)]) == list(range(100))


@pytest.mark.parametrize("seed", range(5))
def test_callers_that_give_up_never_shift_or_eat_anothers_answer(joiner: Joiner, seed: int) -> None:
    async def body() -> None:
        chance = random.Random(seed)
        main, child = joiner.channels()

        @child.on_request()
        async def late(value: int) -> int:
            for _ in range(chance.randrange(6)):
                await asyncio.sleep(0)
            return -value

        main.bind(asyncio.get_running_loop())
        asking = [asyncio.ensure_future(main.request(number)) for number in range(100)]
        threads = [in_thread(lambda n=n: main.call(n, timeout=n % 3 * DEADLINE)) for n in range(100, 130)]  # type: ignore[misc]
        for caller in chance.sample(asking, 50):
            caller.cancel()
            for _ in range(chance.randrange(3)):
                await asyncio.sleep(0)
        answers = await asyncio.gather(*asking, *map(soon, threads), return_exceptions=True)
        for number, answer in enumerate(answers):
            is_given_up = isinstance(answer, (asyncio.CancelledError, TimeoutError))
            assert answer == -number or (is_given_up and (number < 100 or number % 3 == 0))
        assert sum(isinstance(answer, int) for answer in answers) >= 50 + 20

    run(body())


# --- at the bound


def test_a_call_goes_through_although_messages_have_reached_the_bound(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=1000).channels()
        child.on_request()(_answer)
        main.send(bytes(900))
        with pytest.raises(ChannelFull):
            main.send(bytes(100))
        assert await main.request(1, timeout=DEADLINE) == -1
        assert await soon(in_thread(lambda: main.call(2, timeout=DEADLINE))) == -2

    run(body())


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
def test_a_call_that_had_to_wait_until_it_could_be_sent_is_answered(piped: Joiner, has_loop: bool) -> None:
    main, child = piped.channels()

    def ask() -> None:
        fill(main)
        calls = [in_thread(lambda: main.call(bytes(80_000), timeout=DEADLINE)) for _ in range(4)]
        wait_for_sender(main)
        with serving(child):
            assert [call.result(DEADLINE) for call in calls] == [bytes(80_000)] * 4

    (_beside_loop if has_loop else _without_loop)(main, ask)


# --- the other process goes


def _dies(joiner: Joiner, main: Channel[Any], child: Channel[Any]) -> None:
    transport = child.link.transport
    assert transport is not None
    child.detach()


def _is_restarted(joiner: Joiner, main: Channel[Any], child: Channel[Any]) -> None:
    joiner.child_of(main, 2)


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
@pytest.mark.parametrize("goes", [_dies, _is_restarted], ids=["dies", "is restarted"])
def test_all_callers_learn_that_the_other_process_is_gone(
    joiner: Joiner, goes: Callable[..., None], has_loop: bool
) -> None:
    main = joiner.kept()
    child = joiner.child_of(main, 1)

    def ask() -> None:
        asked = threading.Barrier(4)

        def never(value: object) -> object:
            in_thread(lambda: asked.wait(DEADLINE))
            return asyncio.Event().wait()

        with serving(child, never):
            calls = [in_thread(lambda: main.call(1)) for _ in range(3)]
            asked.wait(DEADLINE)
            begin = time.monotonic()
            goes(joiner, main, child)
            for call in calls:
                with pytest.raises(PeerGone, match="talk-main"):
                    call.result(DEADLINE)
            print(f"PeerGone after {(time.monotonic() - begin) * 1000:.1f} ms")

    (_beside_loop if has_loop else _without_loop)(main, ask)


def test_where_no_process_is_attached_nobody_answers(joiner: Joiner) -> None:
    main = joiner.kept()
    with pytest.raises(PeerGone):
        main.call(1)
    child = joiner.child_of(main, 1)
    with serving(child):
        assert main.call(1, timeout=DEADLINE) == -1
    child.close()
    with pytest.raises(PeerGone):
        main.call(1, timeout=DEADLINE)
    with pytest.raises(PeerGone):
        main.call(1, timeout=DEADLINE)


def test_those_who_could_not_even_ask_learn_it_too_and_leave_no_error_behind(piped: Joiner) -> None:
    complaints: list[Any] = []

    async def body() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        main = piped.kept()
        piped.child_of(main, 1)
        fill(main)
        asking = asyncio.ensure_future(main.request(bytes(80_000)))
        await until(lambda: main.room, "the request to wait")
        thread = in_thread(lambda: main.call(bytes(80_000)))
        await asyncio.sleep(0)
        main.detach()
        for asked in asking, asyncio.ensure_future(soon(thread)):
            with pytest.raises(PeerGone):
                await asyncio.wait_for(asked, DEADLINE)
        del asking, asked
        gc.collect()

    run(body())
    gc.collect()
    assert complaints == []


def test_whoever_is_told_that_nobody_answers_has_not_been_heard(piped: Joiner) -> None:
    main = piped.kept()
    piped.child_of(main, 1)
    fill(main)
    call = in_thread(lambda: main.call(bytes(80_000), timeout=DEADLINE))
    wait_for_sender(main)
    lengths: list[int] = []
    # In one go, so that who waits wakes when the next one is there already.
    child = piped.child_of(main, 2)
    with serving(child, lambda value: lengths.append(len(value))):
        with contextlib.suppress(PeerGone):
            call.result(DEADLINE)
        main.call(bytes(3), timeout=DEADLINE)
    assert lengths == ([3] if call.exception() else [80_000, 3])


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
        child.on_request()(_answer)
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
