"""What encoding and decoding cost by themselves, in one process."""

import pickle
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.channel_values import value_named
from liteyuki.codec import decode, encode_plain

__all__ = ["codec_cost", "pickle_cost"]

_SECONDS: Final = 0.1
_FIRST: Final = 1000


def codec_cost(value_name: str) -> float:
    """Seconds for one `encode_plain` and `decode`, which is what channels do with small messages."""
    return _cost(lambda value: decode(0, encode_plain(value)), value_name)  # type: ignore[arg-type]


def pickle_cost(value_name: str) -> float:
    """Seconds for one `pickle.dumps` and `pickle.loads`, protocol 5."""
    return _cost(lambda value: pickle.loads(pickle.dumps(value, 5)), value_name)


def _cost(there_and_back: Callable[[Any], Any], value_name: str) -> float:
    value = value_named(value_name)
    arrived = there_and_back(value)
    assert arrived == value
    assert type(arrived) is type(value)
    first = _time(there_and_back, value, _FIRST)
    return _time(there_and_back, value, max(_FIRST, round(_SECONDS / first)))


def _time(there_and_back: Callable[[Any], Any], value: Any, count: int) -> float:
    begun = time.perf_counter()
    for _ in range(count):
        there_and_back(value)
    return (time.perf_counter() - begun) / count
