"""The values that the channel benchmarks send, by name: each process makes its own."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from typing import Any, Final

from liteyuki.codec import encode, message

__all__ = ["MEBIBYTE", "packages_of", "same", "value_named"]

MEBIBYTE: Final = 1024 * 1024
_LARGE_BYTES: Final = 100 * MEBIBYTE

# A page that was never written would be read faster than one that holds data.
_PATTERN: Final = bytes(range(256))

_EVENT: Final[dict[str, Any]] = {
    "time": 1722470400,
    "self_id": 10001000,
    "post_type": "message",
    "message_type": "private",
    "sub_type": "friend",
    "message_id": -2147483001,
    "user_id": 20002000,
    "message": [{"type": "text", "data": {"text": "轻雪 status"}}],
    "raw_message": "轻雪 status",
    "font": 0,
    "sender": {"user_id": 20002000, "nickname": "雪"},
}


@message(name="benchmarks.Order")
@dataclass
class _Order:
    table: int
    guest: str
    wants: list[str]


def _array() -> Any:
    return importlib.import_module("numpy").arange(_LARGE_BYTES // 8, dtype="float64")


def _bytes_of(name: str) -> bytes:
    _, payload = encode(value_named(name))
    return payload


_VALUES: Final[dict[str, Callable[[], Any]]] = {
    "str": lambda: "a message of thirty-four letters..",
    "event": lambda: _EVENT,
    "tuple": lambda: (1, "a"),
    "pairs": lambda: [(number, "letters") for number in range(10)],
    "tuples": lambda: (1, ("two", (3.0, (None, ("five", (6, (True, (b"eight",)))))))),
    "event with a tuple": lambda: {**_EVENT, "position": (1, "a")},
    "event with a datetime": lambda: {**_EVENT, "at": datetime(2026, 8, 1, 12, 30, tzinfo=timezone.utc)},
    "event with bytes": lambda: {**_EVENT, "image": _PATTERN * 4},
    "event with int keys": lambda: {**_EVENT, "levels": {20002000: 7}},
    "int keys": lambda: dict.fromkeys(range(10), "letters"),
    "set": lambda: set(range(10)),
    "dataclass": lambda: _Order(4, "雪", ["tea"]),
    "bytearray": lambda: bytearray(100),
    "bytes": lambda: _PATTERN[:250] * 4,
    "1 MiB": lambda: _PATTERN * (MEBIBYTE // len(_PATTERN)),
    "100 MiB": lambda: _PATTERN * (_LARGE_BYTES // len(_PATTERN)),
    "array": _array,
    "bytes of str": lambda: _bytes_of("str"),
    "bytes of event": lambda: _bytes_of("event"),
}


def packages_of(name: str) -> tuple[str, ...]:
    """What must be installed for the value of that name."""
    return ("numpy",) if name == "array" else ()


@cache
def value_named(name: str) -> Any:
    """The value of that name, made once per process."""
    return _VALUES[name]()


def same(one: Any, other: Any) -> bool:
    """Whether both are equal, arrays too."""
    if hasattr(one, "dtype"):
        return bool(one.dtype == other.dtype and one.shape == other.shape and (one == other).all())
    return bool(one == other)
