"""A signal's handler that raises while something is sent, or read."""

import itertools
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType

import liteyuki
from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelBroken, ChannelFull
from tests.unit.joined import DEADLINE, Joiner, in_thread
from tests.unit.optioned import with_options

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


@contextmanager
def interrupted_at(step: int) -> Iterator[None]:
    """Raise `Interrupted` at a place where Python looks for signals: where a call begins, or one of C has returned.

    Whether there were so many places tells whether it is raised.
    """
    steps = itertools.count()

    def look(frame: FrameType, event: str, argument: object) -> None:
        is_ours = frame.f_code.co_filename.startswith(OWN_CODE)  # not what the garbage collector calls
        if is_ours and event in ("call", "c_return") and next(steps) == step:
            raise Interrupted

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def was_interrupted(main: Channel[str], child: Channel[str], step: int) -> bool:
    """Read what `main` sends, interrupted there: it has come, is still to come, or the channel says what happened."""
    main.send("first")
    assert child.receive(DEADLINE) == "first"
    main.send("second")
    was = False
    try:
        with child.lock, interrupted_at(step):
            child.link.read()
    except Interrupted:
        was = True
    try:
        assert child.receive(DEADLINE) == "second"
        main.send("third")
        assert child.receive(DEADLINE) == "third"
    except ChannelBroken:
        assert was
        assert child.closed is not None
        assert "Interrupted" in child.closed.reason
    return was


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
        try:
            with child.lock, interrupted_at(step):
                assert not child.link.read()
            break
        except Interrupted:
            main.send(str(step))
            assert child.receive(DEADLINE) == str(step)
    assert step > 2
