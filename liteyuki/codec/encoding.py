"""Values <-> bytes, with no I/O and no pickle: receiving runs nothing.

MessagePack through ormsgpack carries most values as they are. What it lacks travels as extension types: scalars
(`Decimal`, `datetime`, ...) as one extension each; containers as marked lists (`containers.py`). Only a value that
holds such a container needs a walk in Python, here and over there; the flag `TAGGED` tells the receiver. Large `bytes`
travel as they are (`RAW`), and buffers of codec hooks beside the value (`BUFFERS`), so that nobody copies them more
than once.
"""

import struct
import sys
from collections.abc import Collection
from typing import Any, Final

import ormsgpack

from liteyuki.codec import scalars
from liteyuki.codec.containers import MAX_DEPTH, CodecError, HandOver, Tagger, TakeIn, Unsendable, Untagger
from liteyuki.codec.msgpack_guard import CRASHES_ON_CLAIMS, claims_too_much
from liteyuki.codec.payload import BUFFERS, LARGE_BYTES, RAW, TAGGED, Buffer
from liteyuki.locale import text

__all__ = [
    "decode",
    "decode_batch",
    "encode",
    "encode_parts",
    "encode_plain",
]

_ALIGNMENT: Final = 64
_COUNT: Final = struct.Struct("<I")
_STRICT: Final = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_NOT_PLAIN: Final = TAGGED | RAW | BUFFERS
# Looked up once; with what a small value costs, looking up is a good part.
_pack: Final = ormsgpack.packb
_count_references: Final = sys.getrefcount
_unpack: Final = ormsgpack.unpackb
_unpack_scalar: Final = scalars.unpack
_HARMLESS: Final = frozenset({type(None), bool, int, float, str, bytes})
_EXTENSION: Final = bytes([*range(0xC7, 0xCA), *range(0xD4, 0xD9)])
"""How MessagePack begins extensions."""
_NOT_A_VALUE: Final = (struct.error, ValueError, TypeError, OverflowError, ArithmeticError, LookupError, AttributeError)


def encode_plain(value: object) -> bytes | None:
    """The payload of a value that needs no flags; None if it does, or no channel carries it."""
    kind = type(value)
    if kind is bytes and len(value) > LARGE_BYTES:  # type: ignore[arg-type]
        return None
    try:
        payload = _pack(value, _scalar, _STRICT)
    except TypeError:
        return None
    if kind is str:
        return payload
    # How MessagePack begins bytes. CJK text has none of these, so many messages hold none.
    if 0xC4 in payload or 0xC5 in payload or 0xC6 in payload:
        return None if _holds_impostor(value) else payload
    if _count_references(ormsgpack.Ext) != _EXT_REFERENCES and _holds_extension(payload) and _holds_impostor(value):
        return None
    return payload


def encode_parts(value: object, hand_over: HandOver | None = None) -> tuple[int, list[Buffer]]:
    """Flags, and the payload in parts that nobody has joined.

    Raises `TypeError`, naming the type, the place inside the value and the way out, if no channel carries it.
    """
    if type(value) is bytes and len(value) > LARGE_BYTES:
        return RAW, [value]
    payload = encode_plain(value)
    if payload is not None:
        return 0, [payload]
    tagger = Tagger(hand_over)
    try:
        tagged = tagger.tag(value)
    except Unsendable as error:
        raise TypeError(str(error)) from None
    try:
        payload = ormsgpack.packb(tagged, _scalar, _STRICT)
    except TypeError as error:
        # What the walk cannot know before: a str with lone surrogates.
        raise TypeError(text("error.unsendable_str")) from error
    if not tagger.buffers:
        return TAGGED, [payload]
    return TAGGED | BUFFERS, _laid_out([payload, *tagger.buffers])


def encode(value: object) -> tuple[int, bytes]:
    """Flags and payload of `value`. Raises as `encode_parts` does."""
    if type(value) is str and value.isascii():
        return 0, ormsgpack.packb(value)  # the quick way: nothing about it can fail
    payload = encode_plain(value)
    if payload is not None:
        return 0, payload
    flags, parts = encode_parts(value)
    return flags, b"".join(parts)


