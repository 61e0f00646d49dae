"""Bytes by which two values can be told to be the same."""

from typing import Any

import ormsgpack

from liteyuki.codec.classes import UnknownMessage, entry_of
from liteyuki.codec.encoding import encode

__all__ = ["canonical_form"]


def canonical_form(value: Any) -> bytes:
    """The same bytes for the same value of the same types, in whatever order a dict or a set holds it.

    Not `==`: NaN would never be the same, nor would an instance of a class without `__eq__`; and 1, 1.0 and True would
    be. Raises `TypeError` for a value that no channel carries.
    """
    kind = type(value)
    if kind is dict:
        parts = sorted(canonical_form(key) + canonical_form(item) for key, item in value.items())
    elif kind is set or kind is frozenset:
        parts = sorted(map(canonical_form, value))
    elif kind is list or kind is tuple:
        parts = [canonical_form(item) for item in value]
    elif kind is UnknownMessage:
        parts = [value.name.encode(), canonical_form(value.fields)]
    elif (entry := entry_of(kind)) is not None:
        parts = [entry.name.encode(), canonical_form(entry.take_apart(value))]
    else:
        return ormsgpack.packb(list(encode(value)))
    return ormsgpack.packb([kind.__qualname__, parts])
