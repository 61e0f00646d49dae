"""What the processes of the channel tests do; each tells on standard output how far it is."""

import asyncio
import importlib
import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, take_over
from liteyuki.errors import ChannelFull
from liteyuki.log import configure
from tests.process.numbers import STREAM_BOUND, Record, number_of, numbered
from tests.process.peers import CHANNEL

HOUR = 3600.0


def main() -> None:
    """Play the role that the command line names."""
    configure()
    module, role, *facts = sys.argv[1:]
    getattr(importlib.import_module(module), role)(*map(json.loads, facts))


def inherited(**options: Any) -> Channel[Any]:
    """The channel that this process was given, with these options."""
    return inherited_by_generation(**options)[0]


def inherited_by_generation(**options: Any) -> tuple[Channel[Any], int]:
    """The same, and the how-manieth process has got it."""
    inheritance = take_over()
    assert inheritance is not None
    channel = Channel[Any](CHANNEL, **options)
    end = socket.socket(fileno=inheritance.handles[CHANNEL])
    channel.attach(PipeTransport(end), generation=inheritance.generation)
    return channel, inheritance.generation


def say(*words: object) -> None:
    print(*words, flush=True)


# --- memory


def read_and_never_take() -> None:
    """Let a loop read, and receive nothing."""
    channel = inherited()

    async def body() -> None:
        channel.on_request()(lambda value: value)
        say("ready")
        await asyncio.sleep(HOUR)

    asyncio.run(body())


def never_read() -> None:
    channel = inherited()
    say("ready")
    time.sleep(HOUR)
    channel.close()


def produce(place: str, kind: str, count: int) -> None:
    """Send `count` times, as fast as it goes, to whoever takes nothing."""
    channel = inherited()
    values: dict[str, Callable[[int], Any]] = {
        "bytes": lambda number: number.to_bytes(100, "big"),
        "tuple": lambda number: (number,),
        "large": lambda number: number.to_bytes(100_000, "big"),
    }
    make = values[kind]

    def send_all() -> None:
        refused = 0
        for number in range(count):
            try:
                channel.send(make(number), timeout=0)
            except ChannelFull:
                refused += 1
        say("refused", refused, "queued", channel.stats.queued_bytes)

    async def on_loop() -> None:
        send_all()
        await asyncio.sleep(HOUR)

    async def beside_loop() -> None:
        channel.bind(asyncio.get_running_loop())
        await asyncio.to_thread(send_all)
        await asyncio.sleep(HOUR)

    say("ready")
    if place == "thread":
        send_all()
        time.sleep(HOUR)
    asyncio.run(on_loop() if place == "loop" else beside_loop())


# --- kills


def stream(style: str, ack: str, path: str) -> None:
    """Record every number that comes, and send numbers from where the other side says."""
    channel, generation = inherited_by_generation(ack=ack, max_queued_bytes=STREAM_BOUND)
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def record(message: Any) -> None:
        os.write(file, Record(generation, number_of(message), channel.redelivered).line())

    if style == "threads":
        threading.Thread(target=_send_numbers, args=(channel,), daemon=True).start()
        for message in channel:
            record(message)
    asyncio.run(_stream_on_loop(channel, style, record, generation))


def _send_numbers(channel: Channel[Any]) -> None:
    for number in itertools.count(channel.call("next")):
        channel.send(numbered(number))


async def _stream_on_loop(channel: Channel[Any], style: str, record: Callable[[Any], None], generation: int) -> None:
    async def record_later(message: Any) -> None:
        await asyncio.sleep(number_of(message) % 5 / 1000)
        record(message)

    channel.on_request()(lambda value: (value, generation))
    channel.on_receive()(record_later if style == "coroutines" else record)
    for number in itertools.count(await channel.request("next")):
        await channel.asend(numbered(number))
