"""The careful way to pack: a walk in Python through what ormsgpack alone would not pack, or not as it is.

It is needed for dicts whose keys are no plain values, `bytearray`, codec hooks and their buffers, what is handed
over, and what is nested deep; and it tells the place of what no channel carries.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import ormsgpack

from liteyuki._platform import fresh_memory
from liteyuki.codec.classes import entry_of, hook_of
from liteyuki.codec.containers import (
    DICT,
    ENUM,
    HANDED_OVER,
    HOOKED,
    MAX_DEPTH,
    MESSAGE,
    NON_STR_KEYS,
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
_PLAIN_KEY_DEPTH: Final = 8
"""How deep tuples in keys may be nested that are left to ormsgpack."""


class LargeBuffer:
    """A buffer of a codec hook for which it is worthwhile to find another way than the stream of bytes."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        """As single bytes."""


class _Refused(Exception):
    """This is what no channel carries."""

    def __init__(self, value: object, key: str = "error.unsendable") -> None:
        self.value = value
        self.key = key


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
            kind, path = type(refused.value), _path_to(refused.value, value)
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
            return self._all_prepared(value, depth)
        if kind is dict:
            return self._dict(value, depth)
        if (code := SEQUENCES.get(kind)) is not None:
            return _extension(code, self._all_prepared(value, depth))
        if (packer := PACKERS.get(kind)) is not None:
            try:
                return ormsgpack.Ext(packer[0], packer[1](value))
            except TypeError:
                raise _Refused(value, "error.unsendable_zone") from None
        if (entry := entry_of(kind)) is not None:
            parts = self._all_prepared(entry.take_apart(value), depth)
            return _extension(ENUM if entry.is_enum else MESSAGE, [entry.name, *parts])
        if self._uses_hooks and (hook := hook_of(kind)) is not None:
            fields, buffers = hook.take_apart(value)
            places = [self._buffer(memoryview(buffer)) for buffer in buffers]
            return _extension(HOOKED, [hook.name, self._prepared(fields, depth - 1), *places])
        data = self._hand_over(value) if self._hand_over is not None else None
        if data is None:
            raise _Refused(value)
        return ormsgpack.Ext(HANDED_OVER, data)

    def _all_prepared(self, items: Iterable[Any], depth: int) -> list[object]:
        return [item if type(item) in PLAIN else self._prepared(item, depth - 1) for item in items]

    def _dict(self, value: dict[Any, Any], depth: int) -> object:
        prepared = dict(zip(value, self._all_prepared(value.values(), depth), strict=True))
        if _STR_ONLY.issuperset(map(type, value)):
            return prepared
        if _are_plain(value):
            try:
                return _extension(DICT, prepared, NON_STR_KEYS)
            except TypeError:
                pass  # such as an int that is too large
        return _extension(PAIRS, [*self._all_prepared(value, depth), *prepared.values()])

    def _buffer(self, buffer: memoryview) -> int | bytes:
        """Where it is to be found."""
        if buffer.nbytes >= _LARGE_BYTES and buffer.c_contiguous and self._hand_over is not None:
            data = self._hand_over(LargeBuffer(buffer.cast("B")))
            if data is not None:
                return data
        # A copy, since the value may change before it is written.
        self.buffers.append(_copied(buffer))
        return len(self.buffers) - 1


def _are_plain(keys: Iterable[object], depth: int = _PLAIN_KEY_DEPTH) -> bool:
    """Whether ormsgpack leaves all as they are under `NON_STR_KEYS`; it would change some."""
    return depth > 0 and all(_are_plain(key, depth - 1) if type(key) is tuple else type(key) in PLAIN for key in keys)


def _extension(code: int, content: object, options: int = 0) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, _packed(content, options))


def _packed(prepared: object, options: int = 0) -> bytes:
    try:
        return ormsgpack.packb(prepared, _large_int, STRICT | options)
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


def _path_to(wanted: object, value: Any) -> str | None:
    """Where `wanted` is in `value`, such as "[3].name"; None if it is not."""
    if value is wanted:
        return ""
    for step, part in _parts(value):
        path = _path_to(wanted, part)
        if path is not None:
            return step + path
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    kind = type(value)
    if kind is dict:
        for key, item in value.items():
            yield f"<{_shown(key)}>", key
            yield f"[{_shown(key)}]", item
    elif kind is list or kind in SEQUENCES:
        for number, item in enumerate(value):
            yield f"[{number}]", item
    elif (entry := entry_of(kind)) is not None:
        for part in entry.take_apart(value):
            named = type(part) is dict and not entry.is_enum
            yield from ((f".{name}", item) for name, item in part.items()) if named else [("", part)]
    elif (hook := hook_of(kind)) is not None:
        yield "", hook.take_apart(value)[0]


def _shown(key: object) -> str:
    """A key of a dict, as part of a place inside a value."""
    try:
        shown = repr(key)
    except ValueError:
        shown = type(key).__qualname__  # an int of more digits than Python prints
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"
