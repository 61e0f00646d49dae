"""A signal's handler that raises while something is sent, read or received."""

import itertools
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import liteyuki
from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelBroken, ChannelFull
from tests.unit.channel.optioned import with_options
from tests.unit.joined import DEADLINE, Joiner, in_thread

INTERRUPTIONS = 100
OWN_CODE = str(Path(liteyuki.__file__).parent)


class Interrupted(Exception):
    pass


def interrupt(number: int, frame: FrameType | None) -> None:
    raise Interrupted


def test_no_lock_is_left_behind() -> None:
    before = signal.signal(signal.SIGALRM, interrupt)
    give_up_at = time.monotonic() + DEADLINE
    try:
        for _ in range(INTERRUPTIONS):
            assert time.monotonic() < give_up_at
            channel = Channel[int]("talk")
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0005)
                while True:
                    channel.send(1)
            except Interrupted:
                pass
            except ChannelFull:
                signal.setitimer(signal.ITIMER_REAL, 0)
            assert in_thread(partial(channel.lock.acquire, timeout=DEADLINE)).result(DEADLINE)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Interruption:
    """Whether there were as many places as that, and where it was, for whoever reads the test's failure."""

    place = ""

    def __bool__(self) -> bool:
        return bool(self.place)


@contextmanager
def interrupted_at(step: int, interruption: Interruption) -> Iterator[None]:
    """Raise `Interrupted` at a place where Python looks for signals: where a call begins, or one of C has returned."""
    steps = itertools.count()

    def look(frame: FrameType, event: str, argument: object) -> None:
        is_ours = frame.f_code.co_filename.startswith(OWN_CODE)  # not what the garbage collector calls
        if is_ours and event in ("call", "c_return") and next(steps) == step:
            interruption.place = f"{event} {frame.f_code.co_name}:{frame.f_lineno} {argument}"
            raise Interrupted

    sys.setprofile(look)
    try:
        yield
    except (Interrupted, TypeError):
        # The codec's library makes TypeErrors of what is raised within it.
        assert interruption
    finally:
        sys.setprofile(None)


def each_step(joiner: Joiner) -> Iterator[tuple[int, Channel[Any], Channel[Any]]]:
    """Numbers, with two fresh channels each, which have greeted."""
    for step in itertools.count():
        fresh = with_options(joiner)
        main, child = fresh.channels(f"talk-{step}")
        for one, other in (main, child), (child, main):
            one.send("here")
            assert other.receive(DEADLINE) == "here"
        try:
            yield step, main, child
        finally:
            fresh.close()


@pytest.mark.parametrize("value", [["v"], "v", bytes(200_000)], ids=["small", "text", "in pieces"])
def test_what_is_sent_arrives_once_and_in_order_wherever_that_is_interrupted(joiner: Joiner, value: Any) -> None:
    """Whether the value that was being sent itself arrives is open: who sends it does not know either."""
    for step, main, child in each_step(joiner):
        with main.lock:
            for number in range(40):
                main.outbox.add_small(f"{number}", 67)
        was, sent = Interruption(), [f"{number}" for number in range(40)]
        with interrupted_at(step, was):
            main.send(value)
            main.link.flush()
        main.send("end")
        assert main.link.write_out(DEADLINE)
        arrived = list(itertools.takewhile(lambda each: each != "end", iter(partial(child.receive, DEADLINE), None)))
        assert arrived[: len(sent)] == sent
        assert len(arrived[len(sent) :]) in ((0, 1) if was else (1,))
        assert main.stats.queued == 0, was.place
        if not was:
            break
    assert step > 20, "sending has more places than that"


@pytest.mark.parametrize("count", [1, 2, 100])
def test_receiving_loses_no_more_than_the_value_on_its_way_to_who_asked(joiner: Joiner, count: int) -> None:
    """And that one counts as taken: it is in nobody's hands, and comes no second time."""
    for step, main, child in each_step(joiner):
        sent = [f"{number}" for number in range(count)]
        with main.lock:
            for value in sent:
                main.outbox.add_small(value, 67)
            main.link.flush()
        if count > 1:
            with child.lock:
                child.link.read()
        arrived: list[str] = []
        was = Interruption()
        try:
            with interrupted_at(step, was):
                arrived.append(child.receive())
            while len(arrived) < count:
                arrived.append(child.receive(0.05 if was else DEADLINE))
        except (TimeoutError, ChannelBroken):
            assert was
        if child.closed is None:
            assert arrived in (sent, sent[1:]), was.place
            assert main.stats.queued == 0, was.place
        if not was:
            break
    assert step > 20, "receiving has more places than that"


def was_interrupted(main: Channel[str], child: Channel[str], step: int) -> bool:
    """Read what `main` sends, interrupted there: it has come, is still to come, or the channel says what happened."""
    main.send("first")
    assert child.receive(DEADLINE) == "first"
    main.send("second")
    was = Interruption()
    with child.lock, interrupted_at(step, was):
        child.link.read()
    try:
        assert child.receive(DEADLINE) == "second"
        main.send("third")
        assert child.receive(DEADLINE) == "third"
    except ChannelBroken:
        assert was
        assert child.closed is not None
        assert "Interrupted" in child.closed.reason
    return bool(was)


def test_what_is_being_read_is_not_lost_in_silence(joiner: Joiner) -> None:
    for step in itertools.count():
        fresh = with_options(joiner)
        main, child = fresh.channels(f"talk-{step}")
        try:
            if not was_interrupted(main, child, step):
                break
        finally:
            fresh.close()
    assert step > 20, "reading has more places than that"


def test_an_interrupted_look_that_found_nothing_breaks_nothing(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("first")
    assert child.receive(DEADLINE) == "first"
    for step in itertools.count():
        was = Interruption()
        with child.lock, interrupted_at(step, was):
            assert not child.link.read()
        if not was:
            break
        main.send(str(step))
        assert child.receive(DEADLINE) == str(step)
    assert step > 2
