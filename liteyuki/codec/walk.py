"""The careful way to pack: a walk in Python through what ormsgpack alone would not pack, or not as it is.

It is needed for dicts whose keys are no plain values, `bytearray`, codec hooks and their buffers, what is handed
over, and what is nested deep; and it tells the place of what no channel carries.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import ormsgpack

from liteyuki._platform import fresh_memory
from liteyuki.codec.classes import entry_of, hook_of
from liteyuki.codec.containers import (
    HANDED_OVER,
    HOOKED,
    MAX_DEPTH,
    MESSAGE,
    PAIRS,
    PLAIN,
    SEQUENCES,
    STRICT,
)
from liteyuki.codec.payload import Buffer
from liteyuki.codec.scalars import PACKERS
from liteyuki.locale import text

__all__ = ["HandOver", "LargeBuffer", "Walk"]

HandOver = Callable[[object], bytes | None]
"""Asked about a value that nothing else carries, such as a channel, or a `LargeBuffer`: what it travels as, or None."""

_SHOWN_CHARACTERS: Final = 60
_IN_FRESH_MEMORY_BYTES: Final = 1024 * 1024
_LARGE_BYTES: Final = 16 * 1024 * 1024
"""What may travel beside the stream. Not less: whoever receives it spends a handle on it, and those are few."""
_STR_ONLY: Final = frozenset({str})


class LargeBuffer:
    """A buffer of a codec hook for which it is worthwhile to find another way than the stream of bytes."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        """As single bytes."""


class _Refused(Exception):
    """No channel carries this `value`; `steps` lead to it, the last one first."""

    def __init__(self, value: object, key: str = "error.unsendable") -> None:
        self.value = value
        self.key = key
        self.steps: list[str] = []


class Walk:
    """Through one value; `buffers` is what travels beside the payload."""

    def __init__(self, hand_over: HandOver | None, *, uses_hooks: bool) -> None:
        self.buffers: list[Buffer] = []
        self._hand_over = hand_over
        self._uses_hooks = uses_hooks

    def pack(self, value: object) -> bytes:
        """The payload. Raises `TypeError`, with the type, the place and the way out, and what hooks raise."""
        try:
            return _packed(self._prepared(value, MAX_DEPTH))
        except _Refused as refused:
            kind, path = type(refused.value), "".join(reversed(refused.steps))
            place = text("error.place", path=path) if path else ""
            problem = text(refused.key, type=f"{kind.__module__}.{kind.__qualname__}", place=place)
        except RecursionError:
            problem = text("error.unsendable_depth")
        raise TypeError(problem)

    def _prepared(self, value: Any, depth: int) -> object:
        """What ormsgpack packs as `value` without asking anybody, but about large numbers."""
        kind = type(value)
        if kind in PLAIN:
            return value
        if depth <= 0:
            raise RecursionError
        if kind is list:
            return self._each(value, depth, lambda at: f"[{at}]")
        if kind is dict:
            return self._dict(value, depth, lambda at: f"[{_shown([*value][at])}]")
        if (code := SEQUENCES.get(kind)) is not None:
            return _extension(code, self._each(value, depth, lambda at: f"[{at}]"))
        if (packer := PACKERS.get(kind)) is not None:
            try:
                return ormsgpack.Ext(packer[0], packer[1](value))
            except TypeError:
                raise _Refused(value, "error.unsendable_zone") from None
        if (entry := entry_of(kind)) is not None:
            fields, *more = entry.take_apart(value)
            fields = self._dict(fields, depth - 1, lambda at: f".{[*fields][at]}")
            return _extension(MESSAGE, [entry.name, fields, *self._each(more, depth, lambda at: "")])
        if self._uses_hooks and (hook := hook_of(kind)) is not None:
            fields, buffers = hook.take_apart(value)
            places = [self._buffer(memoryview(buffer)) for buffer in buffers]
            return _extension(HOOKED, [hook.name, self._prepared(fields, depth - 1), *places])
        data = self._hand_over(value) if self._hand_over is not None else None
        if data is None:
            raise _Refused(value)
        return ormsgpack.Ext(HANDED_OVER, data)

    def _each(self, items: Iterable[Any], depth: int, step: Callable[[int], str]) -> list[object]:
        prepared: list[object] = []
        try:
            for item in items:
                prepared.append(item if type(item) in PLAIN else self._prepared(item, depth - 1))
        except _Refused as refused:
            refused.steps.append(step(len(prepared)))
            raise
        return prepared

    def _dict(self, value: dict[Any, Any], depth: int, step: Callable[[int], str]) -> object:
        items = self._each(value.values(), depth, step)
        if _STR_ONLY.issuperset(map(type, value)):
            return dict(zip(value, items, strict=True))
        keys = self._each(value, depth, lambda at: f"<{_shown([*value][at])}>")
        return _extension(PAIRS, [keys, items])

    def _buffer(self, buffer: memoryview) -> int | bytes:
        """Where it is to be found."""
        if buffer.nbytes >= _LARGE_BYTES and buffer.c_contiguous and self._hand_over is not None:
            data = self._hand_over(LargeBuffer(buffer.cast("B")))
            if data is not None:
                return data
        # A copy, since the value may change before it is written.
        self.buffers.append(_copied(buffer))
        return len(self.buffers) - 1


def _extension(code: int, content: object) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, _packed(content))


def _packed(prepared: object) -> bytes:
    try:
        return ormsgpack.packb(prepared, _large_int, STRICT)
    except TypeError as error:
        # What nobody knows before: a str with lone surrogates.
        raise TypeError(text("error.unsendable_str")) from error


def _large_int(value: object) -> ormsgpack.Ext:
    code, packer = PACKERS[type(value)]
    return ormsgpack.Ext(code, packer(value))


def _copied(buffer: memoryview) -> Buffer:
    """What it holds now: whoever sends a value may change it right after."""
    if buffer.nbytes < _IN_FRESH_MEMORY_BYTES or not buffer.c_contiguous:
        return buffer.tobytes()
    copy = memoryview(fresh_memory(buffer.nbytes))
    copy[:] = buffer.cast("B")
    return copy


def _shown(key: object) -> str:
    """A key of a dict, as part of a place inside a value."""
    try:
        shown = repr(key)
    except ValueError:
        shown = type(key).__qualname__  # an int of more digits than Python prints
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"
