"""Values of every kind that channels carry, as hypothesis strategies, and what it means to arrive the same."""

import dataclasses
import datetime
import enum
import pathlib
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr

from liteyuki.comm import message


@message(name="values.Colour")
class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)
    NOTHING = None


@message(name="values.Level")
class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@message(name="values.Word")
class Word(str, enum.Enum):
    YES = "yes"
    NO = "no"


@message(name="values.Right")
class Right(enum.Flag):
    READ = enum.auto()
    WRITE = enum.auto()
    RUN = enum.auto()


@message(name="values.Point")
@dataclasses.dataclass
class Point:
    x: Any
    y: Any = 0


@message(name="values.Frozen")
@dataclasses.dataclass(frozen=True)
class Frozen:
    name: Any
    tags: Any = ()


@message(name="values.Slotted")
@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    left: Any
    right: Any = dataclasses.field(default_factory=tuple)


@message(name="values.Model")
class Model(BaseModel):
    key: Any
    other: Any = None


@message(name="values.OpenModel")
class OpenModel(BaseModel):
    model_config = ConfigDict(extra="allow")

    key: Any
    _seen: Any = PrivateAttr(0)


_DAY = datetime.timedelta(days=1, microseconds=-1)

zones: st.SearchStrategy[datetime.tzinfo | None] = st.one_of(
    st.none(),
    st.just(datetime.timezone.utc),
    st.builds(datetime.timezone, st.timedeltas(-_DAY, _DAY)),
    st.builds(datetime.timezone, st.timedeltas(-_DAY, _DAY), st.text(max_size=20)),
    st.timezones(),
)


def _folded(make: Any) -> Any:
    return st.builds(lambda moment, fold: moment.replace(fold=fold), make(timezones=zones), st.sampled_from([0, 1]))


_parts = st.lists(st.text(max_size=5).filter(lambda part: "\0" not in part), max_size=4)

hashable_scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(1 << 80), max_value=1 << 80),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.dates(),
    st.timedeltas(),
    _folded(st.times),
    _folded(st.datetimes),
    st.decimals().filter(lambda number: not number.is_snan()),
    st.uuids(),
    st.builds(lambda parts: pathlib.PurePosixPath(*parts), _parts),
    st.builds(lambda parts: pathlib.PureWindowsPath(*parts), _parts),
    st.builds(lambda parts: pathlib.Path(*parts), _parts),
    st.sampled_from([*Colour, *Level, *Word]),
    st.builds(Right, st.integers(min_value=0, max_value=7)),
)


def _hashable_containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(items, max_size=4).map(tuple),
        st.frozensets(items, max_size=4),
        st.builds(Frozen, items, items),
        st.builds(Slotted, items),
    )


hashables = st.recursive(hashable_scalars, _hashable_containers, max_leaves=4)


def _containers(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(items, max_size=5),
        st.lists(items, max_size=5).map(tuple),
        st.sets(hashables, max_size=4),
        st.dictionaries(st.text(), items, max_size=5),
        st.dictionaries(hashables, items, max_size=4),
        st.builds(Point, items),
        st.builds(Frozen, items, items),
        st.builds(Model, key=items),
        st.builds(OpenModel, key=items, more=items),
    )


values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(hashables, st.binary().map(bytearray), st.decimals()), _containers, max_leaves=12
)


def _zone(zone: datetime.tzinfo | None) -> object:
    return type(zone), str(zone), None if zone is None else zone.utcoffset(None)


def _moment(value: datetime.datetime | datetime.time) -> object:
    return value.replace(tzinfo=None), value.fold, _zone(value.tzinfo)


# What tells two values of one type apart; equality does for all others.
_ESSENCE: dict[type, Callable[[Any], object]] = {
    float: lambda value: struct.pack("<d", value),
    complex: lambda value: struct.pack("<dd", value.real, value.imag),
    Decimal: lambda value: value.as_tuple(),
    datetime.datetime: _moment,
    datetime.time: _moment,
}


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of the same types, with all that they hold; NaN is NaN, order counts."""
    kind = type(one)
    if kind is not type(other):
        return False
    if kind in _ESSENCE:
        return _ESSENCE[kind](one) == _ESSENCE[kind](other)
    if kind in (list, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if kind is dict:
        return len(one) == len(other) and all(map(same, one.items(), other.items()))
    if kind in (set, frozenset):
        left = list(other)
        for item in one:
            match = next((i for i, candidate in enumerate(left) if same(item, candidate)), None)
            if match is None:
                return False
            del left[match]
        return not left
    if isinstance(one, BaseModel):
        state = "__dict__", "model_extra", "model_fields_set", "__pydantic_private__"
        return all(same(getattr(one, part), getattr(other, part)) for part in state)
    if dataclasses.is_dataclass(one):
        return all(same(getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
    if isinstance(one, pathlib.PurePath):
        return str(one) == str(other)
    return bool(one == other)
