"""What an annotation stands for, how it is written in messages, and which cannot be checked."""

# ruff: noqa: UP006, UP007, UP035, UP045 - people still write `List` and `Optional`

import collections
import dataclasses
import importlib
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Dict,
    List,
    Literal,
    NewType,
    Optional,
    Tuple,
    Type,
    Union,
)

import pytest
import typing_extensions

from liteyuki.comm.typecheck import check_for
from tests.unit.typecheck.examples import Both, Box, Colour, Json, Node, Rest, T, Unnamed, UserId

if TYPE_CHECKING:
    from fractions import Fraction


@pytest.mark.parametrize(
    ("annotation", "description"),
    [
        (None, "None"),
        (Optional[Dict[str, Node]], "dict[str, Node] | None"),
        (tuple[Box[int], ...], "tuple[Box[int], ...]"),
        (Tuple[()], "tuple[()]"),
        (Tuple, "Tuple"),
        (Literal["a", Colour.RED], "Literal['a', Colour.RED]"),
        (List[Annotated[Optional["int"], 1]], "list[int | None]"),
        (Mapping[UserId, Any], "Mapping[UserId, Any]"),
        (Json, "Json"),
        (Both[int], "Both"),
        (Box[int], "Box"),
    ],
    ids=lambda it: None,
)
def test_a_type_is_described_as_people_write_it(annotation: Any, description: str) -> None:
    checker = check_for(annotation)
    assert checker is not None
    assert checker.description == description


@pytest.mark.parametrize(
    "annotation",
    [Any, object, T, typing_extensions.Any, Annotated[Any, 1], Union[int, Any], Optional[T], NewType("N", object)],
)
def test_nothing_is_checked_where_anything_goes(annotation: Any) -> None:
    assert check_for(annotation) is None


# --- annotations that cannot be checked


@dataclasses.dataclass
class Calling:
    back: list[Callable[[int], str]]


@dataclasses.dataclass
class Unknown:
    share: "Fraction"


@pytest.mark.parametrize(
    ("annotation", "part"),
    [
        (Callable[[int], str], "Callable[[int], str]"),
        (collections.abc.Callable, "Callable"),
        (tuple[int, Callable[..., None]], "Callable[..., None]"),
        (Calling, "Callable[[int], str]"),
        (Type[int], "type[int]"),
        (Unnamed, "Unnamed"),
        (tuple[int, typing_extensions.Unpack[Tuple[str, ...]]], "Unpack[tuple[str, ...]]"),
        (list[1], "1"),  # type: ignore[valid-type]
        (Rest[int, str], "Unpack[Ts]"),
    ],
    ids=lambda it: None,
)
def test_a_type_that_cannot_be_checked_is_refused_by_name(annotation: Any, part: str) -> None:
    with pytest.raises(TypeError, match=f" {re.escape(part)}；.*Any"):
        check_for(annotation)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="an unpacked tuple is new in Python 3.11")
def test_an_unpacked_tuple_is_no_tuple_in_a_tuple() -> None:
    unpacked: Any = iter(tuple[str, ...])  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="Any"):
        check_for(tuple[(int, next(unpacked))])  # type: ignore[misc]


@pytest.mark.parametrize(
    ("annotation", "name"),
    [(Unknown, "Fraction"), ("Nowhere", "Nowhere"), (List["None.no"], "None.no")],  # type: ignore[valid-type]
)
def test_a_name_that_is_not_known_at_run_time_is_refused_with_the_way_out(annotation: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}.*TYPE_CHECKING"):
        check_for(annotation)


def test_a_class_inside_a_function_may_hold_itself() -> None:
    @dataclasses.dataclass
    class Local:
        next: "Local | None" = None

    checker = check_for(Local)
    assert checker is not None
    assert checker.description == "Local"
    assert checker.problem(Local(Local())) is None
    assert checker.problem(Local(Local(1))) == (".next.next", "Local | None", "1 (int)")  # type: ignore[arg-type]


def test_names_are_those_of_the_module_in_which_they_were_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = """
from __future__ import annotations
from dataclasses import KW_ONLY, InitVar, dataclass, field
from typing import ClassVar, Final, Generic, TypeVar
from typing_extensions import NotRequired, TypedDict
T = TypeVar("T")
"""
    (tmp_path / "typed_base.py").write_text(
        head
        + """
Inner = int
@dataclass
class Base(Generic[T]):
    one: Inner
    of: dict[str, T]
class BaseDict(TypedDict, Generic[T]):
    one: Inner
    of: NotRequired[list[T]]
"""
    )
    (tmp_path / "typed_derived.py").write_text(
        head
        + """
from typed_base import Base, BaseDict
Inner = str
@dataclass
class Derived(Base["Inner"]):
    class Deeper: ...
    counts: ClassVar[Nowhere]
    seed: InitVar[Nowhere]
    _: KW_ONLY
    two: Final[Inner]
    deeper: list[Deeper] = field(default_factory=list)
    def __post_init__(self, seed): pass
class DerivedDict(BaseDict["Inner"]):
    two: Inner
"""
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module: Any = importlib.import_module("typed_derived")
    checker, dict_checker = check_for(module.Derived), check_for(module.DerivedDict)
    assert checker is not None
    assert dict_checker is not None
    assert checker.problem(module.Derived(1, {"a": "b"}, 0, two="c", deeper=[module.Derived.Deeper()])) is None
    assert checker.problem(module.Derived("a", {}, 0, two="c")) == (".one", "int", "'a' (str)")
    assert checker.problem(module.Derived(1, {}, 0, two=2)) == (".two", "str", "2 (int)")
    assert checker.problem(module.Derived(1, {}, 0, two="c", deeper=[1])) == (".deeper[0]", "Derived.Deeper", "1 (int)")
    assert dict_checker.problem({"one": 1, "two": "a"}) is None
    assert dict_checker.problem({"one": 1, "two": "a", "of": ["b"]}) is None
    assert dict_checker.problem({"one": "a", "two": "a"}) == ("['one']", "int", "'a' (str)")
    assert dict_checker.problem({"one": 1, "two": 2}) == ("['two']", "str", "2 (int)")


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the `type` statement is new in Python 3.12")
def test_types_of_the_type_statement_are_checked() -> None:
    names: dict[str, Any] = {"__name__": __name__, "dataclass": dataclasses.dataclass}
    exec(
        """
type Tree = int | list[Tree]
type Twice[T] = tuple[T, list[T]]
type Heap[T] = tuple[T, list[Heap[T]]]

@dataclass
class Crate[T: Tree]:
    content: T
    sizes: "list[int]"
    next: "Crate[T] | None" = None
""",
        names,
    )
    for annotation, good, bad, problem in [
        (names["Tree"], [1, [2]], [1, ["a"]], ("[1][0]", "int | list[Tree]", "'a' (str)")),
        (names["Twice"][int], (1, ["a"]), (1, 2), ("[1]", "list[T]", "2 (int)")),
        (names["Heap"][int], (1, [("a", [])]), (1, [(2, [3])]), ("[1][0][1][0]", "tuple[T, list[Heap[T]]]", "3 (int)")),
        (
            names["Crate"][str],
            names["Crate"]("a", [1], names["Crate"](1, [])),
            names["Crate"]("a", [], names["Crate"](1, ["b"])),
            (".next.sizes[0]", "int", "'b' (str)"),
        ),
    ]:
        checker = check_for(annotation)
        assert checker is not None
        assert checker.problem(good) is None
        assert checker.problem(bad) == problem
