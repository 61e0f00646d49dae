"""A signal's handler that raises while something is sent."""

import signal
import time
from functools import partial
from types import FrameType

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelFull
from tests.unit.joined import DEADLINE, in_thread

INTERRUPTIONS = 100


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
