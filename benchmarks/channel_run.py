"""One measurement: a fresh child, a warm-up, and the time until the child has decoded all that was sent.

Both processes talk about it over a pipe of their own, the side pipe: how many messages come next, and that all of
them have been decoded. So no system is measured with its own confirmations.
"""

import asyncio
import gc
import importlib.util
import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Final, Protocol

from benchmarks.channel_values import packages_of, same, value_named
from liteyuki.errors import ChannelClosed

__all__ = ["SPAWN", "MeasurementFailed", "Orders", "Plan", "System", "Unsupported", "measure"]

SPAWN: Final = multiprocessing.get_context("spawn")

DEADLINE: Final = 30.0
"""Seconds for one measurement. After them the child ends by itself, and the measurement has failed."""
_TICK: Final = 0.5
_WARM_UP: Final = 0.05
_MEASURED: Final = 0.2


class Unsupported(Exception):
    """Why a system has no figure in a case; stands in the table in its place."""


class MeasurementFailed(Exception):
    """The child has ended early or does not answer in time."""


class System(Protocol):
    """Something that carries values. It is pickled for the child, so that it holds settings only."""

    @property
    def name(self) -> str: ...

    @property
    def packages(self) -> tuple[str, ...]:
        """What must be installed, beside the project itself."""
        ...

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        """The driving end and the serving one, as they can be handed to a spawned child; `closing` ends both."""
        ...

    def drive(self, end: Any, plan: "Plan") -> None:
        """In the parent: for each count of `plan`, send so many values and wait, or make so many round trips."""
        ...

    def serve(self, end: Any, orders: "Orders") -> None:
        """In the child: for each count of `orders`, receive or answer so many values, and confirm."""
        ...


class Plan:
    """The driving side: iterating yields how many messages to send; the clock runs till the confirmation."""

    def __init__(self, side: Connection, value: Any, first: int) -> None:
        self.value = value
        self.cost = 0.0
        """Seconds per message, or per round trip, of the last count."""
        self._side = side
        self._count = first
        self._begun = 0.0

    def __iter__(self) -> Iterator[int]:
        yield self._begin(self._count)
        yield self._begin(max(1, round(_WARM_UP / self.cost)))
        yield self._begin(max(2, round(_MEASURED / self.cost)))
        self._side.send(0)

    def _begin(self, count: int) -> int:
        self._side.send(count)
        self._side.recv()
        self._count = count
        self._begun = time.perf_counter()
        return count

    def wait(self) -> None:
        """Block until the child has decoded all of them."""
        self._side.recv()
        self.cost = (time.perf_counter() - self._begun) / self._count

    async def async_wait(self) -> None:
        """The same, while the loop goes on sending."""
        await _until_readable(self._side)
        self.wait()

    def round_trips(self, durations: Sequence[float]) -> None:
        """Instead of waiting: how long each round trip took, in seconds."""
        self._side.recv()
        self.cost = statistics.median(durations)


class Orders:
    """The serving side: iterating yields how many messages come next, and returns when no more do."""

    def __init__(self, side: Connection) -> None:
        self.last: Any = None
        self._side = side

    def __iter__(self) -> Iterator[int]:
        while count := self._side.recv():
            self._side.send("ready")
            yield count

    async def __aiter__(self) -> AsyncIterator[int]:
        await _until_readable(self._side)
        while count := self._side.recv():
            self._side.send("ready")
            yield count
            await _until_readable(self._side)

    def confirm(self, value: Any) -> None:
        """All of this count have been decoded; `value` is the last of them."""
        self._side.send("decoded")
        self.last = value


async def _until_readable(side: Connection) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(side.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(side.fileno())


def measure(system: System, value_name: str, first: int, *, apart: bool = False) -> float:
    """Seconds per message, or per round trip, the first `first` messages and a warm-up not counted.

    With `apart` each process is held to a core of its own, where the system lets it be. Left to the scheduler, two
    that take turns share a core or not as the rest of the machine happens to be busy, and that alone doubles the time.

    Raises `Unsupported` if there is nothing to measure, `MeasurementFailed` if the child does not do its part.
    """
    packages = (*system.packages, *packages_of(value_name))
    if any(importlib.util.find_spec(package) is None for package in packages):
        raise Unsupported("not installed")
    with ExitStack() as closing:
        side, other_side = SPAWN.Pipe()
        closing.callback(side.close)
        closing.callback(other_side.close)
        value = value_named(value_name)
        mine, theirs = system.pair(closing)
        child = SPAWN.Process(target=_serve, args=(system, theirs, other_side, value_name, apart), daemon=True)
        child.start()
        closing.callback(_end, child)
        gc.collect()
        plan = Plan(side, value, first)
        try:
            with _watched(child), _on_core(0 if apart else None):
                system.drive(mine, plan)
        except _GivenUp as reason:
            raise MeasurementFailed(f"{system.name}: {reason}") from None
        except (OSError, EOFError, ChannelClosed) as error:
            raise MeasurementFailed(f"{system.name}: {error!r}") from error
        child.join(DEADLINE)
        if child.exitcode != 0:
            raise MeasurementFailed(f"{system.name}: the child has ended with {child.exitcode}")
        return plan.cost


def _serve(system: System, end: Any, side: Connection, value_name: str, apart: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.alarm(round(DEADLINE))
    orders = Orders(side)
    with _on_core(-1 if apart else None):
        system.serve(end, orders)
    if not same(value_named(value_name), orders.last):
        raise MeasurementFailed(f"{system.name}: something else has arrived than was sent")


def _end(child: BaseProcess) -> None:
    if child.is_alive():
        child.kill()
    child.join(DEADLINE)


@contextmanager
def _on_core(number: int | None) -> Iterator[None]:
    """Hold this thread, and those that it starts, to that one of the cores it may use; None: to none."""
    if number is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[number]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class _GivenUp(KeyboardInterrupt):
    """Of that kind, because event loops let no other pass that a signal handler raises."""


@contextmanager
def _watched(child: BaseProcess) -> Iterator[None]:
    """Raise `_GivenUp` in the block, whatever it waits for, once `child` has failed or the deadline is over."""
    deadline = time.monotonic() + DEADLINE

    def look(_number: int, _frame: object) -> None:
        if child.exitcode:
            raise _GivenUp(f"the child has ended with {child.exitcode}")
        if time.monotonic() > deadline:
            raise _GivenUp(f"not done within {DEADLINE:.0f} s")

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
