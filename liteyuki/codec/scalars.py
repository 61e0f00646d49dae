"""The values without parts that MessagePack lacks: each is one extension, a code and a few bytes."""

import datetime
import decimal
import os
import pathlib
import struct
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["BYTEARRAY", "FIRST_CODE", "PACKERS", "UNPACKERS"]

FIRST_CODE: Final = 100
"""Of our extensions. Those that others make have low numbers, and so are refused where they arrive."""
(
    _INT,
    _COMPLEX,
    BYTEARRAY,
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
) = range(FIRST_CODE, FIRST_CODE + 13)

_DOUBLES: Final = struct.Struct("<dd")
_ORDINAL: Final = struct.Struct("<I")
_DELTA: Final = struct.Struct("<iII")
_MOMENT: Final = struct.Struct("<HBBBBBIB")
_TIME_OF_DAY: Final = struct.Struct("<BBBIB")

# How the bytes of a time zone begin; there are none for no zone.
_UTC, _OFFSET, _NAMED_OFFSET, _KEY = b"u", b"o", b"n", b"k"

_PosixPath = type(pathlib.Path()) if os.name == "posix" else pathlib.PurePosixPath
_WindowsPath = type(pathlib.Path()) if os.name == "nt" else pathlib.PureWindowsPath


def _pack_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)


def _pack_text(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def _zone_info() -> "type[ZoneInfo]":
    # When a zone comes by: it takes memory with all that it loads, and few main processes ever see one.
    from zoneinfo import ZoneInfo

    return ZoneInfo


def _pack_zone(zone: datetime.tzinfo | None) -> bytes:
    """Raises `TypeError` for a zone that is somebody's own class."""
    if zone is None:
        return b""
    if zone is datetime.timezone.utc:
        return _UTC
    if type(zone) is datetime.timezone:
        offset, name = zone.utcoffset(None), zone.tzname(None)
        packed = _DELTA.pack(offset.days, offset.seconds, offset.microseconds)
        if name == datetime.timezone(offset).tzname(None):
            return _OFFSET + packed
        return _NAMED_OFFSET + packed + _pack_text(name)
    zone_info = _zone_info()
    if type(zone) is zone_info and zone.key is not None:
        return _KEY + _pack_text(zone.key)
    raise TypeError(type(zone).__qualname__)


def _unpack_zone(data: bytes) -> datetime.tzinfo | None:
    if not data:
        return None
    kind, rest = data[:1], data[1:]
    if data == _UTC:
        return datetime.timezone.utc
    if kind == _KEY:
        return _zone_info()(rest.decode("utf-8"))
    offset, name = datetime.timedelta(*_DELTA.unpack(rest[: _DELTA.size])), rest[_DELTA.size :]
    if kind == _NAMED_OFFSET:
        return datetime.timezone(offset, name.decode("utf-8", "surrogatepass"))
    if kind == _OFFSET and not name:
        return datetime.timezone(offset)
    raise ValueError(data)


def _pack_datetime(value: datetime.datetime) -> bytes:
    day = value.year, value.month, value.day
    packed = _MOMENT.pack(*day, value.hour, value.minute, value.second, value.microsecond, value.fold)
    return packed + _pack_zone(value.tzinfo)


def _unpack_datetime(data: bytes) -> datetime.datetime:
    year, month, day, hour, minute, second, microsecond, fold = _MOMENT.unpack_from(data)
    zone = _unpack_zone(data[_MOMENT.size :])
    return datetime.datetime(year, month, day, hour, minute, second, microsecond, zone, fold=fold)


def _pack_time(value: datetime.time) -> bytes:
    packed = _TIME_OF_DAY.pack(value.hour, value.minute, value.second, value.microsecond, value.fold)
    return packed + _pack_zone(value.tzinfo)


def _unpack_time(data: bytes) -> datetime.time:
    hour, minute, second, microsecond, fold = _TIME_OF_DAY.unpack_from(data)
    return datetime.time(hour, minute, second, microsecond, _unpack_zone(data[_TIME_OF_DAY.size :]), fold=fold)


def _path_unpacker(kind: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: kind(data.decode("utf-8", "surrogatepass"))


PACKERS: Final[dict[type, tuple[int, Callable[[Any], bytes]]]] = {
    pathlib.PureWindowsPath: (_PURE_WINDOWS_PATH, _pack_text),
    pathlib.PurePosixPath: (_PURE_POSIX_PATH, _pack_text),
    pathlib.WindowsPath: (_WINDOWS_PATH, _pack_text),
    pathlib.PosixPath: (_POSIX_PATH, _pack_text),
    int: (_INT, _pack_int),
    complex: (_COMPLEX, lambda value: _DOUBLES.pack(value.real, value.imag)),
    bytearray: (BYTEARRAY, bytes),
    datetime.datetime: (_DATETIME, _pack_datetime),
    datetime.date: (_DATE, lambda value: _ORDINAL.pack(value.toordinal())),
    datetime.time: (_TIME, _pack_time),
    datetime.timedelta: (_TIMEDELTA, lambda value: _DELTA.pack(value.days, value.seconds, value.microseconds)),
    decimal.Decimal: (_DECIMAL, lambda value: str(value).encode()),
    uuid.UUID: (_UUID, lambda value: value.bytes),
}
"""By type: its code, and what makes bytes of a value. A date with a zone of somebody's own class raises `TypeError`."""

UNPACKERS: Final[dict[int, Callable[[bytes], object]]] = {
    _INT: lambda data: int.from_bytes(data, "little", signed=True),
    _COMPLEX: lambda data: complex(*_DOUBLES.unpack(data)),
    BYTEARRAY: bytearray,
    _DATETIME: _unpack_datetime,
    _DATE: lambda data: datetime.date.fromordinal(*_ORDINAL.unpack(data)),
    _TIME: _unpack_time,
    _TIMEDELTA: lambda data: datetime.timedelta(*_DELTA.unpack(data)),
    _DECIMAL: lambda data: decimal.Decimal(data.decode("ascii")),
    _UUID: lambda data: uuid.UUID(bytes=data),
    _PURE_POSIX_PATH: _path_unpacker(pathlib.PurePosixPath),
    _POSIX_PATH: _path_unpacker(_PosixPath),
    _PURE_WINDOWS_PATH: _path_unpacker(pathlib.PureWindowsPath),
    _WINDOWS_PATH: _path_unpacker(_WindowsPath),
}
"""By code: what makes the value again. Raises one thing or another for bytes that no packer makes."""
