"""The containers that MessagePack lacks: each is one extension, whose content is packed the same way.

ormsgpack does the work. It asks `default_hook` for what it lacks, and `ext_hook` for what an extension is; each asks
the next of its kind for what stands inside, so none goes deeper than the C stack of a thread takes. What is nested
deeper than that, `walk.py` packs and `Rebuilder` unpacks, one level at a time.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import ormsgpack

from liteyuki.codec.classes import entry_of, rebuild_enum, rebuild_hooked, rebuild_message
from liteyuki.codec.msgpack_guard import unpack
from liteyuki.codec.payload import Buffer, CodecError
from liteyuki.codec.scalars import FIRST_CODE, PACKERS, UNPACKERS
from liteyuki.locale import text

__all__ = [
    "DICT",
    "ENUM",
    "HANDED_OVER",
    "HOOKED",
    "MAX_DEPTH",
    "MESSAGE",
    "NON_STR_KEYS",
    "PAIRS",
    "PLAIN",
    "SEQUENCES",
    "STRICT",
    "Rebuilder",
    "TakeIn",
    "default_hook",
    "ext_hook",
    "take_raised",
]

MAX_DEPTH: Final = 200
"""How deep containers may be nested, at least. ormsgpack's own limits, for lists in lists, lie above."""

TakeIn = Callable[[bytes], object]
"""Makes what arrives of what a `HandOver` has given. Raises `CodecError`."""

STRICT: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
NON_STR_KEYS: Final = ormsgpack.OPT_NON_STR_KEYS
PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
"""What MessagePack has, but for containers; and ints that are too large, for which ormsgpack asks."""

