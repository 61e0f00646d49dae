"""Channels of a type: what they refuse, here and from over there."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Literal, TypedDict

import pytest
from pydantic import BaseModel

from liteyuki.comm import message
from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import Transport
from liteyuki.errors import ChannelError, WrongType
from tests.unit.joined import DEADLINE, Arrivals, Joiner, close_at_once, in_thread, run, soon


@message(name="test_channel_typed.Point")
@dataclasses.dataclass(frozen=True)
class Point:
    x: int
    label: str | None = None


@message(name="test_channel_typed.Shape")
@dataclasses.dataclass(frozen=True)
class Shape:
    points: tuple[Point, ...]


@message(name="test_channel_typed.Person")
class Person(BaseModel):
    name: str
    age: int = 0


class Reply(TypedDict, total=False):
    ok: bool
    items: list[int]


# A channel of a type, what it carries, what it does not, and where in that the fault lies.
CASES: list[tuple[Any, list[Any], Any, str]] = [
    (Channel[int], [0, -(2**70)], "1", ""),
    (Channel[int], [1], True, ""),
    (Channel[tuple[str, int]], [("a", 1)], ("a", "b"), "[1]"),
    (Channel[tuple[str, int]], [("", 0)], ["a", 1], ""),
    (Channel[dict[str, list[float]]], [{}, {"a": [1, 2.5]}], {"a": [1.0, "x"]}, "['a'][1]"),
    (Channel[Point], [Point(1), Point(2, "b")], Point("one"), ".x"),  # type: ignore[arg-type]
    (Channel[Shape], [Shape((Point(1),))], Shape((Point(1), Point(2, 3))), ".points[1].label"),  # type: ignore[arg-type]
    (Channel[Person], [Person(name="a", age=3)], Person.model_construct(name="a", age="3"), ".age"),
    (Channel[Reply], [{}, {"ok": True, "items": [1]}], {"ok": True, "items": [1, None]}, "['items'][1]"),
    (Channel[Reply], [{"ok": False}], {"okay": True}, "<'okay'>"),
    (Channel[int | str | None], [1, "a", None], 1.5, ""),
    (Channel[Point | list[Point]], [Point(1), [Point(2)]], [Point(1), 7], "[1]"),
    (Channel[Literal["on", "off"]], ["on", "off"], "maybe", ""),
]
IDS = [f"{made.__args__[0]}{path}" for made, _, _, path in CASES]


class TypedJoiner:
    """Joins a channel of a type with one that carries anything."""

    def __init__(self, joiner: Joiner, made: Any) -> None:
        self._joiner = joiner
        self._made = made
        self._typed: list[Channel[Any]] = []

    def typed(self, name: str, transport: Transport) -> Channel[Any]:
        channel: Channel[Any] = self._made(name)
        self._typed.append(channel)
        channel.attach(transport)
        return channel

    def channels(self) -> tuple[Channel[Any], Channel[Any]]:
        """One of the type, and its other end, which is of none."""
        one, other = self._joiner.transports()
        return self.typed("typed", one), self._joiner.channel("untyped", other)

    def close(self) -> None:
        for channel in self._typed:
            close_at_once(channel)


@pytest.fixture
def closing() -> Iterator[list[TypedJoiner]]:
    made: list[TypedJoiner] = []
    yield made
    for joined in made:
        joined.close()


def joined_typed(joiner: Joiner, made: Any, closing: list[TypedJoiner]) -> tuple[Channel[Any], Channel[Any]]:
    closing.append(TypedJoiner(joiner, made))
    return closing[-1].channels()


def check_fault(error: WrongType, channel: str, wrong: Any, path: str, made: Any) -> None:
    assert isinstance(error, ChannelError)
    assert isinstance(error, TypeError)
    assert (error.channel, error.path, error.value) == (channel, path, wrong)
    for part in channel, error.carries, error.expected, error.found, path:
        assert part in str(error)


@pytest.mark.parametrize(("made", "good", "wrong", "path"), CASES, ids=IDS)
def test_a_wrong_value_is_refused_before_it_is_sent(
    joiner: Joiner, closing: list[TypedJoiner], made: Any, good: list[Any], wrong: Any, path: str
) -> None:
    typed, untyped = joined_typed(joiner, made, closing)
    for value in good:
        typed.send(value)
    with pytest.raises(WrongType) as caught:
        typed.send(wrong)
    check_fault(caught.value, "typed", wrong, path, made)
    with pytest.raises(WrongType):
        run(typed.asend(wrong))
    typed.send(good[0])
    assert [untyped.receive(DEADLINE) for _ in range(len(good) + 1)] == [*good, good[0]]
    assert typed.stats.sent == len(good) + 1


@pytest.mark.parametrize(("made", "good", "wrong", "path"), CASES, ids=IDS)
def test_a_wrong_value_from_an_untyped_sender_is_raised_where_it_is_received(
    joiner: Joiner, closing: list[TypedJoiner], made: Any, good: list[Any], wrong: Any, path: str
) -> None:
    typed, untyped = joined_typed(joiner, made, closing)
    for value in wrong, *good, wrong:
        untyped.send(value)
    with pytest.raises(WrongType) as caught:
        typed.receive(DEADLINE)
    check_fault(caught.value, "typed", wrong, path, made)
    assert [typed.receive(DEADLINE) for _ in good] == good
    with pytest.raises(WrongType):
        run(typed.async_receive())
    typed.send(good[0])
    assert untyped.receive(DEADLINE) == good[0]


def test_a_wrong_value_is_logged_where_handlers_receive_and_the_channel_lives(
    joiner: Joiner, closing: list[TypedJoiner], logged: list[str]
) -> None:
    async def body() -> None:
        typed, untyped = joined_typed(joiner, Channel[dict[str, int]], closing)
        arrivals, filtered = Arrivals(), Arrivals()
        typed.on_receive()(arrivals.add)
        typed.on_receive(lambda value: filtered.add(value) or True)(print)  # type: ignore[func-returns-value]
        for value in {"a": 1}, {"a": "1"}, "nonsense", {}, {"b": 2}:
            untyped.send(value)
        assert await arrivals.until(3) == [{"a": 1}, {}, {"b": 2}]
        assert filtered.values == arrivals.values

    run(body())
    assert len(logged) == 2
    assert all("ERROR" in line and "typed" in line for line in logged)
    assert "['a']" in logged[0]
    assert "nonsense" in logged[1]


def test_a_thread_that_iterates_gets_the_error_and_may_go_on(joiner: Joiner, closing: list[TypedJoiner]) -> None:
    typed, untyped = joined_typed(joiner, Channel[int], closing)
    for value in 1, "two", 3:
        untyped.send(value)
    untyped.close()
    received: list[int] = []
    with pytest.raises(WrongType):
        received.extend(typed)
    received.extend(typed)
    assert received == [1, 3]


def test_a_wrong_value_counts_as_taken(joiner: Joiner, closing: list[TypedJoiner]) -> None:
    async def body() -> None:
        main = joiner.kept()
        for value in "wrong", 1, 2:
            main.send(value)
        closing.append(joined := TypedJoiner(joiner, Channel[int]))
        ends = joiner.transports()
        main.attach(ends[0])
        child = joined.typed("child", ends[1])
        with pytest.raises(WrongType):
            await child.async_receive()
        assert await child.async_receive() == 1
        child.detach()
        main.detach()
        assert await asyncio.wait_for(joiner.child_of(main, 2).async_receive(), DEADLINE) == 2

    run(body())


def test_requests_are_not_of_the_channels_type(joiner: Joiner, closing: list[TypedJoiner]) -> None:
    async def body() -> None:
        typed, untyped = joined_typed(joiner, Channel[int], closing)
        untyped.on_request()(lambda value: [value])
        typed.bind(asyncio.get_running_loop())
        assert await typed.request("a question", timeout=DEADLINE) == ["a question"]
        assert await soon(in_thread(lambda: typed.call("another", timeout=DEADLINE))) == ["another"]

    run(body())


def test_a_channel_of_any_type_carries_anything(joiner: Joiner, closing: list[TypedJoiner]) -> None:
    typed, untyped = joined_typed(joiner, Channel[Any], closing)
    for value in 1, "a", None, Point(1):
        typed.send(value)
        assert untyped.receive(DEADLINE) == value


def test_a_type_that_cannot_be_checked_is_refused_when_the_channel_is_made() -> None:
    # Since Python 3.13, typing swallows what is raised while one is made; then its first use raises it.
    with pytest.raises(TypeError, match="Callable"):
        Channel[Callable[[], int]]("calls").send(int)
    with pytest.raises(TypeError, match="Nowhere"):
        Channel["Nowhere"]("nowhere").receive(0)  # type: ignore[name-defined]
