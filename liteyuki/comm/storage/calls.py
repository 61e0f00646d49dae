"""What each call on `shared_memory` asks of the owner and makes of the answer, with no I/O.

So the blocking and the asynchronous form of each share it, and values are taken apart and rebuilt where their classes
are.
"""

import enum
import sys
from typing import Any, Final

from liteyuki.codec import CodecError, canonical_form, decode, encode
from liteyuki.comm.storage.messages import Publication, StorageCall
from liteyuki.comm.storage.store import Encoded
from liteyuki.errors import UnreadableValue
from liteyuki.locale import text

__all__ = [
    "MISSING",
    "Missing",
    "all_readable",
    "checked_name",
    "compare_and_set",
    "delete",
    "get",
    "increment",
    "publication",
    "readable",
    "retry",
    "set_value",
]


class Missing(enum.Enum):
    """The type of `MISSING`."""

    MISSING = "MISSING"


MISSING: Final = Missing.MISSING
"""No value: what `compare_and_set` expects of a key that must not be there, or puts where one must go."""


def get(key: str) -> StorageCall:
    return StorageCall("get", (checked_name(key),))


def set_value(key: str, value: object, ttl: float | None) -> StorageCall:
    return StorageCall("set", (checked_name(key), encode(value), _checked_ttl(ttl)))


def delete(key: str) -> StorageCall:
    return StorageCall("delete", (checked_name(key),))


def increment(key: str, by: int | float) -> StorageCall:
    if type(by) is not int and type(by) is not float:
        raise TypeError(text("storage.bad_increment", type=type(by).__qualname__))
    return StorageCall("increment", (checked_name(key), by))


def compare_and_set(key: str, expected: object, new: object, ttl: float | None) -> StorageCall:
    return StorageCall("compare_and_set", (checked_name(key), _encoded(expected), _encoded(new), _checked_ttl(ttl)))


def retry(refused: StorageCall, present: Encoded | None) -> StorageCall | None:
    """What to ask next after `present` was there for a `compare_and_set` instead; None if that is another value.

    The owner compares bytes. If those are others for the same value, it is asked again with its own.
    """
    key, expected, new, ttl = refused.arguments
    if expected is None or present is None or not _are_same(present, expected):
        return None
    return StorageCall("compare_and_set", (key, present, new, ttl))


def publication(topic: str, value: object) -> Publication:
    return Publication(checked_name(topic), encode(value))


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


def all_readable(values: dict[str, Encoded]) -> dict[str, Any]:
    return {key: readable(key, value) for key, value in values.items()}


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
        return canonical_form(decode(*one)) == canonical_form(decode(*other))
    except CodecError:
        return False  # what cannot be rebuilt here is nothing that this process can expect
