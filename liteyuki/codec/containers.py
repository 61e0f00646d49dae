"""The walk in Python through values that hold what MessagePack lacks, there and back.

Containers (`tuple`, `set`, a `dict` with keys other than `str`, registered messages, values of codec hooks) become a
list whose first element is an empty extension, the *marker*. Buffers stay beside the value, as numbers in it.
"""

import struct
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import ormsgpack

from liteyuki._platform import fresh_memory
from liteyuki.codec import scalars
from liteyuki.codec.classes import RegisteredClass, UnknownMessage, class_named, entry_of
from liteyuki.codec.codec_hooks import CodecHook, hook_named, hook_of
from liteyuki.codec.payload import Buffer
from liteyuki.errors import PLUGIN_ERRORS
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["MAX_DEPTH", "CodecError", "HandOver", "LargeBuffer", "Tagger", "TakeIn", "Unsendable", "Untagger"]

MAX_DEPTH: Final = 200
"""How deep containers may be nested; ormsgpack's own limit lies a little above."""

HandOver = Callable[[object], bytes | None]
"""Asked about a value that nothing else carries, such as a channel, or a `LargeBuffer`: what it travels as, or None."""
TakeIn = Callable[[bytes], object]
"""Makes of that what arrives. Raises `CodecError`."""

