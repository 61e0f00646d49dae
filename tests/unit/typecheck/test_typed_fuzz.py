"""Typed channels and any type at all: values of it are taken, and one wrong place is found."""

import dataclasses
import datetime
import enum
import uuid
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import Annotated, Any, Dict, List, Literal, NewType, Union

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, create_model
from typing_extensions import NotRequired, Required, TypedDict

from liteyuki.comm.typecheck import check_for

# ruff: noqa: UP006, UP007, UP035 - people still write `List` and `Union`

# To mypy, what is written with these is a value and no type.
LIST: Any = List
TUPLE: Any = tuple
SEQUENCE: Any = Sequence
SET: Any = AbstractSet
REQUIRED: Any = Required
NOT_REQUIRED: Any = NotRequired
TYPED_DICT: Any = TypedDict

UserId = NewType("UserId", int)


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Foreign:
    """What no annotation here takes."""

    def __repr__(self) -> str:
        return "Foreign()"


@dataclasses.dataclass(frozen=True)
class Case:
    """A type, values of it, and with one place replaced by what belongs nowhere: these with the path of that place.

    `outer` is what a union must tell it by.
    """

    annotation: Any
    outer: frozenset[str]
    good: st.SearchStrategy[Any]
    spoiled: st.SearchStrategy[tuple[Any, str]]
    is_hashable: bool = False

    def __repr__(self) -> str:
        return f"Case({self.annotation})"


def leaf(annotation: Any, good: st.SearchStrategy[Any]) -> Case:
    spoiled = st.builds(lambda: (Foreign(), ""))
    return Case(annotation, frozenset({str(annotation)}), good, spoiled, is_hashable=True)


LEAVES = [
    leaf(None, st.none()),
    leaf(bool, st.booleans()),
    leaf(int, st.integers()),
    leaf(float, st.floats(allow_nan=False) | st.integers(min_value=-9, max_value=9)),
    leaf(str, st.text(max_size=3)),
    leaf(bytes, st.binary(max_size=3)),
    leaf(Decimal, st.decimals(allow_nan=False)),
    leaf(datetime.datetime, st.datetimes()),
    leaf(uuid.UUID, st.uuids()),
    leaf(Colour, st.sampled_from(Colour)),
    leaf(UserId, st.integers()),
    leaf(Literal["a", 1, None], st.sampled_from(["a", 1, None])),
]


def sequence_of(annotation: Any, outer: set[str], item: Case, make: Callable[[list[Any]], Any], hashable: bool) -> Case:
    items = st.lists(item.good, max_size=3)

    @st.composite
    def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
        around = draw(items)
        bad, path = draw(item.spoiled)
        at = draw(st.integers(0, len(around)))
        value = make([*around[:at], bad, *around[at:]])
        return value, f"[{[element is bad for element in value].index(True)}]{path}"

    return Case(annotation, frozenset(outer), items.map(make), spoiled(), hashable and item.is_hashable)


def tuple_of(parts: list[Case]) -> Case:
    @st.composite
    def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
        value = [draw(part.good) for part in parts]
        at = draw(st.integers(0, len(parts)))
        if at == len(parts):
            return (*value, Foreign()), ""
        value[at], path = draw(parts[at].spoiled)
        return tuple(value), f"[{at}]{path}"

    annotation = TUPLE[tuple(part.annotation for part in parts)]
    good = st.tuples(*(part.good for part in parts))
    return Case(annotation, frozenset({"tuple"}), good, spoiled(), all(part.is_hashable for part in parts))


def mapping_of(kind: Any, key: Case, value: Case) -> Case:
    items = st.dictionaries(key.good, value.good, max_size=3)

    @st.composite
    def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
        made = draw(items)
        if draw(st.booleans()):
            bad_key, path = draw(key.spoiled)
            return {**made, bad_key: draw(value.good)}, f"<{bad_key!r}>{path}"
        place = draw(key.good)
        made.pop(place, None)
        made[place], path = draw(value.spoiled)
        return made, f"[{place!r}]{path}"

    return Case(kind[key.annotation, value.annotation], frozenset({"dict"}), items, spoiled())


def object_of(parts: list[Case], make_class: Callable[[dict[str, Any]], Any]) -> Case:
    cls = make_class({f"f{number}": part.annotation for number, part in enumerate(parts)})
    make = cls.model_construct if issubclass(cls, BaseModel) else cls

    @st.composite
    def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
        fields = {f"f{number}": draw(part.good) for number, part in enumerate(parts)}
        at = draw(st.integers(0, len(parts) - 1))
        fields[f"f{at}"], path = draw(parts[at].spoiled)
        return make(**fields), f".f{at}{path}"

    good = st.builds(make, **{f"f{number}": part.good for number, part in enumerate(parts)})
    return Case(cls, frozenset({str(id(cls))}), good, spoiled())


