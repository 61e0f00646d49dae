"""A signal's handler that raises while something is sent, read or received."""

import itertools
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import liteyuki
from liteyuki.comm.channel import Channel, receiving
from liteyuki.comm.session import Acks, Run
from liteyuki.errors import ChannelBroken, ChannelFull
from tests.unit.channel.optioned import with_options
from tests.unit.channel.watched import is_free, locked, read_now, time_bursts_by
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
            assert in_thread(partial(is_free, channel)).result(DEADLINE * 2)
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
    except (Interrupted, TypeError, ChannelBroken):
        # The codec's library makes errors of its own of what is raised within it.
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


def _send(main: Channel[Any], child: Channel[Any]) -> None:
    main.send("v")


def _send_in_a_burst(main: Channel[Any], child: Channel[Any]) -> None:
    time_bursts_by(main, lambda: 0.0)
    for _ in range(33):
        main.send(["v"])


def _send_in_pieces(main: Channel[Any], child: Channel[Any]) -> None:
    main.send(bytes(200_000))


def _receive(main: Channel[Any], child: Channel[Any]) -> None:
    main.receive(DEADLINE)


def _tell(main: Channel[Any], child: Channel[Any]) -> None:
    main.tell("v")


@pytest.mark.parametrize(
    "use", [_send, _send_in_a_burst, _send_in_pieces, _receive, _tell], ids=lambda use: use.__name__
)
def test_wherever_it_is_interrupted_others_can_use_the_channel(joiner: Joiner, use: Callable[..., None]) -> None:
    """What was on its way then may be lost, or come twice; who catches such an exception goes on at their own risk."""
    for step, main, child in each_step(joiner):
        if use is _receive:
            child.send("v")
        was = Interruption()
        with interrupted_at(step, was):
            use(main, child)
        assert in_thread(partial(is_free, main)).result(DEADLINE * 2), was.place
        if was and main.closed is None:
            in_thread(partial(main.send, "end")).result(DEADLINE)
        if not was:
            break
    assert step > 5, "there are more places than that"


def was_interrupted(main: Channel[str], child: Channel[str], step: int) -> bool:
    """Read what `main` sends, interrupted there: it has come, is still to come, or the channel says what happened."""
    main.send("first")
    assert child.receive(DEADLINE) == "first"
    main.send("second")
    was = Interruption()
    with locked(child), interrupted_at(step, was):
        read_now(child)
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
    assert step > 10, "reading has more places than that"


def test_an_interrupted_look_that_found_nothing_breaks_nothing(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("first")
    assert child.receive(DEADLINE) == "first"
    for step in itertools.count():
        was = Interruption()
        with locked(child), interrupted_at(step, was):
            assert not read_now(child)
        if not was:
            break
        main.send(str(step))
        assert child.receive(DEADLINE) == str(step)
    assert step > 2


def test_what_is_sent_after_an_interrupted_burst_leaves(joiner: Joiner) -> None:
    """It relies on what the interrupted `send` has begun: that somebody writes all that waits."""
    for step, main, child in each_step(joiner):
        time_bursts_by(main, lambda: 0.0)
        for _ in range(31):
            main.send("before")
        was = Interruption()
        with interrupted_at(step, was):
            main.send("first of the burst")
            main.send("second")
        in_thread(partial(main.send, "end")).result(DEADLINE)
        while child.receive(DEADLINE) != "end":
            pass
        if not was:
            break
    assert step > 5, "there are more places than that"


def greeted(joiner: Joiner) -> tuple[Channel[Any], Channel[Any]]:
    main, child = joiner.channels()
    child.send("here")
    assert main.receive(DEADLINE) == "here"
    return main, child


def test_what_is_being_decoded_comes_again(joiner: Joiner, monkeypatch: pytest.MonkeyPatch) -> None:
    main, child = greeted(joiner)
    for number in range(3):
        main.send([number])

    def interrupted(run: Run, open_end: object) -> None:
        monkeypatch.undo()
        raise Interrupted

    for _ in range(2):
        monkeypatch.setattr(receiving, "unpack_run", interrupted)
        with pytest.raises(Interrupted):
            child.receive(DEADLINE)
    assert [child.receive(DEADLINE) for _ in range(3)] == [[0], [1], [2]]
    assert main.stats.queued == 0


def test_what_is_taken_is_counted_though_a_signal_comes_then(joiner: Joiner, monkeypatch: pytest.MonkeyPatch) -> None:
    main, child = greeted(joiner)

    def interrupted(acks: Acks) -> bool:
        monkeypatch.undo()
        raise Interrupted

    for value in "lost", "next":
        main.send(value)
    monkeypatch.setattr(Acks, "show_taken", interrupted)
    with pytest.raises(Interrupted):
        child.receive(DEADLINE)
    assert child.receive(DEADLINE) == "next"
    assert (main.stats.queued, child.stats.received) == (0, 2)
