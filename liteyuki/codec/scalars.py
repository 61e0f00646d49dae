"""The values without parts that MessagePack lacks: each is one extension type, a code and a few bytes."""

import datetime
import decimal
import os
import pathlib
import struct
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import ormsgpack

from liteyuki.locale import text

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["carries", "fits_64_bits", "pack", "unpack"]

(
    _INT,
    _COMPLEX,
    _BYTEARRAY,
    _DATETIME,
    _DATE,
    _TIME,
    _TIMEDELTA,
    _DECIMAL,
    _UUID,
    _PURE_POSIX_PATH,
    _POSIX_PATH,
    _PURE_WINDOWS_PATH,
    _WINDOWS_PATH,
) = range(1, 14)

_DOUBLES: Final = struct.Struct("<dd")
_INT_OF_DATE: Final = struct.Struct("<I")
_PARTS_OF_DELTA: Final = struct.Struct("<iII")
_ZONED_BYTES: Final = 256
"""More than any date with a zone takes; a longer one is refused before it is read."""

_PosixPath = type(pathlib.Path()) if os.name == "posix" else pathlib.PurePosixPath
_WindowsPath = type(pathlib.Path()) if os.name == "nt" else pathlib.PureWindowsPath


def fits_64_bits(value: int) -> bool:
    return -(1 << 63) <= value < 1 << 64


def carries(kind: type) -> bool:
    """Whether a value of exactly this type is such a scalar."""
    return kind in _PACK


def pack(value: object) -> tuple[int, bytes]:
    """Code and bytes. Raises `TypeError` if `value` is none of these, or its time zone cannot travel."""
    packer = _PACK.get(type(value))
    if packer is None:
        raise TypeError(type(value).__qualname__)
    code, function = packer
    return code, function(value)


def unpack(code: int, data: bytes) -> object:
    """The value again. Raises `ValueError` or a relative of it for anything that `pack` does not make."""
    unpacker = _UNPACK.get(code)
    if unpacker is None:
        raise ValueError(text("codec.extension", code=code))
    return unpacker(data)


def _pack_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)


def _zone_info() -> "type[ZoneInfo]":
    # When a zone comes by: it takes memory with all that it loads, and few main processes ever see one.
    from zoneinfo import ZoneInfo

    return ZoneInfo


def _pack_zone(zone: datetime.tzinfo | None) -> list[object]:
    if zone is None:
        return []
    if type(zone) is datetime.timezone:
        offset = zone.utcoffset(None)
        name = zone.tzname(None)
        named = name != datetime.timezone(offset).tzname(None)
        return [offset.days, offset.seconds, offset.microseconds, *([name] if named else [])]
    zone_info = _zone_info()
    if type(zone) is zone_info and zone.key is not None:
        return [zone.key]
    raise TypeError(type(zone).__qualname__)


def _unpack_zone(parts: list[Any]) -> datetime.tzinfo | None:
    if not parts:
        return None
    if isinstance(parts[0], str):
        return _zone_info()(parts[0])
    days, seconds, microseconds, *name = parts
    offset = datetime.timedelta(days, seconds, microseconds)
    return datetime.timezone(offset, *name) if name or offset else datetime.timezone.utc


def _packed(parts: list[object]) -> bytes:
    packed = ormsgpack.packb(parts)
    if len(packed) > _ZONED_BYTES:
        raise TypeError("the name of the time zone is too long")
    return packed


def _pack_datetime(value: datetime.datetime) -> bytes:
    return _packed(
        [
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
            value.fold,
            *_pack_zone(value.tzinfo),
        ]
    )


def _pack_time(value: datetime.time) -> bytes:
    return ormsgpack.packb(
        [value.hour, value.minute, value.second, value.microsecond, value.fold, *_pack_zone(value.tzinfo)]
    )


def _parts(data: bytes) -> list[Any]:
    if len(data) > _ZONED_BYTES:
        raise ValueError(text("codec.structure"))
    parts = ormsgpack.unpackb(data)
    if not isinstance(parts, list):
        raise ValueError(text("codec.structure"))
    return parts


def _unpack_datetime(data: bytes) -> datetime.datetime:
    year, month, day, hour, minute, second, microsecond, fold, *zone = _parts(data)
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, _unpack_zone(zone), fold=fold)


def _unpack_time(data: bytes) -> datetime.time:
    hour, minute, second, microsecond, fold, *zone = _parts(data)
    return datetime.time(hour, minute, second, microsecond, _unpack_zone(zone), fold=fold)


def _pack_path(value: pathlib.PurePath) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def _path_unpacker(kind: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: kind(data.decode("utf-8", "surrogatepass"))


_PACK: Final[dict[type, tuple[int, Callable[[Any], bytes]]]] = {
    pathlib.PureWindowsPath: (_PURE_WINDOWS_PATH, _pack_path),
    pathlib.PurePosixPath: (_PURE_POSIX_PATH, _pack_path),
    pathlib.WindowsPath: (_WINDOWS_PATH, _pack_path),
    pathlib.PosixPath: (_POSIX_PATH, _pack_path),
    int: (_INT, _pack_int),
    complex: (_COMPLEX, lambda value: _DOUBLES.pack(value.real, value.imag)),
    bytearray: (_BYTEARRAY, bytes),
    datetime.datetime: (_DATETIME, _pack_datetime),
    datetime.date: (_DATE, lambda value: _INT_OF_DATE.pack(value.toordinal())),
    datetime.time: (_TIME, _pack_time),
    datetime.timedelta: (
        _TIMEDELTA,
        lambda value: _PARTS_OF_DELTA.pack(value.days, value.seconds, value.microseconds),
    ),
    decimal.Decimal: (_DECIMAL, lambda value: str(value).encode()),
    uuid.UUID: (_UUID, lambda value: value.bytes),
}

_UNPACK: Final[dict[int, Callable[[bytes], object]]] = {
    _INT: lambda data: int.from_bytes(data, "little", signed=True),
    _COMPLEX: lambda data: complex(*_DOUBLES.unpack(data)),
    _BYTEARRAY: bytearray,
    _DATETIME: _unpack_datetime,
    _DATE: lambda data: datetime.date.fromordinal(*_INT_OF_DATE.unpack(data)),
    _TIME: _unpack_time,
    _TIMEDELTA: lambda data: datetime.timedelta(*_PARTS_OF_DELTA.unpack(data)),
    _DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    _UUID: lambda data: uuid.UUID(bytes=data),
    _PURE_POSIX_PATH: _path_unpacker(pathlib.PurePosixPath),
    _POSIX_PATH: _path_unpacker(_PosixPath),
    _PURE_WINDOWS_PATH: _path_unpacker(pathlib.PureWindowsPath),
    _WINDOWS_PATH: _path_unpacker(_WindowsPath),
}
