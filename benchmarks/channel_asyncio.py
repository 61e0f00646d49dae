"""Round trips between two event loops, by callbacks, and `multiprocessing.Pipe` there."""

import asyncio
import importlib
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks.channel_run import Orders, Plan
from benchmarks.channel_systems import Pipe

__all__ = ["Arrivals", "PipeOnLoop", "RoundTripOnLoop", "run_on_loop"]


def run_on_loop(loop_name: str, main: Coroutine[Any, Any, None]) -> None:
    """Run `main` on a new event loop of `asyncio` or `uvloop`."""
    loop: asyncio.AbstractEventLoop = importlib.import_module(loop_name).new_event_loop()
    task = loop.create_task(main)
    try:
        loop.run_until_complete(task)
    except BaseException:
        task.cancel()
        loop.run_until_complete(asyncio.wait([task]))
        raise
    finally:
        loop.close()


class Arrivals:
    """Counts what arrives on the loop."""

    def __init__(self) -> None:
        self._left = 0
        self._all: asyncio.Future[Any] | None = None

    def expect(self, count: int) -> "asyncio.Future[Any]":
        """Done with the last value when so many have arrived. To be called before the first may come."""
        self._left = count
        self._all = asyncio.get_running_loop().create_future()
        return self._all

    def add(self, value: Any) -> None:
        self._left -= 1
        if self._left == 0 and self._all is not None:
            self._all.set_result(value)


class RoundTripOnLoop:
    """Makes of `connect` the two sides of a round trip."""

    loop: str

    async def connect(self, end: Any, on_value: Callable[[Any], None]) -> Callable[[Any], None]:
        """Call `on_value` with what arrives, from now on; the function that sends."""
        raise NotImplementedError

    def drive(self, end: Any, plan: Plan) -> None:
        run_on_loop(self.loop, self._drive(end, plan))

    def serve(self, end: Any, orders: Orders) -> None:
        run_on_loop(self.loop, self._serve(end, orders))

    async def _drive(self, end: Any, plan: Plan) -> None:
        replies, value = Arrivals(), plan.value
        send = await self.connect(end, replies.add)
        for count in plan:
            durations = []
            for _ in range(count):
                begun = perf_counter()
                reply = replies.expect(1)
                send(value)
                await reply
                durations.append(perf_counter() - begun)
            plan.round_trips(durations)

    async def _serve(self, end: Any, orders: Orders) -> None:
        arrivals = Arrivals()

        def answer(value: Any) -> None:
            send(value)
            arrivals.add(value)

        send = await self.connect(end, answer)
        async for count in orders:
            orders.confirm(await arrivals.expect(count))


@dataclass(frozen=True)
class PipeOnLoop(RoundTripOnLoop):
    """`multiprocessing.Pipe()` with `loop.add_reader`, as one does by hand."""

    loop: str = "asyncio"
    name: str = "Pipe, add_reader"
    packages: tuple[str, ...] = ()

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        return Pipe().pair(closing)

    async def connect(self, end: Any, on_value: Callable[[Any], None]) -> Callable[[Any], None]:
        asyncio.get_running_loop().add_reader(end.fileno(), lambda: on_value(end.recv()))
        send: Callable[[Any], None] = end.send
        return send