_SHOWN_CHARACTERS: Final = 60
_IN_FRESH_MEMORY_BYTES: Final = 1024 * 1024
_LARGE_BYTES: Final = 16 * 1024 * 1024
"""What may travel beside the stream. Not less: whoever receives it spends a handle on it, and those are few."""
_TUPLE, _SET, _FROZENSET, _DICT, _MESSAGE, _ENUM, _HOOKED, _BUFFER, _HANDED_OVER = range(64, 73)
_MARKING: Final = (_TUPLE, _SET, _FROZENSET, _DICT, _MESSAGE, _ENUM, _HOOKED)
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_SEQUENCES: Final[dict[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}
_NUMBER: Final = struct.Struct("<I")


class CodecError(Exception):
    """The bytes are no value. The text says why."""


class Unsendable(TypeError):
    """No channel carries this; the text names the type, the place and the way out."""

    def __init__(self, value: object, path: tuple[str, ...], key: str = "error.unsendable") -> None:
        kind = type(value)
        place = text("error.place", path="".join(path)) if path else ""
        super().__init__(text(key, type=f"{kind.__module__}.{kind.__qualname__}", place=place))


class LargeBuffer:
    """A buffer of a codec hook for which it is worthwhile to find another way than the stream of bytes."""

    def __init__(self, content: memoryview) -> None:
        self.content = content
        """As single bytes."""


class _Marker:
    """Stands first in a list that is to become another container."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


_MARKERS: Final = {code: _Marker(code) for code in _MARKING}
_EXTENSIONS: Final = {code: ormsgpack.Ext(code, b"") for code in _MARKERS}


class Tagger:
    """Turns one value into what ormsgpack packs; `buffers` is what travels beside."""

    def __init__(self, hand_over: HandOver | None) -> None:
        self.buffers: list[Buffer] = []
        self._hand_over = hand_over

    def tag(self, value: Any, path: tuple[str, ...] = (), depth: int = MAX_DEPTH) -> object:
        """`value` with every container that MessagePack lacks turned into a marked list. Raises `Unsendable`."""
        kind = type(value)
        if kind in _PLAIN:
            return value if kind is not int or scalars.fits_64_bits(value) else ormsgpack.Ext(*scalars.pack(value))
        if depth <= 0:
            raise Unsendable(value, (), "error.unsendable_depth")
        if kind is list:
            return [self.tag(item, (*path, f"[{i}]"), depth - 1) for i, item in enumerate(value)]
        if kind is dict:
            return self._tag_dict(value, path, depth)
        if (code := _SEQUENCES.get(kind)) is not None:
            return [
                _EXTENSIONS[code],
                *(self.tag(item, (*path, f"[{i}]"), depth - 1) for i, item in enumerate(value)),
            ]
        if scalars.carries(kind):
            try:
                return ormsgpack.Ext(*scalars.pack(value))
            except TypeError:
                raise Unsendable(value, path, "error.unsendable_zone") from None
        if (entry := entry_of(kind)) is not None:
            return self._tag_registered(entry, value, path, depth)
        if (hook := hook_of(kind)) is not None:
            return self._tag_hooked(hook, value, path, depth)
        data = self._hand_over(value) if self._hand_over is not None else None
        if data is None:
            raise Unsendable(value, path)
        return ormsgpack.Ext(_HANDED_OVER, data)

    def _tag_dict(self, value: dict[Any, Any], path: tuple[str, ...], depth: int) -> object:
        if all(type(key) is str for key in value):
            return {key: self.tag(item, (*path, f"[{_shown(key)}]"), depth - 1) for key, item in value.items()}
        flat: list[object] = [_EXTENSIONS[_DICT]]
        for key, item in value.items():
            flat += (
                self.tag(key, (*path, f"<{_shown(key)}>"), depth - 1),
                self.tag(item, (*path, f"[{_shown(key)}]"), depth - 1),
            )
        return flat

    def _tag_registered(self, entry: RegisteredClass, value: object, path: tuple[str, ...], depth: int) -> object:
        if entry.is_enum:
            return [_EXTENSIONS[_ENUM], entry.name, self.tag(entry.enum_value(value), path, depth - 1)]
        parts = entry.take_apart(value).items()
        fields = {name: self.tag(item, (*path, f".{name}"), depth - 2) for name, item in parts}
        return [_EXTENSIONS[_MESSAGE], entry.name, fields]

    def _tag_hooked(self, hook: CodecHook, value: object, path: tuple[str, ...], depth: int) -> object:
        fields, buffers = hook.take_apart(value)
        tagged: list[object] = [_EXTENSIONS[_HOOKED], hook.name, self.tag(fields, path, depth - 1)]
        tagged += (self._tag_buffer(memoryview(buffer)) for buffer in buffers)
        return tagged

    def _tag_buffer(self, buffer: memoryview) -> object:
        if buffer.nbytes >= _LARGE_BYTES and buffer.c_contiguous and self._hand_over is not None:
            data = self._hand_over(LargeBuffer(buffer.cast("B")))
            if data is not None:
                return ormsgpack.Ext(_HANDED_OVER, data)
        # A copy, since the value may change before it is written.
        self.buffers.append(_copied(buffer))
        return ormsgpack.Ext(_BUFFER, _NUMBER.pack(len(self.buffers) - 1))


def _shown(key: object) -> str:
    """A key of a dict, as part of a place inside a value."""
    try:
        shown = repr(key)
    except ValueError:
        shown = type(key).__qualname__  # an int of more digits than Python prints
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"


class Untagger:
    """Turns what ormsgpack has unpacked into the value again. Everything raises `CodecError`."""

    def __init__(self, buffers: Sequence[memoryview], take_in: TakeIn | None) -> None:
        self._buffers = buffers
        self._take_in = take_in

    def extension(self, code: int, data: bytes) -> object:
        """For ormsgpack: what an extension is, so far."""
        marker = _MARKERS.get(code)
        if marker is not None:
            return marker
        if code == _BUFFER:
            return self._buffer(data)
        if code == _HANDED_OVER and self._take_in is not None:
            return self._take_in(data)
        return scalars.unpack(code, data)

    def _buffer(self, data: bytes) -> memoryview:
        number: int = _NUMBER.unpack(data)[0] if len(data) == _NUMBER.size else len(self._buffers)
        if number >= len(self._buffers):
            raise CodecError(text("codec.structure"))
        return self._buffers[number]

    def untag(self, value: Any, depth: int = MAX_DEPTH) -> Any:
        kind = type(value)
        if kind is dict:
            if depth <= 0:
                raise CodecError(text("codec.depth"))
            return {key: self.untag(item, depth - 1) for key, item in value.items()}
        if kind is list:
            if depth <= 0:
                raise CodecError(text("codec.depth"))
            if value and type(value[0]) is _Marker:
                return self._rebuild(value[0].code, value, depth)
            return [self.untag(item, depth - 1) for item in value]
        if kind is _Marker or kind is memoryview:
            raise CodecError(text("codec.structure"))
        return value

    def _rebuild(self, code: int, marked: list[Any], depth: int) -> Any:
        if code == _HOOKED:
            return self._put_together(marked, depth)
        return _REBUILD[code]([self.untag(item, depth - 1) for item in marked[1:]])

    def _put_together(self, marked: list[Any], depth: int) -> object:
        if len(marked) < 3 or type(marked[1]) is not str:
            raise CodecError(text("codec.structure"))
        name, fields, buffers = marked[1], self.untag(marked[2], depth - 1), marked[3:]
        if any(type(buffer) is not memoryview for buffer in buffers):
            raise CodecError(text("codec.structure"))
        hook = hook_named(name)
        if hook is None:
            return UnknownMessage(name, {"fields": fields, "buffers": [bytes(buffer) for buffer in buffers]})
        try:
            return hook.put_together(fields, buffers)
        except PLUGIN_ERRORS as error:
            return _not_rebuilt(name, {"fields": fields, "buffers": [bytes(buffer) for buffer in buffers]}, error)


def _dict_from(flat: list[Any]) -> dict[Hashable, Any]:
    if len(flat) % 2:
        raise CodecError(text("codec.structure"))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _message_from(parts: list[Any]) -> object:
    name, fields = _named(parts)
    if type(fields) is not dict:
        raise CodecError(text("codec.structure"))
    entry = class_named(name)
    if entry is None or entry.is_enum:
        return UnknownMessage(name, fields)
    try:
        return entry.put_together(fields)
    except PLUGIN_ERRORS as error:
        return _not_rebuilt(name, fields, error)


def _not_rebuilt(name: str, fields: dict[str, Any], error: BaseException) -> UnknownMessage:
    """The same as if nobody had that name here: what one plugin cannot make sense of must not end the channel."""
    logger.opt(exception=error).error(text("codec.not_rebuilt", name=name))
    return UnknownMessage(name, fields)


def _enum_from(parts: list[Any]) -> object:
    name, value = _named(parts)
    entry = class_named(name)
    if entry is None or not entry.is_enum:
        return UnknownMessage(name, {"value": value})
    try:
        return entry.enum_member(value)
    except ValueError:
        return UnknownMessage(name, {"value": value})


def _named(parts: list[Any]) -> tuple[str, Any]:
    if len(parts) != 2 or type(parts[0]) is not str:
        raise CodecError(text("codec.structure"))
    return parts[0], parts[1]


def _copied(buffer: memoryview) -> Buffer:
    """What it holds now: whoever sends a value may change it right after."""
    if buffer.nbytes < _IN_FRESH_MEMORY_BYTES or not buffer.c_contiguous:
        return buffer.tobytes()
    copy = memoryview(fresh_memory(buffer.nbytes))
    copy[:] = buffer.cast("B")
    return copy


_REBUILD: Final[dict[int, Callable[[list[Any]], Any]]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _DICT: _dict_from,
    _MESSAGE: _message_from,
    _ENUM: _enum_from,
}
