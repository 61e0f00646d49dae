"""What each call on `shared_memory` asks of the owner and makes of the answer, with no I/O.

A call is a generator: it yields requests, is sent their answers, and returns what the caller wants. So the blocking
and the asynchronous form of each are the same code, and values are taken apart and rebuilt where their classes are.
"""

import enum
import sys
from collections.abc import Generator
from typing import Any, Final, TypeVar

import ormsgpack

from liteyuki.codec import CodecError, UnknownMessage, decode, encode, entry_of
from liteyuki.comm.storage.messages import (
    Publication,
    StorageCompareAndSet,
    StorageDelete,
    StorageGet,
    StorageGetAll,
    StorageIncrement,
    StorageOperation,
    StorageSet,
)
from liteyuki.comm.storage.store import Encoded
from liteyuki.errors import UnreadableValue
from liteyuki.locale import text

__all__ = [
    "MISSING",
    "Call",
    "Missing",
    "checked_name",
    "compare_and_set",
    "delete",
    "get",
    "get_all",
    "increment",
    "publish",
    "readable",
    "set_value",
]

T = TypeVar("T")
Call = Generator[StorageOperation | Publication, Any, T]


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"


MISSING: Final = Missing.MISSING
"""No value: what `compare_and_set` expects of a key that must not be there, or puts where one must go."""


def get(key: str, default: Any) -> Call[Any]:
    value = yield StorageGet(checked_name(key))
    return default if value is None else readable(key, value)


def set_value(key: str, value: object, ttl: float | None) -> Call[None]:
    yield StorageSet(checked_name(key), encode(value), _checked_ttl(ttl))


def delete(key: str) -> Call[bool]:
    was_there: bool = yield StorageDelete(checked_name(key))
    return was_there


def get_all() -> Call[dict[str, Any]]:
    values: dict[str, Encoded] = yield StorageGetAll()
    return {key: readable(key, value) for key, value in values.items()}


def increment(key: str, by: int | float) -> Call[int | float]:
    if type(by) is not int and type(by) is not float:
        raise TypeError(text("storage.bad_increment", type=type(by).__qualname__))
    total: int | float = yield StorageIncrement(checked_name(key), by)
    return total


def compare_and_set(key: str, expected: object, new: object, ttl: float | None) -> Call[bool]:
    """The owner compares bytes. If those are others for the same value, this asks again with the owner's own."""
    wanted = _encoded(expected)
    request = StorageCompareAndSet(checked_name(key), wanted, _encoded(new), _checked_ttl(ttl))
    while True:
        was_there, present = yield request
        if was_there:
            return True
        if wanted is None or present is None or not _are_same(present, wanted):
            return False
        request = StorageCompareAndSet(key, present, request.new, request.ttl)


def publish(topic: str, value: object) -> Call[None]:
    yield Publication(checked_name(topic), encode(value))


def checked_name(name: str) -> str:
    """A key or a topic. Raises `TypeError` for anything but a `str` that channels carry."""
    if type(name) is not str:
        raise TypeError(text("storage.bad_name", type=type(name).__qualname__))
    encode(name)
    return name


def readable(key: str, value: Encoded) -> Any:
    """A fresh value. Raises `UnreadableValue` if it cannot be rebuilt in this process."""
    try:
        return decode(*value)
    except CodecError as error:
        raise UnreadableValue(key, str(error)) from error


def _checked_ttl(ttl: float | None) -> float | None:
    if ttl is None:
        return None
    if type(ttl) is not int and type(ttl) is not float:
        raise TypeError(text("storage.bad_ttl", ttl=repr(ttl)))
    if not 0 < ttl <= sys.float_info.max:
        raise ValueError(text("storage.bad_ttl", ttl=repr(ttl)))
    return float(ttl)


def _encoded(value: object) -> Encoded | None:
    return None if value is MISSING else encode(value)


def _are_same(one: Encoded, other: Encoded) -> bool:
    try:
        return _canonical(decode(*one)) == _canonical(decode(*other))
    except CodecError:
        return False  # what cannot be rebuilt here is nothing that this process can expect


def _canonical(value: Any) -> bytes:
    """The same bytes for the same value of the same types, in whatever order a dict or a set holds it.

    Not `==`: NaN would never be the same, nor would an instance of a class without `__eq__`, so no `compare_and_set`
    of such a value could ever succeed; and 1, 1.0 and True would be.
    """
    kind = type(value)
    if kind is dict:
        parts = sorted(_canonical(key) + _canonical(item) for key, item in value.items())
    elif kind is set or kind is frozenset:
        parts = sorted(map(_canonical, value))
    elif kind is list or kind is tuple:
        parts = [_canonical(item) for item in value]
    elif kind is UnknownMessage:
        parts = [value.name.encode(), _canonical(value.fields)]
    elif (entry := entry_of(kind)) is not None:
        parts = [entry.name.encode(), _canonical(entry.take_apart(value))]
    else:
        return ormsgpack.packb(list(encode(value)))
    return ormsgpack.packb([kind.__qualname__, parts])
