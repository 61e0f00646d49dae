"""Values <-> bytes, with no I/O and no pickle: receiving runs nothing.

MessagePack through ormsgpack carries most values as they are. What it lacks travels as extensions: scalars
(`Decimal`, `datetime`, ...) as a few bytes each, containers (`tuple`, `set`, classes) as a payload of their own.
Large `bytes` travel as they are (`RAW`), and buffers of codec hooks beside the value (`BUFFERS`), so that nobody
copies them more than once.
"""

import struct
from collections.abc import Collection
from typing import Any, Final

import ormsgpack

from liteyuki.codec.classes import entry_of
from liteyuki.codec.containers import (
    PAIRS,
    PLAIN,
    SEQUENCES,
    STRICT,
    Rebuilder,
    TakeIn,
    default_hook,
    ext_hook,
    reason_for,
)
from liteyuki.codec.msgpack_guard import unpack
from liteyuki.codec.payload import BUFFERS, LARGE_BYTES, RAW, Buffer, CodecError, cut, lay_out
from liteyuki.codec.scalars import PACKERS
from liteyuki.codec.walk import HandOver, Walk
from liteyuki.locale import text

__all__ = ["decode", "decode_batch", "encode", "encode_parts", "encode_plain"]

_pack: Final = ormsgpack.packb
_head: Final = struct.Struct(">BIB").pack
_EXT_32: Final = 0xC9
"""How MessagePack begins an extension: with this byte, its length and its code."""
_BYTEARRAY: Final = PACKERS[bytearray][0]
_IMPOSTORS: Final = frozenset({bytearray, memoryview, ormsgpack.Ext})


def encode_plain(value: object) -> bytes | None:
    """The payload of a value that needs no flags, no codec hook and no `HandOver`.

    None if it does, or no channel carries it.
    """
    payload = _pack_at_once(value)
    if payload is not None or type(value) is bytes:
        return payload
    try:
        return Walk(None, uses_hooks=False).pack(value)
    except TypeError:
        return None


def encode_parts(value: object, hand_over: HandOver | None = None) -> tuple[int, list[Buffer]]:
    """Flags, and the payload in parts that nobody has joined.

    Raises `TypeError`, naming the type, the place inside the value and the way out, if no channel carries it.
    """
    payload = _pack_at_once(value)
    return (0, [payload]) if payload is not None else _encode_slowly(value, hand_over)


def encode(value: object) -> tuple[int, bytes]:
    """Flags and payload of `value`. Raises as `encode_parts` does."""
    payload = _pack_at_once(value)
    if payload is not None:
        return 0, payload
    flags, parts = _encode_slowly(value)
    return flags, b"".join(parts)


def _encode_slowly(value: object, hand_over: HandOver | None = None) -> tuple[int, list[Buffer]]:
    if type(value) is bytes:
        return RAW, [value]
    walk = Walk(hand_over, uses_hooks=True)
    payload = walk.pack(value)
    return (BUFFERS, lay_out([payload, *walk.buffers])) if walk.buffers else (0, [payload])


def decode(flags: int, payload: Buffer, take_in: TakeIn | None = None) -> Any:
    """The value that `encode` was given. Raises `CodecError` for anything that `encode` does not make."""
    try:
        if not flags and take_in is None:
            return unpack(payload, ext_hook=ext_hook)
        if flags & RAW:
            return payload if type(payload) is bytes else bytes(payload)
        if flags & BUFFERS:
            payload, *buffers = cut(payload)
            return Rebuilder(buffers, take_in).unpack(payload)
        return unpack(payload, ext_hook=ext_hook) if take_in is None else Rebuilder((), take_in).unpack(payload)
    except (Exception, SystemExit) as error:
        # What is no value raises many things; so may the classes and hooks of plugins.
        raise CodecError(reason_for(error)) from error


def decode_batch(payload: Buffer) -> list[Any]:
    """The values of a batch: a MessagePack array of payloads without flags. Raises `CodecError` as `decode` does."""
    values = decode(0, payload)
    if type(values) is not list or not values:
        raise CodecError(text("codec.structure"))
    return values


def _pack_at_once(value: Any) -> bytes | None:
    """The payload of what ormsgpack carries with its hooks alone, which is nearly everything."""
    kind = type(value)
    payload: bytes
    try:
        if kind is dict and (not value or type(next(iter(value))) is str):
            payload = _pack(value, default_hook, STRICT)
        elif kind is str:
            return _pack(value)
        elif kind is bytes:
            return _pack(value) if len(value) <= LARGE_BYTES else None
        elif kind is bytearray:
            payload = _head(_EXT_32, len(value), _BYTEARRAY) + value
            return payload
        # The others as if ormsgpack had asked, in half the time.
        elif (code := SEQUENCES.get(kind)) is not None:
            content = _pack([*value], default_hook, STRICT)
            payload = _head(_EXT_32, len(content), code) + content
        elif kind is dict:
            content = _pack([[*value], [*value.values()]], default_hook, STRICT)
            payload = _head(_EXT_32, len(content), PAIRS) + content
        else:
            payload = _pack(value, default_hook, STRICT)
    except TypeError as error:
        reason_for(error)
        return None
    # How MessagePack begins bytes. CJK text has none of these, so many messages hold none.
    if (0xC4 in payload or 0xC5 in payload or 0xC6 in payload) and _holds_impostor(value):
        return None
    return payload


def _holds_impostor(value: Any) -> bool:
    """Whether ormsgpack has packed, without asking anybody, what would arrive as another type: `bytes`."""
    kind = type(value)
    if kind is dict:
        items: Collection[object] = value.values()
    elif kind is list or kind in SEQUENCES:
        items = value
    elif (entry := entry_of(kind)) is not None:
        items = entry.take_apart(value)
    else:
        return kind in _IMPOSTORS
    return any(_holds_impostor(item) for item in items if type(item) not in PLAIN)
