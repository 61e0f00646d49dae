"""`python -m benchmarks trip [--files] [--lines]`: how many Python functions are called on one trip, in how many files.

Counted are the calls of functions that are written in this project's `liteyuki` package, of both sides where both are
in this process, and of all threads; a coroutine counts again each time it goes on. Beside them stand the calls
outside of it: asyncio, loguru, generated `__init__`s. Functions written in C are not counted. Each trip is made
several times, after a warm-up, and the one in the middle is shown.

A trip ends where what it is for has happened and whoever waits for that goes on; what is tidied up later is not in it.
"""

import argparse
import asyncio
import io
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any, Final

import liteyuki
from liteyuki.comm import Channel
from liteyuki.comm.registry import replaced_registry
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.supervise.events import Event, EventKind
from liteyuki.supervise.output import Console
from liteyuki.supervise.spec import Backoff, ProcessSpec, Program, ProgramKind
from liteyuki.supervise.supervisor import Supervisor

__all__ = ["BENCHMARKS", "main", "wait_for_the_end"]

PACKAGE: Final = str(Path(liteyuki.__file__).parent) + os.sep
WARM_UP: Final = 200
TIMES: Final = 21
DEATHS: Final = 5
MESSAGE: Final = {"id": 1, "text": "hello", "tags": ["a", "b"]}
DEADLINE: Final = 60.0


@dataclass
class Trip:
    """What was called on one, in order."""

    name: str
    called: list[CodeType] = field(default_factory=list)

    @property
    def own(self) -> list[CodeType]:
        return [code for code in self.called if code.co_filename.startswith(PACKAGE)]

    @property
    def files(self) -> Counter[str]:
        """How many calls in each file, in the order in which they are first come to."""
        return Counter(code.co_filename.removeprefix(PACKAGE) for code in self.own)


class Counting:
    """Notes what is called, in the thread that calls `install`, and in every one that begins after it."""

    def __init__(self) -> None:
        self._called: list[CodeType] | None = None

    def install(self) -> None:
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def remove(self) -> None:
        sys.setprofile(None)
        threading.setprofile(None)

    def begin(self) -> None:
        self._called = []

    def end(self, name: str) -> Trip:
        called, self._called = self._called, None
        assert called is not None, "a trip ends that has not begun"
        return Trip(name, called)

    def _note(self, frame: Any, event: str, argument: object) -> None:
        if event == "call" and self._called is not None:
            self._called.append(frame.f_code)


def _middle(trips: Sequence[Trip]) -> Trip:
    return sorted(trips, key=lambda trip: len(trip.own))[len(trips) // 2]


# --- between two channels


@asynccontextmanager
async def _joined() -> AsyncIterator[tuple[Channel[Any], Channel[Any]]]:
    main, child = Channel[Any]("trip-main"), Channel[Any]("trip-child")
    for channel, end in zip((main, child), pipe_pair(), strict=True):
        channel.attach(PipeTransport(end))
    try:
        yield main, child
    finally:
        await asyncio.gather(main.aclose(), child.aclose())


async def _message(counting: Counting) -> list[Trip]:
    """From `send` until an asynchronous handler on the other side has run."""
    loop, trips = asyncio.get_running_loop(), []
    async with _joined() as (main, child):
        arrived: asyncio.Future[None] = loop.create_future()

        @child.on_receive()
        async def handle(value: object) -> None:
            arrived.set_result(None)

        for _ in range(WARM_UP + TIMES):
            arrived = loop.create_future()
            counting.begin()
            main.send(MESSAGE)
            await arrived
            trips.append(counting.end("a message, from `send` to a handler"))
    return trips[WARM_UP:]


async def _request(counting: Counting) -> list[Trip]:
    """From `request` until its answer is there, by way of a handler that just returns it."""
    trips = []
    async with _joined() as (main, child):

        @child.on_request()
        def answer(value: object) -> object:
            return value

        for _ in range(WARM_UP + TIMES):
            counting.begin()
            answered = await main.request(MESSAGE, timeout=DEADLINE)
            trips.append(counting.end("a request and its answer"))
            assert answered == MESSAGE
    return trips[WARM_UP:]


# --- from one child to the next


def wait_for_the_end() -> None:
    """What the child runs."""
    time.sleep(3600)


async def _death(counting: Counting) -> list[Trip]:
    """From the kill of a child until its successor is ready; in the main process alone."""
    ready: asyncio.Queue[tuple[Trip | None, int]] = asyncio.Queue()
    is_counting = False

    def hear(event: Event) -> None:
        if event.kind is EventKind.READY:
            assert event.pid is not None
            trip = counting.end("a child's exit, to its successor being ready") if is_counting else None
            ready.put_nowait((trip, event.pid))

    program = Program(ProgramKind.TARGET, (f"{__name__}:{wait_for_the_end.__name__}",))
    # Every death is a first one, after which a process is started again at once.
    spec = ProcessSpec(name="child", program=program, cwd=Path.cwd(), backoff=Backoff(reset_after=0.0))
    trips = []
    with replaced_registry(), tempfile.TemporaryFile() as output, redirect_stdout(io.StringIO()):  # away with the log
        console = Console(output.fileno())
        console.bind(asyncio.get_running_loop())
        supervisor = Supervisor({"child": spec}, environment=dict(os.environ), console=console, listener=hear)
        await supervisor.start()
        try:
            _, pid = await asyncio.wait_for(ready.get(), DEADLINE)
            for _ in range(DEATHS):
                is_counting = True
                counting.begin()
                os.kill(pid, signal.SIGKILL)
                trip, pid = await asyncio.wait_for(ready.get(), DEADLINE)
                assert trip is not None
                trips.append(trip)
        finally:
            await supervisor.stop()
            console.close()
    return trips


def measured() -> list[Trip]:
    """Every trip, once each."""
    counting = Counting()
    counting.install()
    try:
        return [_middle(asyncio.run(trips(counting))) for trips in (_message, _request, _death)]
    finally:
        counting.remove()


# --- what is printed


def _table(trips: Sequence[Trip]) -> None:
    print(f"{'trip':<48} {'Python calls':>12} {'files':>6} {'calls outside':>14}")
    for trip in trips:
        outside = len(trip.called) - len(trip.own)
        print(f"{trip.name:<48} {len(trip.own):>12} {len(trip.files):>6} {outside:>14}", flush=True)


def _print_files(trip: Trip) -> None:
    print(f"\n{trip.name}: calls in each file, in the order of the first")
    for file, calls in trip.files.items():
        print(f"{calls:>6} {file}")


def _print_lines(trip: Trip) -> None:
    print(f"\n{trip.name}: every call")
    for code in trip.own:
        print(f"  {code.co_filename.removeprefix(PACKAGE)}:{code.co_firstlineno} {code.co_name}")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks trip", description="Python calls and files per trip")
    parser.add_argument("--files", action="store_true", help="the files of each trip, with the calls in each")
    parser.add_argument("--lines", action="store_true", help="every call of each trip, in order")
    options = parser.parse_args(arguments)
    trips = measured()
    _table(trips)
    for trip in trips:
        if options.files:
            _print_files(trip)
        if options.lines:
            _print_lines(trip)
    return 0


BENCHMARKS: Final[dict[str, Callable[[], None]]] = {"trip": lambda: _table(measured())}