_TUPLE, _SET, _FROZENSET, DICT, PAIRS, MESSAGE, ENUM, HOOKED, HANDED_OVER = range(FIRST_CODE + 13, FIRST_CODE + 22)
SEQUENCES: Final[dict[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}

# One list in another takes up to 600 bytes of C stack, and ormsgpack stops at 1,024 of them for each extension.
_LEVELS: Final = 16
"""How many extensions in one another ormsgpack packs and unpacks by itself."""
_FREE_LEVELS: Final = 3
"""How many of those may be of any size; what is in the others may be nested as deep as it is long."""
_SMALL_BYTES: Final = 1024
_MAX_LEVELS: Final = 2 * MAX_DEPTH
"""How deep lists, dicts and extensions may be nested in what is unpacked one level at a time."""

# Looked up once; with what a small value costs, looking up is a good part.
_pack: Final = ormsgpack.packb
_Ext: Final = ormsgpack.Ext
DefaultHook = Callable[[Any], ormsgpack.Ext]
ExtHook = Callable[[int, bytes], Any]


class _Raised(threading.local):
    """What a hook has raised: ormsgpack forgets that, and raises an error of its own."""

    first: BaseException | None = None

    def note(self, error: BaseException) -> None:
        self.first = self.first or error


_raised: Final = _Raised()


def take_raised() -> BaseException | None:
    """What this thread's first hook that failed has raised, since this was last asked."""
    first, _raised.first = _raised.first, None
    return first


# --- there


def _refuse(value: Any) -> ormsgpack.Ext:
    raise TypeError("nested too deep for ormsgpack alone")


def _default_hook(nested: DefaultHook) -> DefaultHook:
    def default(value: Any) -> ormsgpack.Ext:
        try:
            kind = type(value)
            if kind is tuple:
                return _Ext(_TUPLE, _pack([*value], nested, STRICT))
            if (packer := PACKERS.get(kind)) is not None:
                return _Ext(packer[0], packer[1](value))
            if (code := SEQUENCES.get(kind)) is not None:
                return _Ext(code, _pack([*value], nested, STRICT))
            if (entry := entry_of(kind)) is not None:
                code = ENUM if entry.is_enum else MESSAGE
                return _Ext(code, _pack([entry.name, *entry.take_apart(value)], nested, STRICT))
            raise TypeError(kind.__qualname__)
        except BaseException as error:
            _raised.note(error)
            raise

    return default


# --- and back


class _Deferred:
    """An extension that is not yet unpacked."""

    __slots__ = ("code", "data")

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data


class Rebuilder:
    """Unpacks one level at a time, and so whatever is nested, and what has buffers or is handed over."""

    def __init__(self, buffers: Sequence[memoryview] = (), take_in: TakeIn | None = None) -> None:
        self._buffers = buffers
        self._take_in = take_in

    def unpack(self, payload: Buffer) -> Any:
        """The value. Raises one thing or another if it is none."""
        return self._rebuilt(unpack(payload, ext_hook=_Deferred), _MAX_LEVELS)

    def _rebuilt(self, value: Any, levels: int) -> Any:
        """`value`, with everything in place of what was deferred."""
        kind = type(value)
        if kind is _Deferred:
            return self.build(value, levels)
        if kind is not list and kind is not dict:
            return value
        if levels <= 0:
            raise CodecError(text("codec.depth"))
        for key, item in enumerate(value) if kind is list else value.items():
            if type(item) is _Deferred:
                value[key] = self.build(item, levels - 1)
            elif type(item) is list or type(item) is dict:
                self._rebuilt(item, levels - 1)
        return value

    def build(self, deferred: _Deferred, levels: int = _MAX_LEVELS) -> Any:
        code, data = deferred.code, deferred.data
        if (unpacker := UNPACKERS.get(code)) is not None:
            return unpacker(data)
        if code == HANDED_OVER and self._take_in is not None:
            taken_in = self._take_in(data)
            if type(taken_in) is memoryview:
                raise CodecError(text("codec.structure"))
            return taken_in
        content = _unpack_content(code, data, _Deferred)
        deferred.data = data = b""  # or all that is nested would be there once for each level
        content = self._rebuilt(content, levels)
        return self.put_together(content) if code == HOOKED else _BUILDERS[code](content)

    def put_together(self, content: Any) -> object:
        """Of what a codec hook has taken apart: its name, the fields, and where each buffer is."""
        _check_named(content)
        return rebuild_hooked(content[0], content[1], [*map(self._buffer, content[2:])])

    def _buffer(self, place: object) -> memoryview:
        if type(place) is int and 0 <= place < len(self._buffers):
            return self._buffers[place]
        buffer = self._take_in(place) if type(place) is bytes and self._take_in is not None else None
        if type(buffer) is not memoryview:
            raise CodecError(text("codec.structure"))
        return buffer


def _unpack_content(code: int, data: bytes, nested: ExtHook) -> Any:
    if code not in _BUILDERS:
        raise CodecError(text("codec.extension", code=code))
    return unpack(data, ext_hook=nested, option=NON_STR_KEYS) if code == DICT else unpack(data, ext_hook=nested)


def _check_named(content: Any) -> None:
    if type(content) is not list or len(content) < 2 or type(content[0]) is not str:
        raise CodecError(text("codec.structure"))


def _dict_of(content: Any) -> dict[Hashable, Any]:
    if type(content) is not dict:
        raise CodecError(text("codec.structure"))
    return content


def _dict_of_pairs(content: list[Any]) -> dict[Hashable, Any]:
    """First all keys, then all values."""
    count = len(content) // 2
    return dict(zip(content[:count], content[count:], strict=True))


def _message_of(content: Any) -> object:
    _check_named(content)
    if type(content[1]) is not dict:
        raise CodecError(text("codec.structure"))
    return rebuild_message(*content)


def _enum_of(content: Any) -> object:
    _check_named(content)
    return rebuild_enum(*content)


_alone: Final = Rebuilder()

_BUILDERS: Final[dict[int, Callable[[Any], Any]]] = {
    **{code: kind for kind, code in SEQUENCES.items()},
    DICT: _dict_of,
    PAIRS: _dict_of_pairs,
    MESSAGE: _message_of,
    ENUM: _enum_of,
    HOOKED: _alone.put_together,
}


def _ext_hook(nested: ExtHook) -> ExtHook:
    def hook(code: int, data: bytes) -> Any:
        try:
            if code == _TUPLE:
                return tuple(unpack(data, ext_hook=nested))
            if (unpacker := UNPACKERS.get(code)) is not None:
                return unpacker(data)
            return _BUILDERS[code](_unpack_content(code, data, nested))
        except BaseException as error:
            _raised.note(error)
            raise

    return hook


def _build_deep(code: int, data: bytes) -> Any:
    try:
        return _alone.build(_Deferred(code, data))
    except BaseException as error:
        _raised.note(error)
        raise


def _careful_hook(hook: ExtHook) -> ExtHook:
    return lambda code, data: hook(code, data) if len(data) <= _SMALL_BYTES else _build_deep(code, data)


def _first_hooks() -> tuple[DefaultHook, ExtHook]:
    default: DefaultHook = _refuse
    ext: ExtHook = _build_deep
    for level in range(_LEVELS, 0, -1):
        default, ext = _default_hook(default), _ext_hook(ext)
        if level > _FREE_LEVELS:
            ext = _careful_hook(ext)
    return default, ext


default_hook, ext_hook = _first_hooks()
