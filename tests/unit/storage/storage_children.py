"""What the child processes of the storage's tests do; each says what it got, as JSON, line by line."""

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from liteyuki.comm import MISSING, attach_channels, shared_memory
from liteyuki.errors import LiteyukiError


def say(value: Any) -> None:
    # In one piece: two threads may speak at once.
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def until_told() -> None:
    """Say that this process is there, and wait for a line on standard input."""
    say("here")
    sys.stdin.readline()


# --- counting


def count(key: str, times: int) -> None:
    until_told()
    say([shared_memory.increment(key) for _ in range(times)])


def count_in_threads(key: str, times: int) -> None:
    """Several threads and no event loop."""
    until_told()
    totals: list[float] = []

    def work() -> None:
        for _ in range(times):
            totals.append(shared_memory.increment(key))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say(totals)


def count_on_a_loop(key: str, times: int) -> None:
    """Several tasks, a thread, and blocking calls on the loop's own thread."""
    until_told()

    totals: list[float] = []

    async def work() -> None:
        for _ in range(times):
            totals.append(await shared_memory.async_increment(key))

    async def body() -> None:
        attach_channels()

        def work_in_thread() -> None:
            for _ in range(times):
                totals.append(shared_memory.increment(key))

        others = asyncio.gather(asyncio.to_thread(work_in_thread), work(), work())
        for _ in range(times):
            await asyncio.sleep(0)
            totals.append(shared_memory.increment(key))
        await others
        say(totals)

    asyncio.run(body())


def swap_up(key: str, times: int) -> None:
    """Add to a dict by comparing and setting; how often that succeeded at once."""
    until_told()
    at_once = 0
    for _ in range(times):
        tries = 0
        while True:
            tries += 1
            held = shared_memory.get(key, MISSING)
            count = 0 if held is MISSING else held["count"]
            if shared_memory.compare_and_set(key, held, {"count": count + 1, "by": {key, "x"}}):
                break
        at_once += tries == 1
    say(at_once)


# --- a history


def act_at_random(seed: int, keys: list[str], times: int) -> None:
    until_told()
    say(random_history(seed, keys, times))


def random_history(seed: int, keys: list[str], times: int) -> list[Any]:
    """Began and ended (ns of the machine's monotonic clock), key, what was called, and what it returned."""
    chance = random.Random(seed)
    history = []
    for _ in range(times):
        key = chance.choice(keys)
        choices: list[tuple[str, list[Any]]] = [
            ("get", []),
            ("get", []),
            ("set", [chance.randrange(3)]),
            ("delete", []),
            ("increment", [1]),
            ("compare_and_set", [chance.choice([MISSING, 0, 1, 2]), chance.randrange(3)]),
        ]
        name, arguments = chance.choice(choices)
        call = getattr(shared_memory, name)
        began = time.monotonic_ns()
        result = call(key, *arguments)
        ended = time.monotonic_ns()
        told = [None if argument is MISSING else argument for argument in arguments]
        history.append([began, ended, key, name, told, result])
    return history


# --- watching


def watch_in_thread(key: str, last: Any) -> None:
    """No event loop at all."""
    with shared_memory.watch(key) as watch:
        for change in watch:
            say([change.key, change.value, change.exists])
            if change.value == last:
                break
    say([str(next(watch, "over"))])


def watch_on_a_loop(key: str, last: Any) -> None:
    async def body() -> None:
        attach_channels()
        with shared_memory.watch(key) as watch:
            async for change in watch:
                say([change.key, change.value, change.exists])
                if change.value == last:
                    break
        say([str(await anext(watch, "over"))])

    asyncio.run(body())


def watch_for_ever(key: str) -> None:
    """In a thread and on a loop, until there is nothing more to watch."""

    def work() -> None:
        for change in shared_memory.watch(key):
            say(["thread", change.value])
        say(["thread", "over"])

    async def body() -> None:
        attach_channels()
        thread = threading.Thread(target=work)
        thread.start()
        async for change in shared_memory.watch(key):
            say(["loop", change.value])
        say(["loop", "over"])
        await asyncio.to_thread(thread.join)
        for call in (lambda: shared_memory.get(key), lambda: shared_memory.publish("a topic", 1)):
            say(_error_of(call))

    asyncio.run(body())


# --- subscribing


def subscribe(topics: list[str], count: int) -> None:
    """As a plugin that is imported does, before any loop runs; until so many have come."""
    got: list[Any] = []
    is_over = threading.Event()

    def take(topic: str, value: Any) -> None:
        got.append([topic, value])
        if len(got) == count:
            is_over.set()

    for topic in topics:
        shared_memory.on_subscriber_receive(topic)(lambda value, topic=topic: take(topic, value))
    until_told()

    async def body() -> None:
        attach_channels()
        await asyncio.to_thread(is_over.wait)

    asyncio.run(body())
    say(got)


def subscribe_and_count(topic: str, key: str) -> None:
    """Count in the storage what comes."""
    shared_memory.on_subscriber_receive(topic)(lambda value: shared_memory.increment(key))
    until_told()

    async def body() -> None:
        attach_channels()
        await asyncio.Event().wait()

    asyncio.run(body())


def publish(topic: str, name: str, count: int) -> None:
    until_told()
    for number in range(count):
        shared_memory.publish(topic, [name, number])
    say("published")


# --- the rest


def report_errors() -> None:
    """What fails in the main process, as it looks here."""
    shared_memory.set("word", "one")
    shared_memory.set("huge", 10**400)
    shared_memory.set("much", bytes(40 << 20))
    calls: list[Callable[[], object]] = [
        lambda: shared_memory.increment("word"),
        lambda: shared_memory.increment("huge", 0.5),
        lambda: shared_memory.set("more", bytes(30 << 20)),
        lambda: shared_memory.set("key", object()),
        lambda: shared_memory.set("key", 1, ttl=0),
        lambda: shared_memory.get(1),  # type: ignore[arg-type]
    ]
    for call in calls:
        say(_error_of(call))


def _error_of(call: Callable[[], object]) -> list[Any]:
    try:
        call()
    except (LiteyukiError, TypeError, ValueError) as error:
        return [type(error).__name__, dict(vars(error)), str(error)]
    return ["nothing was raised"]


def leave_and_die(key: str) -> None:
    """Store, watch and subscribe, and be killed in the middle of it."""
    shared_memory.on_subscriber_receive("news")(say)
    watch = shared_memory.watch(key)
    say(next(watch).value)
    shared_memory.set(key, "left behind")
    say(next(watch).value)
    next(watch)


if __name__ == "__main__":
    globals()[sys.argv[1]](*json.loads(sys.argv[2]))