def typed_dict_of(parts: list[Case], required: list[bool]) -> Case:
    fields = {f"k{number}": part for number, part in enumerate(parts)}
    needed = {name for name, is_needed in zip(fields, required, strict=False) if is_needed}
    annotations = {
        name: (REQUIRED if name in needed else NOT_REQUIRED)[part.annotation] for name, part in fields.items()
    }
    good = st.fixed_dictionaries(
        {name: part.good for name, part in fields.items() if name in needed},
        optional={name: part.good for name, part in fields.items() if name not in needed},
    )

    @st.composite
    def spoiled(draw: st.DrawFn) -> tuple[Any, str]:
        made = draw(good)
        place = draw(st.sampled_from([*fields, "foreign"]))
        if place == "foreign":
            return {**made, place: 1}, f"<{place!r}>"
        if place in needed and draw(st.booleans()):
            del made[place]
            return made, f"[{place!r}]"
        made[place], path = draw(fields[place].spoiled)
        return made, f"[{place!r}]{path}"

    return Case(TYPED_DICT("Made", annotations), frozenset({"dict"}), good, spoiled())


def union_of(one: Case, other: Case) -> Case:
    return Case(
        Union[one.annotation, other.annotation],
        one.outer | other.outer,
        one.good | other.good,
        one.spoiled | other.spoiled,
        one.is_hashable and other.is_hashable,
    )


def dataclass_with(fields: dict[str, Any]) -> Any:
    return dataclasses.make_dataclass("Made", fields.items())


def model_with(fields: dict[str, Any]) -> Any:
    made: Any = create_model
    return made("Made", **{name: (annotation, ...) for name, annotation in fields.items()})


@st.composite
def cases(draw: st.DrawFn, levels: int = 3) -> Case:
    """Types that hold others, as many levels deep as asked for."""
    kinds = ["sequence", "set", "tuple", "mapping", "dataclass", "model", "typed dict", "union", "annotated"]
    kind = draw(st.sampled_from(["leaf", *kinds])) if levels else "leaf"
    if kind == "leaf":
        return draw(st.sampled_from(LEAVES))
    case = draw(cases(levels - 1))
    it = case.annotation
    if kind == "sequence":
        annotation, outer, make = draw(
            st.sampled_from(
                [
                    (LIST[it], {"list"}, list),
                    (TUPLE[it, ...], {"tuple"}, tuple),
                    (SEQUENCE[it], {"list", "tuple", str(str), str(bytes)}, draw(st.sampled_from([list, tuple]))),
                ]
            )
        )
        return sequence_of(annotation, outer, case, make, make is tuple)
    if kind == "set":
        item = draw(st.sampled_from(LEAVES))
        make = draw(st.sampled_from([set, frozenset]))
        return sequence_of(draw(st.sampled_from([SET, make]))[item.annotation], {"set"}, item, make, False)
    if kind == "mapping":
        return mapping_of(draw(st.sampled_from([dict, Dict, Mapping])), draw(st.sampled_from(LEAVES)), case)
    if kind == "annotated":
        return dataclasses.replace(case, annotation=Annotated[it, "any"])
    others = draw(st.lists(cases(levels - 1), min_size=1, max_size=2))
    if kind == "union":
        return case if case.outer & others[0].outer else union_of(case, others[0])
    if kind == "tuple":
        return tuple_of([case, *others])
    if kind == "typed dict":
        return typed_dict_of([case, *others], draw(st.lists(st.booleans(), min_size=3, max_size=3)))
    return object_of([case, *others], dataclass_with if kind == "dataclass" else model_with)


MANY = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@given(cases(), st.data())
@MANY
def test_any_value_of_any_type_is_taken(case: Case, data: st.DataObject) -> None:
    checker = check_for(case.annotation)
    assert checker is not None
    assert checker.problem(data.draw(case.good)) is None


@given(cases(), st.data())
@MANY
def test_a_value_with_one_wrong_place_is_refused_with_that_place(case: Case, data: st.DataObject) -> None:
    checker = check_for(case.annotation)
    assert checker is not None
    value, path = data.draw(case.spoiled)
    problem = checker.problem(value)
    assert problem is not None
    assert problem.path == path
