"""A channel whose other side answers from a thread of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelFull, RemoteError
from tests.unit.joined import DEADLINE, in_thread, run, soon


def answered(value: Any) -> Any:
    """What the other side answers: bytes of a length that is asked for, the negative of a number, the rest itself."""
    if isinstance(value, tuple) and value[0] == "bytes":
        return bytes(value[1])
    return -value if isinstance(value, int) else value


@contextlib.contextmanager
def serving(channel: Channel[Any], function: Callable[[Any], Any] = answered) -> Iterator[None]:
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


def fill(main: Channel[Any]) -> None:
    """Ask for what nobody reads, until the system takes no more, and the bound is reached behind it."""

    def ask_on() -> None:
        for _ in range(1000):
            main.tell(bytes(90_000))

    with pytest.raises(ChannelFull):
        ask_on()


def without_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    """Call `ask`, which asks over `main`, on this thread, where no loop runs."""
    ask()


def beside_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    """On a thread beside the loop of `main`."""

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        await soon(in_thread(ask))

    run(body())


def on_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    """On the loop's own thread."""

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        ask()

    run(body())


def after_loop(main: Channel[Any], ask: Callable[[], None]) -> None:
    """On this thread, when the loop of `main` is over."""

    async def body() -> None:
        main.bind(asyncio.get_running_loop())
        with contextlib.suppress(RemoteError):
            await main.request("first", timeout=DEADLINE)

    run(body())
    ask()
