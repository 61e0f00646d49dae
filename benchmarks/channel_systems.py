"""What the channels are measured against, each in the loop that its users write: blocking `put`, blocking `get`."""

import importlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

from benchmarks.channel_run import SPAWN, Orders, Plan

__all__ = ["Blocking", "FasterFifo", "OneWay", "Pipe", "PutGet", "Queue", "RoundTrip", "SimpleQueue"]

PutGet = tuple[Callable[[Any], object], Callable[[], Any]]


class Blocking(Protocol):
    """A system with two ends, from each of which values are put into the one and got out of the other."""

    @property
    def name(self) -> str: ...

    @property
    def packages(self) -> tuple[str, ...]: ...

    def pair(self, closing: ExitStack) -> tuple[Any, Any]: ...

    def open(self, end: Any) -> AbstractContextManager[PutGet]:
        """`put` and `get`, in the process that has `end`."""
        ...


@dataclass(frozen=True)
class OneWay:
    """The parent puts, the child gets."""

    of: Blocking

    @property
    def name(self) -> str:
        return self.of.name

    @property
    def packages(self) -> tuple[str, ...]:
        return self.of.packages

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        return self.of.pair(closing)

    def drive(self, end: Any, plan: Plan) -> None:
        with self.of.open(end) as (put, _):
            value = plan.value
            for count in plan:
                for _ in range(count):
                    put(value)
                plan.wait()

    def serve(self, end: Any, orders: Orders) -> None:
        with self.of.open(end) as (_, get):
            for count in orders:
                for _ in range(count):
                    value = get()
                orders.confirm(value)


class RoundTrip(OneWay):
    """The parent puts and gets, the child gets and puts what it got."""

    def drive(self, end: Any, plan: Plan) -> None:
        with self.of.open(end) as (put, get):
            value = plan.value
            for count in plan:
                durations = []
                for _ in range(count):
                    begun = perf_counter()
                    put(value)
                    get()
                    durations.append(perf_counter() - begun)
                plan.round_trips(durations)

    def serve(self, end: Any, orders: Orders) -> None:
        with self.of.open(end) as (put, get):
            for count in orders:
                for _ in range(count):
                    value = get()
                    put(value)
                orders.confirm(value)


@dataclass(frozen=True)
class Pipe:
    """`multiprocessing.Pipe()`, as it comes: duplex."""

    name: str = "Pipe"
    packages: tuple[str, ...] = ()

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        one, other = SPAWN.Pipe()
        closing.callback(one.close)
        closing.callback(other.close)
        return one, other

    @contextmanager
    def open(self, end: Any) -> Iterator[PutGet]:
        yield end.send, end.recv


class _TwoQueues:
    """A queue for each direction."""

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        there, back = self.queue(closing), self.queue(closing)
        return (there, back), (back, there)

    def queue(self, closing: ExitStack) -> Any:
        raise NotImplementedError

    @contextmanager
    def open(self, end: Any) -> Iterator[PutGet]:
        there, back = end
        yield there.put, back.get


@dataclass(frozen=True)
class SimpleQueue(_TwoQueues):
    """`multiprocessing.SimpleQueue`."""

    name: str = "SimpleQueue"
    packages: tuple[str, ...] = ()

    def queue(self, closing: ExitStack) -> Any:
        queue: Any = SPAWN.SimpleQueue()
        closing.callback(queue.close)
        return queue


@dataclass(frozen=True)
class Queue(_TwoQueues):
    """`multiprocessing.Queue`, without a bound."""

    name: str = "Queue"
    packages: tuple[str, ...] = ()

    def queue(self, closing: ExitStack) -> Any:
        queue: Any = SPAWN.Queue()
        closing.callback(queue.cancel_join_thread)
        closing.callback(queue.close)
        return queue


@dataclass(frozen=True)
class FasterFifo(_TwoQueues):
    """`faster_fifo.Queue`; no message may be larger than its ring."""

    ring_bytes: int = 1_000_000
    name: str = "faster-fifo"
    packages: tuple[str, ...] = ("faster_fifo",)

    def queue(self, closing: ExitStack) -> Any:
        queue = importlib.import_module("faster_fifo").Queue(max_size_bytes=self.ring_bytes)
        closing.callback(queue.close)
        return queue
