"""What the children of the broker tests do: what they are told over their active channel, or a stream of numbers."""

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from harness import DEADLINE, open_handles
from liteyuki.comm import (
    Channel,
    attach_channels,
    get_channel,
    get_channel_async,
    own_process,
    set_channel,
    shared_memory,
)
from liteyuki.comm.broker import OpenChannel
from liteyuki.comm.registry import current_registry
from liteyuki.comm.session import Ack, ChannelOptions
from liteyuki.errors import LiteyukiError
from tests.process.numbers import STREAM_BOUND, Record, number_of, numbered

HOUR = 3600.0


def active() -> Channel[Any]:
    return get_channel(f"{own_process()}-active")


# --- one order after the other


def obey() -> None:
    """In a process without an event loop."""
    for order, *facts in active():
        active().send(_outcome(order, facts))


def obey_in_thread() -> None:
    """In a thread, beside an event loop that reads."""

    async def stay() -> None:
        attach_channels()
        await asyncio.to_thread(obey)

    asyncio.run(stay())


async def obey_on_loop() -> None:
    """On an event loop that nobody has told of any channel."""
    async for order, *facts in active():
        if order in ("get", "receive"):
            active().send(await _outcome_on_loop(order, facts))
        else:
            active().send(_outcome(order, facts))


def _outcome(order: str, facts: list[Any]) -> tuple[str, Any]:
    try:
        return "done", ORDERS[order](*facts)
    except (LiteyukiError, ValueError, TypeError, TimeoutError) as error:
        return "failed", _described(error)


async def _outcome_on_loop(order: str, facts: list[Any]) -> tuple[str, Any]:
    try:
        if order == "get":
            name, timeout = facts
            return "done", _looks(await get_channel_async(name, timeout=timeout))
        name, count = facts
        return "done", [await asyncio.wait_for(get_channel(name).async_receive(), DEADLINE) for _ in range(count)]
    except LiteyukiError as error:
        return "failed", _described(error)


def _described(error: Exception) -> tuple[str, str, list[str]]:
    return type(error).__name__, str(error), [str(name) for name in getattr(error, "known", ())]


def _looks(channel: Channel[Any]) -> tuple[Any, ...]:
    return channel.name, *channel.options


def set_(name: str, to: str | None, options: dict[str, Any]) -> None:
    set_channel(name, Channel[Any](name, **options), to=to)


def set_typed(name: str) -> None:
    set_channel(name, Channel[int](name))


def get(name: str, timeout: float) -> tuple[Any, ...]:
    return _looks(get_channel(name, timeout=timeout))


def send(name: str, values: list[Any]) -> None:
    channel = get_channel(name)
    for value in values:
        channel.send(value)
    # The next order may be to die, and only what the system has is safe then.
    assert channel._connection.write_out(DEADLINE)


def send_unwritten(name: str, values: list[Any]) -> None:
    """To somebody who may not be there."""
    for value in values:
        get_channel(name).send(value)


def receive(name: str, count: int) -> list[Any]:
    return [get_channel(name).receive(DEADLINE) for _ in range(count)]


def receive_marked(name: str, count: int) -> list[tuple[Any, bool]]:
    channel = get_channel(name)
    return [(channel.receive(DEADLINE), channel.redelivered) for _ in range(count)]


def close(name: str) -> None:
    get_channel(name).close()


def set_in_threads(names: list[str]) -> None:
    """All at once."""
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: set_channel(name, Channel(name)), names))


def ask_again(name: str, to: str | None) -> None:
    """As who sets a channel while the offer of an end is on its way."""
    answer = get_channel(f"{own_process()}-passive").ask_in_thread(OpenChannel(name, to, tuple(ChannelOptions())))
    assert answer is None


def set_the_same_twice(name: str) -> None:
    channel = Channel[Any](name)
    for _ in range(2):
        set_channel(name, channel)
    set_channel("another name", channel)
    assert get_channel("another name") is channel
    set_channel("elsewhere", channel, to="b")


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())


ORDERS: dict[str, Callable[..., Any]] = {
    function.__name__.rstrip("_"): function
    for function in (
        set_,
        set_typed,
        get,
        send,
        send_unwritten,
        receive,
        receive_marked,
        close,
        set_in_threads,
        ask_again,
        set_the_same_twice,
        threads,
        open_handles,
    )
}


# --- streams of numbers


def record_numbers(name: str, path: str, to: str | None, ack: Ack, is_set_here: bool) -> None:
    """Write down each number that comes, when it is in hand."""
    generation = current_registry().generation
    if is_set_here:
        set_channel(name, Channel[Any](name, max_queued_bytes=STREAM_BOUND, ack=ack), to=to)
    channel = get_channel(name, timeout=DEADLINE)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for message in channel:
        os.write(file, Record(generation, number_of(message), channel.redelivered).line())


def send_numbers(name: str, to: str | None) -> None:
    """Send numbers until killed, each generation from 0 on."""
    generation = current_registry().generation
    channel = Channel[Any](name)
    set_channel(name, channel, to=to)
    number = 0
    while True:
        channel.send([generation, number])
        number += 1


async def send_numbers_on_loop(name: str, to: str, ack: Ack) -> None:
    channel = Channel[Any](name, max_queued_bytes=STREAM_BOUND, ack=ack)
    set_channel(name, channel, to=to)
    for number in itertools.count():
        await channel.asend(numbered(number))


def set_and_end(name: str) -> None:
    """Send something at the very end."""
    channel = Channel[Any](name)
    set_channel(name, channel)
    channel.send("last words")


def both_set(name: str, to: str, count: int) -> None:
    """Set the same channel as the other side does, send and receive at once; tell what has come."""
    channel = Channel[Any](name)
    time.sleep(float(os.urandom(1)[0]) / 10_000)
    set_channel(name, channel, to=to)
    for number in range(count):
        channel.send(number)
    active().send([channel.receive(DEADLINE) for _ in range(count)])
    time.sleep(HOUR)


def count_up(key: str) -> None:
    """Tell the sum, once for each start."""
    active().send(shared_memory.increment(key))
    time.sleep(HOUR)
