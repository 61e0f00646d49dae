"""The containers that MessagePack lacks: each is one extension, whose content is packed the same way.

ormsgpack does the work. It asks `default_hook` for what it lacks, and `ext_hook` for what an extension is; each asks
the next of its kind for what stands inside, so none goes deeper than the C stack of a thread takes. What is nested
deeper than that, `walk.py` packs and `Rebuilder` unpacks, one level at a time.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from typing import Any, Final

import ormsgpack

from liteyuki.codec.classes import entry_of, rebuild, rebuild_hooked
from liteyuki.codec.msgpack_guard import unpack
from liteyuki.codec.payload import Buffer, CodecError
from liteyuki.codec.scalars import NEXT_CODE, PACKERS, UNPACKERS
from liteyuki.locale import text

__all__ = [
    "HANDED_OVER",
    "HOOKED",
    "MAX_DEPTH",
    "MESSAGE",
    "PAIRS",
    "PLAIN",
    "SEQUENCES",
    "STRICT",
    "Rebuilder",
    "TakeIn",
    "default_hook",
    "ext_hook",
    "reason_for",
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
PLAIN: Final = frozenset({type(None), bool, int, float, str, bytes})
"""What MessagePack has, but for containers; and ints that are too large, for which ormsgpack asks."""

_TUPLE, _SET, _FROZENSET, PAIRS, MESSAGE, HOOKED, HANDED_OVER = range(NEXT_CODE, NEXT_CODE + 7)
SEQUENCES: Final[dict[type, int]] = {tuple: _TUPLE, set: _SET, frozenset: _FROZENSET}

# One list in another takes up to 600 bytes of C stack, and ormsgpack stops at 255 of them for each extension that it
# packs, and at 1,024 for each that it unpacks.
_PACKED_LEVELS: Final = 16
_UNPACKED_LEVELS: Final = 4
_MAX_LEVELS: Final = 3 * MAX_DEPTH
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


def reason_for(error: BaseException) -> str:
    """What has been wrong with a value if ormsgpack raises `error`. Raises what is to interrupt this thread."""
    # Only here: in the frame that the hooks were called from it would make a circle, with all values in it.
    reason, _raised.first = _raised.first or error, None
    if not isinstance(reason, (Exception, SystemExit)):
        raise reason
    return str(reason) or type(reason).__name__


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
                return _Ext(MESSAGE, _pack([entry.name, *entry.take_apart(value)], nested, STRICT))
            raise TypeError(kind.__qualname__)
        except BaseException as error:
            _raised.note(error)
            raise

    return default


default_hook: DefaultHook = _refuse
for _ in range(_PACKED_LEVELS):
    default_hook = _default_hook(default_hook)


# --- and back


class _Deferred:
    """An extension that is not yet unpacked."""

    __slots__ = ("code", "data")

    def __init__(self, code: int, data: bytes) -> None:
        self.code = code
        self.data = data


class Rebuilder:
    """Unpacks one level at a time: whatever is nested deep, has buffers, or was handed over."""

    def __init__(self, buffers: Sequence[memoryview] = (), take_in: TakeIn | None = None) -> None:
        self._buffers = buffers
        self._take_in = take_in

    def unpack(self, payload: Buffer) -> Any:
        """The value. Raises one thing or another if it is none."""
        return self._rebuilt(unpack(payload, ext_hook=_Deferred), _MAX_LEVELS)

    def _rebuilt(self, value: Any, levels: int) -> Any:
        """`value`, with everything in place of what was deferred in it."""
        if levels <= 0:
            raise CodecError(text("codec.depth"))
        if type(value) is _Deferred:
            return self.build(value, levels)
        kind = type(value)
        if kind is list or kind is dict:
            for key, item in enumerate(value) if kind is list else value.items():
                if type(item) is _Deferred:
                    value[key] = self.build(item, levels - 1)
                elif type(item) is list or type(item) is dict:
                    self._rebuilt(item, levels - 1)
        return value

    def build(self, deferred: _Deferred, levels: int = _MAX_LEVELS) -> Any:
        code, data = deferred.code, deferred.data
        if code == HANDED_OVER and self._take_in is not None:
            taken_in = self._take_in(data)
            _check(type(taken_in) is not memoryview)  # that is what a buffer of a hook arrives as
            return taken_in
        if (unpacker := UNPACKERS.get(code)) is not None:
            return unpacker(data)
        builder = self.put_together if code == HOOKED else _BUILDERS.get(code)
        if builder is None:
            raise CodecError(text("codec.extension", code=code))
        content = unpack(data, ext_hook=_Deferred)
        deferred.data = data = b""  # or all that is nested would be there once for each level
        return builder(self._rebuilt(content, levels - 1))

    def put_together(self, content: Any) -> object:
        """Of what a codec hook has taken apart: its name, the fields, and where each buffer is."""
        _check(type(content) is list and len(content) > 1 and type(content[0]) is str)
        return rebuild_hooked(content[0], content[1], [*map(self._buffer, content[2:])])

    def _buffer(self, place: object) -> memoryview:
        if type(place) is int and 0 <= place < len(self._buffers):
            return self._buffers[place]
        buffer = self._take_in(place) if type(place) is bytes and self._take_in is not None else None
        if type(buffer) is not memoryview:
            raise CodecError(text("codec.structure"))
        return buffer


def _check(is_sound: bool) -> None:
    if not is_sound:
        raise CodecError(text("codec.structure"))


def _dict_of(content: Any) -> dict[Hashable, Any]:
    keys, items = content
    if len(keys) != len(items):
        raise CodecError(text("codec.structure"))
    return dict(zip(keys, items))  # noqa: B905 (`strict` takes as long as all the rest)


def _message_of(content: Any) -> object:
    _check(type(content) is list and len(content) > 1 and type(content[0]) is str and type(content[1]) is dict)
    return rebuild(*content)


_alone: Final = Rebuilder()

_BUILDERS: Final[dict[int, Callable[[Any], Any]]] = {
    **{code: kind for kind, code in SEQUENCES.items()},
    PAIRS: _dict_of,
    MESSAGE: _message_of,
    HOOKED: _alone.put_together,
}


def _build_deep(code: int, data: bytes) -> Any:
    try:
        return _alone.build(_Deferred(code, data))
    except BaseException as error:
        _raised.note(error)
        raise


def _ext_hook(nested: ExtHook) -> ExtHook:
    def hook(code: int, data: bytes) -> Any:
        try:
            if code == _TUPLE:
                return tuple(unpack(data, ext_hook=nested))
            if (unpacker := UNPACKERS.get(code)) is not None:
                return unpacker(data)
            if (builder := _BUILDERS.get(code)) is not None:
                return builder(unpack(data, ext_hook=nested))
            raise CodecError(text("codec.extension", code=code))
        except BaseException as error:
            _raised.note(error)
            raise

    return hook


ext_hook: ExtHook = _build_deep
for _ in range(_UNPACKED_LEVELS):
    ext_hook = _ext_hook(ext_hook)
