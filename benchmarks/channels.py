"""Channels beside what else connects two Python processes: `python -m benchmarks channels`, or `channels:CASE`.

Every figure counts what the other process has decoded. All systems of a case take turns, round after round, each
time with a fresh child. The table shows the median of the rounds, the slowest and the fastest, and how many times as
fast as the yardstick that is.
"""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from benchmarks.channel_asyncio import PipeOnLoop
from benchmarks.channel_codec import codec_cost, pickle_cost
from benchmarks.channel_codec_floor import PackedOnLoop
from benchmarks.channel_floor import SocketPair, SocketPairInHundreds, SocketPairOnLoop
from benchmarks.channel_liteyuki import (
    ArrayLoopToHandler,
    BlockingRoundTrip,
    LoopRoundTrip,
    LoopToHandler,
    ThreadToHandler,
)
from benchmarks.channel_run import System, measure
from benchmarks.channel_systems import Blocking, FasterFifo, OneWay, Pipe, Queue, RoundTrip, SimpleQueue
from benchmarks.channel_table import MICROSECONDS, NANOSECONDS, PER_SECOND, Case, Measurement, mebibytes, run_case
from benchmarks.channel_values import MEBIBYTE
from benchmarks.channel_zmq import Pyzmq, PyzmqArray, PyzmqLarge, PyzmqOnLoop

__all__ = ["BENCHMARKS"]

Peers = tuple[Blocking, ...]

SMALL: Final = 300
"""How many small messages go before the warm-up."""
IDLE: Final = 199

PEERS: Final[Peers] = (Pipe(), SimpleQueue(), Queue(), Pyzmq(), FasterFifo())


def _measured(value: str, first: int, *systems: System, apart: bool = False) -> dict[str, Measurement]:
    return {system.name: partial(measure, system, value, first, apart=apart) for system in systems}


def _one_way(key: str, title: str, value: str) -> Case:
    systems = _measured(value, SMALL, LoopToHandler(), *map(OneWay, PEERS))
    systems |= _measured(value, SMALL, PackedOnLoop())
    floor = _measured(f"bytes of {value}", SMALL, OneWay(SocketPair()), SocketPairInHundreds(SocketPair()))
    return Case(key, f"one way, {title}", PER_SECOND, systems | floor)


def _from_thread() -> Case:
    systems = _measured("str", SMALL, ThreadToHandler(), OneWay(Pipe()))
    floor = _measured("bytes of str", SMALL, OneWay(SocketPair()))
    return Case("thread", "one way, str, from a thread without a loop", PER_SECOND, systems | floor)


def _round_trip() -> Case:
    systems = _measured("str", SMALL, BlockingRoundTrip(), *map(RoundTrip, PEERS), apart=True)
    floor = _measured("bytes of str", SMALL, RoundTrip(SocketPair("socketpair")), apart=True)
    return Case("round-trip", "round trip, str, blocking", MICROSECONDS, systems | floor)


def _round_trip_on_loops() -> Case:
    on_uvloop = LoopRoundTrip("uvloop", name="liteyuki, uvloop")
    systems = _measured("str", SMALL, LoopRoundTrip(), on_uvloop, PipeOnLoop(), PyzmqOnLoop(), apart=True)
    floors = SocketPairOnLoop(), SocketPairOnLoop("uvloop", "socketpair, uvloop")
    measurements = systems | _measured("bytes of str", SMALL, *floors, apart=True)
    return Case("round-trip", "round trip, str, event loops", MICROSECONDS, measurements, PipeOnLoop.name)


def _large(size: int, rounds: int) -> Case:
    peers: Peers = (Pipe(), SimpleQueue(), Queue(), PyzmqLarge(), _ring_for(size), SocketPair("socketpair"))
    systems = _measured(f"{size} MiB", 1, LoopToHandler(), *map(OneWay, peers))
    return Case("large", f"one way, {size} MiB of bytes", mebibytes(size), systems, rounds=rounds)


def _array() -> Case:
    size = 100
    peers: Peers = (Pipe(), Queue(), PyzmqArray(), _ring_for(size))
    systems = _measured("array", 1, ArrayLoopToHandler(), *map(OneWay, peers))
    floor = _measured(f"{size} MiB", 1, OneWay(SocketPair("socketpair")))
    return Case("array", f"one way, numpy float64 array of {size} MiB", mebibytes(size), systems | floor, rounds=3)


def _ring_for(size: int) -> FasterFifo:
    return FasterFifo(ring_bytes=(2 * size + 16) * MEBIBYTE)


def _codec(title: str, value: str) -> Case:
    codecs: dict[str, Measurement] = {"liteyuki": partial(codec_cost, value), "pickle": partial(pickle_cost, value)}
    return Case("codec", f"codec, {title}", NANOSECONDS, codecs, "pickle")


def _many_channels() -> Case:
    alone, beside = LoopToHandler(name="alone"), LoopToHandler(idle=IDLE, name=f"beside {IDLE} idle ones")
    systems = _measured("str", SMALL, alone, beside)
    return Case(f"{IDLE + 1}-channels", "one way, str, one busy channel", PER_SECOND, systems, alone.name)


CASES: Final = (
    _one_way("str", "str of 34 characters", "str"),
    _one_way("event", "OneBot message event", "event"),
    _from_thread(),
    _round_trip(),
    _round_trip_on_loops(),
    _large(1, rounds=5),
    _large(100, rounds=3),
    _array(),
    _codec("str of 34 characters", "str"),
    _codec("OneBot message event", "event"),
    _codec("tuple of an int and a str", "tuple"),
    _codec("list of ten such", "pairs"),
    _codec("eight tuples in one another", "tuples"),
    _codec("OneBot message event with a tuple", "event with a tuple"),
    _codec("OneBot message event with a datetime", "event with a datetime"),
    _codec("OneBot message event with bytes", "event with bytes"),
    _codec("OneBot message event with a dict of int keys", "event with int keys"),
    _codec("dict of ten int keys", "int keys"),
    _codec("set of ten", "set"),
    _codec("dataclass of three fields under @message", "dataclass"),
    _codec("bytearray of 100", "bytearray"),
    _codec("bytes of 1,000", "bytes"),
    _many_channels(),
)


def _run(cases: Sequence[Case]) -> None:
    failures = [failure for case in cases for failure in run_case(case)]
    if failures:
        sys.exit("\n".join(failures))


def _benchmarks() -> dict[str, Callable[[], None]]:
    keys = dict.fromkeys(case.key for case in CASES)
    by_key = {f"channels:{key}": [case for case in CASES if case.key == key] for key in keys}
    return {"channels": partial(_run, CASES), **{name: partial(_run, cases) for name, cases in by_key.items()}}


BENCHMARKS: Final = _benchmarks()
