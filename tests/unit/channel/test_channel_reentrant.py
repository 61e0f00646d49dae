"""Finalizers and signals' handlers that use a channel in the middle of its work, on the same thread."""

import contextlib
import gc
import itertools
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import ormsgpack
import pytest

import liteyuki
from liteyuki.comm.channel import Channel
from liteyuki.comm.session import TEXT_HEAD_BYTES
from liteyuki.errors import ChannelBusy, ChannelFull
from tests.unit.channel.optioned import with_options
from tests.unit.channel.watched import time_bursts_by
from tests.unit.joined import DEADLINE, Joiner, in_thread, transport_of

MESSAGES = 20_000
BOUND = 1000
OWN_CODE = str(Path(liteyuki.__file__).parent)


class SaysGoodbye:
    """Sends when the garbage collector finds it, which may be in the middle of another `send`."""

    sent = 0

    def __init__(self, channel: Channel[Any]) -> None:
        self.itself = self
        self.channel = channel

    def __del__(self) -> None:
        SaysGoodbye.sent += 1
        self.channel.send(f"goodbye {SaysGoodbye.sent}")


@pytest.fixture
def eager_collector() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.set_threshold(20)
    yield
    gc.set_threshold(*before)


def test_finalizers_that_send_lose_and_double_nothing(joiner: Joiner, eager_collector: None) -> None:
    main, child = joiner.channels()
    SaysGoodbye.sent = 0

    def receive_all() -> list[Any]:
        return list(child)

    receiving = in_thread(receive_all)
    for number in range(MESSAGES):
        if number % 9 == 0:
            SaysGoodbye(main)
        main.send([number], timeout=DEADLINE)
    give_up_at = time.monotonic() + DEADLINE
    while SaysGoodbye.sent < len(range(0, MESSAGES, 9)):
        assert time.monotonic() < give_up_at
        gc.collect()  # does nothing while it runs on the other thread
    main.close()
    arrived = receiving.result(DEADLINE)
    assert [value for value in arrived if type(value) is list] == [[number] for number in range(MESSAGES)]
    goodbyes = [value for value in arrived if type(value) is str]
    assert sorted(goodbyes) == sorted(f"goodbye {number}" for number in range(1, SaysGoodbye.sent + 1))


@pytest.fixture
def on_signal() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Lets a function run in the middle of what this thread does, when SIGUSR1 comes."""
    before = signal.getsignal(signal.SIGUSR1)

    def let_run(function: Callable[[], None]) -> None:
        def handler(number: int, frame: FrameType | None) -> None:
            function()

        signal.signal(signal.SIGUSR1, handler)

    yield let_run
    signal.signal(signal.SIGUSR1, before)


def test_nobody_waits_for_what_has_been_interrupted_for_it(
    joiner: Joiner, on_signal: Callable[[Callable[[], None]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    main, child = with_options(joiner, max_queued_bytes=BOUND).channels()
    told: list[type[Exception]] = []

    def use() -> None:
        for use_it in lambda: main.send(bytes(BOUND)), lambda: main.call("anybody?"):
            try:
                use_it()
            except (ChannelBusy, ChannelFull) as error:
                told.append(type(error))

    on_signal(use)
    transport = transport_of(main)
    flush = transport.flush

    def interrupted_flush() -> bool:
        monkeypatch.setattr(transport, "flush", flush)
        os.kill(os.getpid(), signal.SIGUSR1)
        return flush()

    monkeypatch.setattr(transport, "flush", interrupted_flush)
    main.send("first")
    assert told == [ChannelBusy, ChannelBusy]
    assert child.receive(DEADLINE) == "first"
    main.send("second")
    assert child.receive(DEADLINE) == "second"


@contextlib.contextmanager
def calling_at(step: int, function: Callable[[], None]) -> Iterator[list[str]]:
    """Call `function` at a place where Python runs finalizers and signals' handlers; the places that it was at."""
    places: list[str] = []
    steps = itertools.count()

    def look(frame: FrameType, event: str, argument: object) -> None:
        is_ours = frame.f_code.co_filename.startswith(OWN_CODE)
        if is_ours and event in ("call", "c_return") and next(steps) == step:
            places.append(f"{event} {frame.f_code.co_name}:{frame.f_lineno}")
            function()

    sys.setprofile(look)
    try:
        yield places
    finally:
        sys.setprofile(None)


def test_wherever_somebody_sends_in_the_middle_of_a_burst_all_leaves_and_is_counted(joiner: Joiner) -> None:
    for step in itertools.count():
        fresh = with_options(joiner)
        main, child = fresh.channels(f"talk-{step}")
        child.send("here")
        assert main.receive(DEADLINE) == "here"
        time_bursts_by(main, lambda: 0.0)
        sent: list[Any] = []

        def send(*values: Any, main: Channel[Any] = main, sent: list[Any] = sent) -> None:
            for value in values:
                sent.append(value)
                main.send(value)

        send(*map(str, range(31)))
        with calling_at(step, partial(send, bytes(60_000), bytes(6_000))) as places:  # which ends with a write
            send("first of the burst", "second", "third")
        arrived = [child.receive(DEADLINE) for _ in sent]
        send("end")
        arrived.append(child.receive(DEADLINE))
        assert sorted(map(repr, arrived)) == sorted(map(repr, sent)), places
        stats = main.stats
        assert (stats.queued, stats.queued_bytes) == (0, 0), places
        assert (stats.sent, stats.sent_bytes) == (len(sent), sum(map(length_bytes, sent))), places
        fresh.close()
        if not places:
            break
    assert step > 5, "there are more places than that"


def length_bytes(value: str | bytes) -> int:
    """As the figures have it: text counts before it is encoded."""
    return len(value) + TEXT_HEAD_BYTES if isinstance(value, str) else len(ormsgpack.packb(value))
