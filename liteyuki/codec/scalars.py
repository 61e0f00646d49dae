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

__all__ = ["FIRST_CODE", "NEXT_CODE", "PACKERS", "UNPACKERS"]

_DOUBLES: Final = struct.Struct("<dd")
_ORDINAL: Final = struct.Struct("<I")
_DELTA: Final = struct.Struct("<iII")
_MOMENT: Final = struct.Struct("<HBBBBBIB")
_TIME_OF_DAY: Final = struct.Struct("<BBBIB")

# How the bytes of a time zone begin; there are none for no zone.
_UTC, _OFFSET, _NAMED_OFFSET, _KEY = b"u", b"o", b"n", b"k"


def _pack_int(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 8) // 8, "little", signed=True)


def _pack_text(value: object) -> bytes:
    return str(value).encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


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
        is_named = name != datetime.timezone(offset).tzname(None)
        return _NAMED_OFFSET + packed + _pack_text(name) if is_named else _OFFSET + packed
    zone_info = _zone_info()
    if type(zone) is zone_info and zone.key is not None:
        return _KEY + _pack_text(zone.key)
    raise TypeError(type(zone).__qualname__)


def _unpack_zone(data: bytes) -> datetime.tzinfo | None:
    kind, rest = data[:1], data[1:]
    if not rest:
        return {b"": None, _UTC: datetime.timezone.utc}[kind]
    if kind == _KEY:
        return _zone_info()(_text(rest))
    offset, name = datetime.timedelta(*_DELTA.unpack_from(rest)), _text(rest[_DELTA.size :])
    return {_OFFSET: datetime.timezone(offset), _NAMED_OFFSET: datetime.timezone(offset, name)}[kind]


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


_Packer = Callable[[Any], bytes]
_Unpacker = Callable[[bytes], object]


def _path(kind: type, built: Callable[[str], object]) -> tuple[type, _Packer, _Unpacker]:
    return kind, _pack_text, lambda data: built(_text(data))


# By their order they have their codes; whoever adds one adds it at the end.
_SCALARS: Final[list[tuple[type, _Packer, _Unpacker]]] = [
    (int, _pack_int, lambda data: int.from_bytes(data, "little", signed=True)),
    (complex, lambda value: _DOUBLES.pack(value.real, value.imag), lambda data: complex(*_DOUBLES.unpack(data))),
    (bytearray, bytes, bytearray),
    (datetime.datetime, _pack_datetime, _unpack_datetime),
    (
        datetime.date,
        lambda value: _ORDINAL.pack(value.toordinal()),
        lambda data: datetime.date.fromordinal(*_ORDINAL.unpack(data)),
    ),
    (datetime.time, _pack_time, _unpack_time),
    (
        datetime.timedelta,
        lambda value: _DELTA.pack(value.days, value.seconds, value.microseconds),
        lambda data: datetime.timedelta(*_DELTA.unpack(data)),
    ),
    (decimal.Decimal, _pack_text, lambda data: decimal.Decimal(data.decode("ascii"))),
    (uuid.UUID, lambda value: value.bytes, lambda data: uuid.UUID(bytes=data)),
    _path(pathlib.PurePosixPath, pathlib.PurePosixPath),
    _path(pathlib.PureWindowsPath, pathlib.PureWindowsPath),
    # A path of another system's is pure here.
    _path(pathlib.PosixPath, pathlib.PosixPath if os.name == "posix" else pathlib.PurePosixPath),
    _path(pathlib.WindowsPath, pathlib.WindowsPath if os.name == "nt" else pathlib.PureWindowsPath),
]
FIRST_CODE: Final = 100
"""Of our extensions. Those that others make have low numbers, and so are refused where they arrive."""
NEXT_CODE: Final = FIRST_CODE + len(_SCALARS)

PACKERS: Final = {kind: (code, pack) for code, (kind, pack, _) in enumerate(_SCALARS, FIRST_CODE)}
"""By type: its code, and what makes bytes of a value. A date with a zone of somebody's own class raises `TypeError`."""
UNPACKERS: Final = {code: unpack for code, (_, _, unpack) in enumerate(_SCALARS, FIRST_CODE)}
"""By code: what makes the value again. Raises one thing or another for bytes that no packer makes."""
