"""Asking from threads."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelClosed, MessageTooLarge, RemoteError
from tests.unit.channel.answering import after_loop, answered, beside_loop, on_loop, serving, without_loop
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, soon

LARGE = 5 * 2**20


# --- from everywhere


PLACES: dict[str, Callable[[Channel[Any], Callable[[], None]], None]] = {
    "thread without a loop": without_loop,
    "thread beside the loop": beside_loop,
    "the loop's own thread": on_loop,
    "thread after the loop": after_loop,
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> Callable[[Channel[Any], Callable[[], None]], None]:
    """Calls a function with this channel's calls in it, where it is to be called."""
    return PLACES[request.param]


def test_a_call_is_answered(joiner: Joiner, place: Callable[..., None]) -> None:
    main, child = joiner.channels()

    def ask() -> None:
        for value in 7, "word", {"a": (1, {2})}, ("bytes", 70_000):
            assert main.call(value, timeout=DEADLINE) == answered(value)

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

    (without_loop if place is after_loop else place)(main, ask)


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
        (beside_loop if has_loop else without_loop)(main, ask_all)


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
def test_callers_that_give_up_never_shift_or_eat_anothersanswered(joiner: Joiner, seed: int) -> None:
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
