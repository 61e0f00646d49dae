"""What processes do in the tests of what goes wrong; each tells on standard output how far it is."""

import asyncio
import contextlib
import errno
import hashlib
import json
import multiprocessing
import os
import random
import resource
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from harness import DEADLINE
from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import take_over
from liteyuki.errors import ChannelClosed, NoHandlesLeft
from tests.process.channel_roles import HOUR, inherited, say
from tests.process.numbers import numbered


def fork_copies(how: str) -> None:
    """Fork after the channel is attached; the copy lives on, and tells what it can do with the channel."""
    channel = inherited()
    assert channel.receive(DEADLINE) == "fork"
    if how == "os.fork":
        if not os.fork():
            use_copy(channel)
    else:
        multiprocessing.get_context("fork").Process(target=use_copy, args=(channel,)).start()
    for message in channel:
        channel.send(("parent", message))


def use_copy(channel: Channel[Any]) -> None:
    """In the copy."""
    uses: list[Callable[[], object]] = [
        lambda: channel.send("from the copy"),
        lambda: channel.receive(1.0),
        lambda: channel.call(1, timeout=1.0),
        lambda: asyncio.run(channel.async_receive()),
        lambda: asyncio.run(channel.asend("from the copy")),
        lambda: next(iter(channel)),
        lambda: channel.tell("from the copy"),
    ]
    for use in uses:
        try:
            use()
            say("copy", os.getpid(), "could use it")
        except ChannelClosed as error:
            say("copy", os.getpid(), "says", error.reason)
        except StopIteration:
            say("copy", os.getpid(), "ends")
    channel.close()
    say("copy", os.getpid(), "lives on")
    time.sleep(HOUR)


def fork_beside_loop() -> None:
    """Fork while a loop reads and a thread waits to receive; both go on in the parent."""
    channel = inherited()

    async def body() -> None:
        channel.on_request()(lambda value: ("parent", value))
        assert await channel.request("begin") == "fork"
        if not os.fork():
            try:
                channel.send(1)
            except ChannelClosed as error:
                say("copy", os.getpid(), "says", error.reason)
            os._exit(0)
        await asyncio.to_thread(os.wait)
        channel.send("forked")
        await asyncio.sleep(HOUR)

    asyncio.run(body())


def run_out_of_handles() -> None:
    """Send a channel, and receive one, when the system gives no more handles."""
    channel = inherited()
    with contextlib.suppress(TimeoutError):
        channel.receive(0.0)  # so that this thread has what it waits with
    say("ready")
    assert channel.receive(DEADLINE) == "begin"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    none_left = os.open(os.devnull, os.O_RDONLY) + 1
    resource.setrlimit(resource.RLIMIT_NOFILE, (none_left, hard))
    near = Channel[Any]("near")
    try:
        channel.send(["never", near])
    except NoHandlesLeft as error:
        say("no handles left:", errno.errorcode[error.errno], error)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    channel.send(["now", near])
    say("near got", near.receive(DEADLINE))
    resource.setrlimit(resource.RLIMIT_NOFILE, (none_left, hard))
    channel.send("no more")
    try:
        say("received", channel.receive(DEADLINE))
    except ChannelClosed as error:
        say("receive says", type(error).__name__, error)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    near.send("still alive")
    time.sleep(HOUR)


def say_nothing() -> None:
    """Take the channel's handle, and neither read nor write."""
    assert take_over() is not None
    say("silent")
    time.sleep(HOUR)


def write_garbage(seed: int, after: int) -> None:
    """Send so many numbers, and then bytes that are no frames, through the same handle; then end."""
    (handle,) = (os.dup(handle) for handle in json.loads(os.environ["LITEYUKI_HANDLES"]).values())
    channel = inherited()
    for number in range(after):
        channel.send(numbered(number))
    channel.close()
    os.set_blocking(handle, True)
    chance = random.Random(seed)
    os.write(handle, chance.randbytes(chance.choice([7, 100, 5_000])))


def send_from_threads(threads: int, count: int, has_loop: bool) -> None:
    """Messages of 1 B to 300 KiB from many threads at once, each with a digest."""
    channel = inherited()
    gate = threading.Barrier(threads)

    def send_some(thread: int) -> None:
        chance = random.Random(thread)
        gate.wait(DEADLINE)
        for number in range(count):
            filling = chance.randbytes(int(2 ** (chance.random() * 18.2)))
            channel.send((thread, number, filling, hashlib.md5(filling).hexdigest()))

    started = [threading.Thread(target=send_some, args=(thread,)) for thread in range(threads)]

    def wait_for_all() -> None:
        for thread in started:
            thread.start()
        for thread in started:
            thread.join(DEADLINE)

    async def beside_loop() -> None:
        channel.bind(asyncio.get_running_loop())
        await asyncio.to_thread(wait_for_all)

    if has_loop:
        asyncio.run(beside_loop())
    else:
        wait_for_all()


def send_and_exit(place: str, count: int) -> None:
    """Send, and end at once."""
    channel = inherited()

    async def on_loop() -> None:
        for number in range(count):
            await channel.asend(numbered(number))

    if place == "loop":
        asyncio.run(on_loop())
        return
    for number in range(count):
        channel.send(numbered(number))
    if place == "sys.exit":
        sys.exit(3)
    if place == "error":
        raise RuntimeError("on purpose")


def send_half_of_a_value() -> None:
    """Send what no channel carries, with much around it, between values that are carried."""
    channel = inherited()
    for number in range(50):
        try:
            channel.send([number, bytes(100_000), {"deep": (object(),)}])
        except TypeError as error:
            channel.send((number, str(error)))


def send_without_being_read(count: int) -> None:
    """Send more than a socket holds; nothing is lost yet."""
    channel = inherited()
    for number in range(count):
        channel.send([number, bytes(100_000)], timeout=0)
    say("sent")
    time.sleep(HOUR)
