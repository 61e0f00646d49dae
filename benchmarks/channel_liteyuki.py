"""Channels as the core makes them: the driving end is the main process's, the serving one is a child's."""

import asyncio
import os
import socket
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from benchmarks.channel_asyncio import Arrivals, run_on_loop
from benchmarks.channel_numpy import register_numpy
from benchmarks.channel_run import Orders, Plan
from liteyuki.comm.channel import Channel
from liteyuki.comm.registry import get_channels
from liteyuki.comm.transport import PipeTransport, offer, pipe_pair

__all__ = ["ArrayLoopToHandler", "BlockingRoundTrip", "LoopRoundTrip", "LoopToHandler", "ThreadToHandler"]

BUSY: Final = "busy"

Ends = dict[str, socket.socket]


def make_channels(names: list[str], closing: ExitStack) -> tuple[dict[str, Channel[Any]], Ends]:
    """The main process's channels, attached, and what a child takes them over from with `take_over_channels`."""
    channels, ends = {}, {}
    for name in names:
        mine, ends[name] = pipe_pair()
        closing.enter_context(ends[name])
        channels[name] = Channel[Any](name)
        channels[name].keep_untaken()
        channels[name].attach(PipeTransport(mine), generation=1)
        closing.callback(channels[name].detach)
    return channels, ends


def take_over_channels(ends: Ends) -> dict[str, Channel[Any]]:
    """In the child: its channels, as a plugin gets them."""
    os.environ.update(offer("benchmark", 1, ends))
    return get_channels()


@dataclass(frozen=True)
class _Liteyuki:
    loop: str = "asyncio"
    idle: int = 0
    """How many channels are attached beside the one that is measured."""
    name: str = "liteyuki"

    @property
    def packages(self) -> tuple[str, ...]:
        return () if self.loop == "asyncio" else (self.loop,)

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        return make_channels([BUSY, *(f"idle-{number}" for number in range(self.idle))], closing)


class LoopToHandler(_Liteyuki):
    """One way, from a coroutine to an `on_receive` handler, a plain function."""

    def drive(self, end: dict[str, Channel[Any]], plan: Plan) -> None:
        run_on_loop(self.loop, self._drive(end, plan))

    def serve(self, end: Ends, orders: Orders) -> None:
        run_on_loop(self.loop, self._serve(end, orders))

    async def _drive(self, channels: dict[str, Channel[Any]], plan: Plan) -> None:
        for channel in channels.values():
            channel.bind(asyncio.get_running_loop())
        asend, value = channels[BUSY].asend, plan.value
        for count in plan:
            for _ in range(count):
                await asend(value)
            await plan.async_wait()

    async def _serve(self, ends: Ends, orders: Orders) -> None:
        arrivals = Arrivals()
        for channel in take_over_channels(ends).values():
            channel.on_receive()(arrivals.add)
        async for count in orders:
            orders.confirm(await arrivals.expect(count))


class ThreadToHandler(LoopToHandler):
    """The same, from a process without an event loop."""

    def drive(self, end: dict[str, Channel[Any]], plan: Plan) -> None:
        send, value = end[BUSY].send, plan.value
        for count in plan:
            for _ in range(count):
                send(value)
            plan.wait()


class ArrayLoopToHandler(LoopToHandler):
    """`LoopToHandler` for numpy arrays."""

    def drive(self, end: dict[str, Channel[Any]], plan: Plan) -> None:
        register_numpy()
        super().drive(end, plan)

    def serve(self, end: Ends, orders: Orders) -> None:
        register_numpy()
        super().serve(end, orders)


class BlockingRoundTrip(_Liteyuki):
    """`send` and `receive` at both ends, without an event loop."""

    def drive(self, end: dict[str, Channel[Any]], plan: Plan) -> None:
        channel, value = end[BUSY], plan.value
        for count in plan:
            durations = []
            for _ in range(count):
                begun = perf_counter()
                channel.send(value)
                channel.receive()
                durations.append(perf_counter() - begun)
            plan.round_trips(durations)

    def serve(self, end: Ends, orders: Orders) -> None:
        channel = take_over_channels(end)[BUSY]
        for count in orders:
            for _ in range(count):
                value = channel.receive()
                channel.send(value)
            orders.confirm(value)


class LoopRoundTrip(_Liteyuki):
    """`send` and `async_receive` here, a handler that answers with `send` there."""

    def drive(self, end: dict[str, Channel[Any]], plan: Plan) -> None:
        run_on_loop(self.loop, self._drive(end[BUSY], plan))

    def serve(self, end: Ends, orders: Orders) -> None:
        run_on_loop(self.loop, self._serve(end, orders))

    async def _drive(self, channel: Channel[Any], plan: Plan) -> None:
        value = plan.value
        for count in plan:
            durations = []
            for _ in range(count):
                begun = perf_counter()
                channel.send(value)
                await channel.async_receive()
                durations.append(perf_counter() - begun)
            plan.round_trips(durations)

    async def _serve(self, ends: Ends, orders: Orders) -> None:
        channel = take_over_channels(ends)[BUSY]
        arrivals = Arrivals()

        @channel.on_receive()
        def answer(value: Any) -> None:
            channel.send(value)
            arrivals.add(value)

        async for count in orders:
            orders.confirm(await arrivals.expect(count))
