"""Messages of a burst are gathered without the lock: what happens in between must not lose one, or hide one."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.comm.wire import UNWRITTEN
from liteyuki.errors import ChannelClosed
from tests.unit.joined import DEADLINE, Arrivals, Joiner, in_thread, run

MESSAGES = 5000


class Interleaved(list[Any]):
    """The list that messages are gathered in; something else happens between the look at it and the next `append`."""

    def __init__(self, between: Callable[[], object]) -> None:
        super().__init__()
        self._between: list[Callable[[], object]] = [between]

    def append(self, value: Any) -> None:
        while self._between:
            in_thread(self._between.pop()).result(DEADLINE)
        super().append(value)


def gathering(main: Channel[Any], between: Callable[[], object]) -> None:
    """Bring `main` to where it gathers, on its loop's thread; `between` happens, on another one, as the next does."""
    for _ in range(MESSAGES):
        main.send("before")
        if main.outbox.gather_at_most and not main.outbox.gathered:
            main.outbox.gathered = Interleaved(between)
            return
    raise AssertionError("nothing is ever gathered")


def test_whoever_is_late_for_a_flush_sees_to_it_that_there_is_another(joiner: Joiner) -> None:
    main, child = joiner.channels()

    def flush() -> None:
        main.link.flush_when_due()
        assert not main.outbox.is_unsent

    async def body() -> None:
        main.bind_to_running_loop()
        gathering(main, flush)
        main.send("late")
        assert main.outbox.is_unsent
        assert main.link.flush_is_due

    run(body())
    while child.receive(DEADLINE) != "late":
        pass


def test_whoever_is_late_for_the_end_learns_of_it(joiner: Joiner) -> None:
    main, child = joiner.channels()

    async def body() -> None:
        main.bind_to_running_loop()
        gathering(main, main.close)
        with pytest.raises(ChannelClosed):
            main.send("late")

    run(body())
    assert main.outbox.messages == 0
    assert set(child) == {"before"}


def test_whoever_is_late_for_the_end_of_a_transport_is_sent_over_the_next_one(joiner: Joiner) -> None:
    main = joiner.kept()
    child = joiner.child_of(main, 1)

    async def body() -> None:
        main.bind_to_running_loop()
        gathering(main, main.detach)
        main.send("late")
        assert main.outbox.is_unsent

    run(body())
    child = joiner.child_of(main, 2)
    while child.receive(DEADLINE) != "late":
        pass


@pytest.mark.parametrize("value", ["a" * 34, {"a": [1, 2, "三"]}], ids=["text", "container"])
def test_the_other_side_knows_at_every_moment_that_something_is_unwritten(joiner: Joiner, value: object) -> None:
    main, child = joiner.channels()
    arrivals = Arrivals()
    child.on_receive()(arrivals.add)

    async def body() -> None:
        main.bind_to_running_loop()
        child.bind_to_running_loop()
        was_gathered = False
        for _ in range(MESSAGES):
            main.send(value)
            transport = main.link.transport
            assert transport is not None
            assert transport.own[UNWRITTEN] or not main.outbox.is_unsent
            was_gathered = was_gathered or bool(main.outbox.gathered)
        assert was_gathered
        assert await arrivals.until(MESSAGES) == [value] * MESSAGES

    run(body())
    transport = main.link.transport
    assert transport is not None
    assert not transport.own[UNWRITTEN]


def test_what_is_gathered_and_what_is_not_stay_in_order(joiner: Joiner) -> None:
    main, child = joiner.channels()
    arrivals = Arrivals()
    child.on_receive()(arrivals.add)
    sizes = (0, 1, 5000, 3, 100_000, 2, 4090, 4096)
    sent = [bytes([number % 256]) * sizes[number // 100 % len(sizes)] + b"%d" % number for number in range(3000)]

    async def body() -> None:
        for number, value in enumerate(sent):
            if number % 3:
                await main.asend(value, timeout=DEADLINE)
            else:
                await main.asend((value,), timeout=DEADLINE)  # needs a walk, and is never gathered
        await arrivals.until(len(sent))

    async def both() -> None:
        child.bind_to_running_loop()
        await body()

    run(both())
    assert arrivals.values == [value if number % 3 else (value,) for number, value in enumerate(sent)]


def test_threads_gather_side_by_side(joiner: Joiner) -> None:
    main, child = joiner.channels()

    def send(name: str) -> None:
        for number in range(MESSAGES):
            main.send(f"{name}{number}", timeout=DEADLINE)

    sending = [in_thread(partial(send, name)) for name in "abcd"]
    arrived: dict[str, list[int]] = {name: [] for name in "abcd"}
    for _ in range(4 * MESSAGES):
        value = child.receive(DEADLINE)
        arrived[value[0]].append(int(value[1:]))
    for each in sending:
        each.result(DEADLINE)
    assert all(numbers == list(range(MESSAGES)) for numbers in arrived.values())
    assert main.stats.sent == 4 * MESSAGES