def decode(flags: int, payload: Buffer, take_in: TakeIn | None = None, *, depth: int = MAX_DEPTH) -> Any:
    """The value that `encode` was given. Raises `CodecError` for anything that `encode` does not make."""
    try:
        if CRASHES_ON_CLAIMS and not flags & (RAW | BUFFERS) and claims_too_much(payload):
            raise CodecError(text("codec.structure"))
        if not flags & _NOT_PLAIN:
            return _unpack(payload, ext_hook=_unpack_scalar)
        if flags & RAW:
            return payload if type(payload) is bytes else bytes(payload)
        buffers: list[memoryview] = []
        if flags & BUFFERS:
            # A small frame comes as `bytes`, and what is made of buffers may be written to.
            payload, *buffers = _cut(memoryview(bytearray(payload) if type(payload) is bytes else payload))
        untagger = Untagger(buffers, take_in)
        return untagger.untag(ormsgpack.unpackb(payload, ext_hook=untagger.extension), depth)
    except CodecError:
        raise
    except (Exception, SystemExit) as error:
        # What is no value raises many things; so may the classes and hooks of plugins.
        known = isinstance(error, _NOT_A_VALUE)
        told = str(error) if known else type(error).__name__
        raise CodecError(f"{told} ({error.__cause__})" if known and error.__cause__ else told) from error


def decode_batch(payload: Buffer) -> list[Any]:
    """The values of a batch. Raises `CodecError` as `decode` does."""
    values = decode(0, payload, depth=MAX_DEPTH + 1)
    if type(values) is not list or not values:
        raise CodecError(text("codec.structure"))
    return values


def _scalar(value: object) -> object:
    """ormsgpack's `default`: the extension of a scalar. A container ends in TypeError, and then in the walk."""
    return ormsgpack.Ext(*scalars.pack(value))


def _references_of_class() -> int:
    """How many there are to `ormsgpack.Ext` as long as nobody has an object of it: each of those is one more.

    So an extension, which no channel carries, need not be looked for in every message. -1 where that is not so.
    """
    before = _count_references(ormsgpack.Ext)
    one = ormsgpack.Ext(0, b"")
    return before if _count_references(type(one)) == before + 1 else -1


_EXT_REFERENCES: Final = _references_of_class()


def _holds_extension(payload: bytes) -> bool:
    # `translate` is many times as fast as a regular expression.
    return len(payload.translate(None, _EXTENSION)) < len(payload)


def _holds_impostor(value: object) -> bool:
    """Whether ormsgpack has packed, without asking `default`, what would arrive as another type."""
    if type(value) is dict:
        items: Collection[object] = value.values()
    elif type(value) is list:
        items = value
    else:
        return isinstance(value, (bytearray, memoryview, ormsgpack.Ext))
    # Most containers hold nothing but plain values, and this tells without a step of Python for each.
    if _HARMLESS.issuperset(map(type, items)):
        return False
    return any(map(_holds_impostor, items))


def _laid_out(parts: list[Buffer]) -> list[Buffer]:
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    laid_out: list[Buffer] = [_COUNT.pack(len(parts)) + lengths]
    size = len(laid_out[0])
    for part in parts:
        padding = -size % _ALIGNMENT
        if padding:
            laid_out.append(bytes(padding))
        laid_out.append(part)
        size += padding + len(part)
    return laid_out


def _cut(payload: memoryview) -> list[memoryview]:
    (count,) = _COUNT.unpack_from(payload)
    if _COUNT.size + 8 * count > len(payload):
        raise CodecError(text("codec.structure"))
    position = _COUNT.size + 8 * count
    parts = []
    for length in struct.unpack_from(f"<{count}Q", payload, _COUNT.size):
        position += -position % _ALIGNMENT
        if length > len(payload) - position:
            raise CodecError(text("codec.structure"))
        parts.append(payload[position : position + length])
        position += length
    if not parts or position != len(payload):
        raise CodecError(text("codec.structure"))
    return parts
