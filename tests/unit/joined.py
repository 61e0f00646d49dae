"""Two channels in one process, joined by a transport as two processes' are."""

import asyncio
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import ormsgpack

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, Transport, pipe_pair
from liteyuki.comm.wire import FrameKind, pack_frame
from liteyuki.comm.wire.frames import PROTOCOL_VERSION

DEADLINE = 30.0
"""Seconds for anything that must happen at all."""

T = TypeVar("T")

_transports: "weakref.WeakKeyDictionary[Channel[Any], Transport]" = weakref.WeakKeyDictionary()
"""What each channel of a joiner was made with."""


def transport_of(channel: Channel[Any]) -> Transport:
    """What a joiner has made `channel` with."""
    return _transports[channel]


def crash(child: Channel[Any], main: Channel[Any] | None = None) -> None:
    """End `child` as a kill does: nothing more is read, sent or finished. `main` learns of it, if given."""
    _transports[child].close()
    child.detach()
    if main is not None:
        main.detach()


class Joiner:
    """Makes channels and transports, and closes all of them in the end."""

    def __init__(self) -> None:
        self._closing = contextlib.ExitStack()
        self._closing_last = contextlib.ExitStack()

    def transports(self) -> tuple[Transport, Transport]:
        """The main process's end and the child's."""
        main, child = map(PipeTransport, pipe_pair())
        self._closing_last.callback(main.close)
        self._closing_last.callback(child.close)
        return main, child

    def channel(self, name: str, transport: Transport | None = None, **options: Any) -> Channel[Any]:
        channel = Channel[Any](name, **options)
        self._closing.callback(close_at_once, channel)
        if transport is not None:
            _transports[channel] = transport
            channel.attach(transport)
        return channel

    def channels(self, name: str = "talk", **options: Any) -> tuple[Channel[Any], Channel[Any]]:
        main, child = self.transports()
        return self.channel(f"{name}-main", main, **options), self.channel(f"{name}-child", child, **options)

    def kept(self, name: str = "talk", **options: Any) -> Channel[Any]:
        """The main process's side of a channel whose child is not there yet."""
        channel = self.channel(f"{name}-main", **options)
        channel.keep_untaken()
        return channel

    def child_of(self, main: Channel[Any], generation: int = 1) -> Channel[Any]:
        """A new child for `main`."""
        ends = self.transports()
        main.attach(ends[0], generation=generation)
        return self.channel(f"child-{generation}", ends[1])

    def against_raw(self, name: str = "talk") -> tuple[Channel[Any], Transport]:
        """A child's channel, and the main process's bare end of it, which has not greeted."""
        main, child = self.transports()
        return self.channel(name, child), main

    def close(self) -> None:
        self._closing.close()
        self._closing_last.close()


def close_at_once(channel: Channel[Any]) -> None:
    """Whatever is left: what is queued for somebody who never reads must not hold a failed test up."""
    with contextlib.suppress(TimeoutError):
        channel.close(timeout=0)


def hello(version: object = PROTOCOL_VERSION) -> bytes:
    return pack_frame(FrameKind.HELLO, 0, ormsgpack.packb({"version": version, "generation": 1}))


def send_raw(transport: Transport, *frames: bytes) -> None:
    for frame in frames:
        transport.queued.append(([frame], ()))
    assert transport.flush()


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run`, within the deadline."""

    async def within() -> T:
        return await asyncio.wait_for(main, DEADLINE * 2)

    return asyncio.run(within())


class InThread(Future[T]):
    """The outcome of a thread, which has ended when the outcome is known: a channel asks whether it has."""

    def __init__(self, function: Callable[[], T]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._function = function
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _work(self) -> None:
        try:
            self.set_result(self._function())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever asks
            self.set_exception(error)

    def result(self, timeout: float | None = None) -> T:
        try:
            return super().result(timeout)
        finally:
            if self.done():
                self.thread.join(DEADLINE)


def in_thread(function: Callable[[], T]) -> InThread[T]:
    """What `function` returns, or raises, on a thread of its own. Ask with `result(DEADLINE)`."""
    return InThread(function)


async def soon(future: InThread[T]) -> T:
    """The result of a thread, awaited on the loop."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), DEADLINE)
    finally:
        if future.done():
            future.thread.join(DEADLINE)


async def until(condition: Callable[[], object], what: str) -> None:
    """Let the loop turn until `condition` holds, for what tells nobody when it happens."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, f"not within {DEADLINE} s: {what}"
        await asyncio.sleep(0.001)


class Arrivals:
    """What handlers got; `until` waits for it to be so many."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._changed = asyncio.Event()

    def add(self, value: Any) -> None:
        self.values.append(value)
        self._changed.set()

    async def until(self, count: int) -> list[Any]:
        while len(self.values) < count:
            self._changed.clear()
            await asyncio.wait_for(self._changed.wait(), DEADLINE)
        return self.values
