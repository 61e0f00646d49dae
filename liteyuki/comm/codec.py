"""Values <-> bytes, with no I/O and no pickle: receiving runs nothing.

MessagePack through ormsgpack carries most values as they are. What it lacks travels as extension types: scalars
(`Decimal`, `datetime`, ...) as one extension each; containers (`tuple`, `set`, a `dict` with keys other than `str`,
registered messages) as a list whose first element is an empty extension, the *marker*. Only a value that holds
such a container needs a walk in Python, here and over there; the flag `TAGGED` tells the receiver.
"""

import re
from collections.abc import Callable, Hashable
from typing import Any, Final

import ormsgpack

from liteyuki.comm import scalars
from liteyuki.comm.registered import RegisteredClass, UnknownMessage, class_named, entry_of
from liteyuki.locale import text

__all__ = ["TAGGED", "CodecError", "decode", "encode"]

TAGGED: Final = 1
"""Flag: the value holds markers, so the receiver must walk it."""

MAX_DEPTH: Final = 200
"""How deep containers may be nested; ormsgpack's own limit lies a little above."""

_SHOWN_CHARACTERS: Final = 60

_TUPLE, _SET, _FROZENSET, _DICT, _MESSAGE, _ENUM = range(64, 70)
_STRICT: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
_SEQUENCES: Final[dict[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}


class CodecError(Exception):
    """The bytes are no value. The text says why."""


class _Marker:
    """Stands first in a list that is to become another container."""

    __slots__ = ("code",)

    def __init__(self, code: int) -> None:
        self.code = code


_MARKERS: Final = {code: _Marker(code) for code in (_TUPLE, _SET, _FROZENSET, _DICT, _MESSAGE, _ENUM)}
_EXTENSIONS: Final = {code: ormsgpack.Ext(code, b"") for code in _MARKERS}


def encode(value: object) -> tuple[int, bytes]:
    """Flags and bytes of `value`.

    Raises `TypeError`, naming the type, the place inside the value and the way out, if no channel carries it.
    """
    try:
        payload = ormsgpack.packb(value, default=_scalar, option=_STRICT)
    except TypeError:
        payload = None
    if payload is not None and not _may_hold_impostor(value, payload):
        return 0, payload
    try:
        return TAGGED, ormsgpack.packb(_tag(value, (), MAX_DEPTH), default=_scalar, option=_STRICT)
    except TypeError as error:
        # What _tag cannot know before: a str with lone surrogates.
        if isinstance(error, _Unsendable):
            raise TypeError(str(error)) from None
        raise TypeError(text("error.unsendable_str")) from error


def decode(flags: int, payload: bytes) -> Any:
    """The value that `encode` was given. Raises `CodecError` for anything that `encode` does not make."""
    try:
        if flags & TAGGED:
            return _untag(ormsgpack.unpackb(payload, ext_hook=_marker_or_scalar), MAX_DEPTH)
        return ormsgpack.unpackb(payload, ext_hook=scalars.unpack)
    except CodecError:
        raise
    except (ValueError, TypeError, OverflowError, ArithmeticError, LookupError, AttributeError) as error:
        raise CodecError(f"{error} ({error.__cause__})" if error.__cause__ else str(error)) from error


class _Unsendable(TypeError):
    def __init__(self, value: object, path: tuple[str, ...], key: str = "error.unsendable") -> None:
        kind = type(value)
        place = text("error.place", path="".join(path)) if path else ""
        super().__init__(text(key, type=f"{kind.__module__}.{kind.__qualname__}", place=place))


def _scalar(value: object) -> object:
    """ormsgpack's `default`: the extension of a scalar. A container ends in TypeError, and then in `_tag`."""
    return ormsgpack.Ext(*scalars.pack(value))


# How MessagePack begins bytes and extensions. CJK text has none of these bytes, so most messages hold none.
_BYTES_OR_EXTENSION: Final = re.compile(rb"[\xc4-\xc9\xd4-\xd8]")


def _may_hold_impostor(value: object, payload: bytes) -> bool:
    """ormsgpack packs some types without asking `default` that would arrive as another: look where they may be."""
    if type(value) in _PLAIN or _BYTES_OR_EXTENSION.search(payload) is None:
        return False
    return _holds_impostor(value)


def _holds_impostor(value: object) -> bool:
    if type(value) is dict:
        return any(map(_holds_impostor, value.values()))
    if type(value) is list:
        return any(map(_holds_impostor, value))
    return isinstance(value, (bytearray, memoryview, ormsgpack.Ext))


def _tag(value: Any, path: tuple[str, ...], depth: int) -> object:
    """`value` with every container that MessagePack lacks turned into a marked list."""
    kind = type(value)
    if kind in _PLAIN:
        return value if kind is not int or scalars.fits_64_bits(value) else _scalar(value)
    if depth <= 0:
        raise _Unsendable(value, (), "error.unsendable_depth")
    if kind is list:
        return [_tag(item, (*path, f"[{i}]"), depth - 1) for i, item in enumerate(value)]
    if kind is dict:
        if all(type(key) is str for key in value):
            return {key: _tag(item, (*path, f"[{_shown(key)}]"), depth - 1) for key, item in value.items()}
        flat: list[object] = [_EXTENSIONS[_DICT]]
        for key, item in value.items():
            flat += (
                _tag(key, (*path, f"<{_shown(key)}>"), depth - 1),
                _tag(item, (*path, f"[{_shown(key)}]"), depth - 1),
            )
        return flat
    if (code := _SEQUENCES.get(kind)) is not None:
        return [
            _EXTENSIONS[code],
            *(_tag(item, (*path, f"[{i}]"), depth - 1) for i, item in enumerate(value)),
        ]
    if scalars.carries(kind):
        try:
            return _scalar(value)
        except TypeError:
            raise _Unsendable(value, path, "error.unsendable_zone") from None
    if (entry := entry_of(kind)) is not None:
        return _tag_registered(entry, value, path, depth)
    raise _Unsendable(value, path)


def _shown(key: object) -> str:
    """A key of a dict, as part of a place inside a value."""
    try:
        shown = repr(key)
    except ValueError:
        shown = type(key).__qualname__  # an int of more digits than Python prints
    return shown if len(shown) <= _SHOWN_CHARACTERS else shown[:_SHOWN_CHARACTERS] + "…"


def _tag_registered(entry: RegisteredClass, value: object, path: tuple[str, ...], depth: int) -> object:
    if entry.is_enum:
        return [_EXTENSIONS[_ENUM], entry.name, _tag(entry.enum_value(value), path, depth - 1)]
    fields = {name: _tag(item, (*path, f".{name}"), depth - 2) for name, item in entry.take_apart(value).items()}
    return [_EXTENSIONS[_MESSAGE], entry.name, fields]


def _marker_or_scalar(code: int, data: bytes) -> object:
    return _MARKERS.get(code) or scalars.unpack(code, data)


def _untag(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is dict:
        if depth <= 0:
            raise CodecError(text("codec.depth"))
        return {key: _untag(item, depth - 1) for key, item in value.items()}
    if kind is list:
        if depth <= 0:
            raise CodecError(text("codec.depth"))
        if value and type(value[0]) is _Marker:
            return _REBUILD[value[0].code]([_untag(item, depth - 1) for item in value[1:]])
        return [_untag(item, depth - 1) for item in value]
    if kind is _Marker:
        raise CodecError(text("codec.structure"))
    return value


def _dict_from(flat: list[Any]) -> dict[Hashable, Any]:
    if len(flat) % 2:
        raise CodecError(text("codec.structure"))
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _message_from(parts: list[Any]) -> object:
    name, fields = _named(parts)
    if type(fields) is not dict:
        raise CodecError(text("codec.structure"))
    entry = class_named(name)
    return UnknownMessage(name, fields) if entry is None or entry.is_enum else entry.put_together(fields)


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


_REBUILD: Final[dict[int, Callable[[list[Any]], Any]]] = {
    _TUPLE: tuple,
    _SET: set,
    _FROZENSET: frozenset,
    _DICT: _dict_from,
    _MESSAGE: _message_from,
    _ENUM: _enum_from,
}
