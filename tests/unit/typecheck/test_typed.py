"""What a typed channel takes: values of its type, and of no other."""

# ruff: noqa: UP006, UP007, UP035, UP045 - people still write `List` and `Optional`

import collections
<<<<<<< HEAD
import dataclasses
import datetime
import enum
import importlib
import pathlib
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
=======
import datetime
import pathlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
>>>>>>> typecheck
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path
from typing import (
<<<<<<< HEAD
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Dict,
    Final,
    Generic,
    List,
    Literal,
    NamedTuple,
    NewType,
    Optional,
    Protocol,
    Tuple,
    Type,
    TypeVar,
    Union,
    runtime_checkable,
)

import pytest
import typing_extensions
from pydantic import BaseModel, Field, FutureDate, PositiveInt
from typing_extensions import NotRequired, ReadOnly, Required, TypeAliasType, TypedDict

from liteyuki.comm.protocol import Origin, RestartRequest
from liteyuki.comm.typecheck import check_for
from liteyuki.errors import ChannelError, WrongType
from liteyuki.locale import set_language

if TYPE_CHECKING:
    from fractions import Fraction

ROOT = Path(__file__).parents[3]
T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
Ts = typing_extensions.TypeVarTuple("Ts")
Bounded = TypeVar("Bounded", bound="Mapping[str, int]")


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: int


@runtime_checkable
class Named(Protocol):
    name: str


class Unnamed(Protocol):
    name: str


UserId = NewType("UserId", int)
Group = NewType("Group", List[UserId])


@dataclasses.dataclass
class Node:
    value: int
    next: "Node | None" = None
    others: 'list["Node"]' = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Link:
    next: "Link | None" = None


@dataclasses.dataclass
class Job:
    """Of every kind of thing that a dataclass can have."""

    limit: "ClassVar[Fraction]"
    seed: "dataclasses.InitVar[int]"
    _: "dataclasses.KW_ONLY"
    name: "Final[str]"
    derived: int = dataclasses.field(init=False)

    def __post_init__(self, seed: int) -> None:
        self.derived = seed


@dataclasses.dataclass
class Box(Generic[T]):
    content: T
    more: "list[T]" = dataclasses.field(default_factory=list)
    inner: "Box[T] | None" = None


@dataclasses.dataclass
class Labelled(Box[List[U]], Generic[U, V]):
    label: Optional[V] = None


@dataclasses.dataclass
class Texts(Box[str]):
    pass


@dataclasses.dataclass
class Nested(Box[List[T]], Generic[T]):
    plain: Optional[T] = None


@dataclasses.dataclass
class Several(Generic[T, typing_extensions.Unpack[Ts]]):
    first: T


@dataclasses.dataclass
class Rest(Generic[typing_extensions.Unpack[Ts]]):
    rest: tuple[typing_extensions.Unpack[Ts]]


@dataclasses.dataclass
class Growing(Generic[T]):
    next: "Growing[list[T]] | None" = None


class Named_(TypedDict):  # noqa: N801
    name: str


class Movie(Named_, total=False):
    year: Required["int"]
    stars: "NotRequired[ReadOnly[list[str]]]"
    similar: "Movie"
    anything: Any


class Entry(TypedDict, Generic[T]):
    it: T


class User(BaseModel):
    name: str
    age: PositiveInt = 1
    friends: "list[User]" = Field(default_factory=list)
    due: FutureDate | None = None


class Page(BaseModel, Generic[T]):
    items: List[T]


# To mypy, what is written with these is a value and no type.
alias: Any = TypeAliasType
Json = alias("Json", "dict[str, Json] | list[Json] | str | float | bool | None")
Both = alias("Both", Tuple[T, T], type_params=(T,))
Twofold = alias("Twofold", "Sequence[Twofold] | list[Twofold]")

=======
    Annotated,
    Any,
    Dict,
    List,
    Literal,
    Optional,
    Tuple,
    Union,
)

import pytest
from pydantic import BaseModel, FutureDate

from liteyuki.comm.messages import Origin, RestartRequest
from liteyuki.comm.typecheck import check_for
from tests.unit.typecheck.examples import (
    Both,
    Box,
    Colour,
    Entry,
    Group,
    Growing,
    Job,
    Json,
    Labelled,
    Level,
    Movie,
    Named,
    Node,
    Page,
    Pair,
    Several,
    T,
    Texts,
    User,
    UserId,
)
>>>>>>> typecheck

NOW = datetime.datetime(2026, 1, 1)

TAKES: list[tuple[Any, list[Any]]] = [
    (None, [None]),
    (bool, [True, False]),
    (int, [0, -1, 2**100, Level.LOW]),
    (float, [0.5, 1, Level.LOW]),
    (complex, [1j, 0.5, 1]),
    (str, ["", "你好"]),
    (bytes, [b"x"]),
    (bytearray, [bytearray(b"x")]),
    (Colour, [Colour.RED]),
    (Level, [Level.LOW]),
    (datetime.date, [NOW.date(), NOW]),
    (datetime.timedelta, [NOW - NOW]),
    (Decimal, [Decimal(1)]),
    (uuid.UUID, [uuid.UUID(int=1)]),
    (pathlib.Path, [Path()]),
    (pathlib.PurePath, [Path(), pathlib.PureWindowsPath()]),
    (list, [[], [1, "a"]]),
    (dict, [{}, {1: "a"}]),
    (tuple, [(), (1, "a")]),
    (List, [[1, "a"]]),
    (Tuple, [(), (1, "a")]),
    (Union[int, str], [1, "a"]),
    (Optional[int], [1, None]),
    (int | None, [1, None]),
    (Literal[1, "a", None, b"b", Colour.RED], [1, "a", None, b"b", Colour.RED]),
    (Annotated[int, "any", ["thing"]], [1]),
    (UserId, [1]),
    (Group, [[], [1, 2]]),
    (list[int], [[], [1, 2]]),
    (List[Annotated[int, 1]], [[], [1]]),
    (collections.deque[int], [collections.deque([1])]),
    (Sequence[int], [[], [1], (1, 2), range(3), b"ab"]),
    (Sequence[str], ["abc", ["a"]]),
    (Iterable[int], [[1], {1: 2}]),
    (tuple[int, str], [(1, "a")]),
    (tuple[int, ...], [(), (1, 2, 3)]),
    (tuple[Any, ...], [(), (1, "a")]),
    (tuple[()], [()]),
    (Tuple[()], [()]),
    (tuple[Any, int], [(object(), 1)]),
    (dict[str, int], [{}, {"a": 1}]),
    (Dict[str, Any], [{"a": object()}]),
    (Mapping[Any, int], [{None: 1}]),
    (set[int], [set(), {1}]),
    (frozenset[int], [frozenset({1})]),
    (AbstractSet[int], [{1}, frozenset({1}), {1: 2}.keys()]),
    (list[Any], [[object()]]),
    (list[T], [[object()]]),  # type: ignore[valid-type]
<<<<<<< HEAD
    (Bounded, [{}, {"a": 1}]),
    (Pair, [Pair(1, 2), Pair("a", 2)]),  # type: ignore[arg-type]
    (Named, [User(name="a")]),
    (Movie, [{"name": "a", "year": 1}, {"name": "a", "year": 1, "stars": ["b"], "anything": object()}]),
    (Entry[int], [{"it": 1}]),
    (Entry[List[Annotated[int, []]]], [{"it": [1]}]),
    (Node, [Node(1), Node(1, Node(2, others=[Node(3)]))]),
    (Job, [Job(1, name="a")]),
    (Box, [Box(1), Box("a", [1], Box(None))]),
    (Box[int], [Box(1), Box(1, [2], Box(3))]),
    (Box[Annotated[int, []]], [Box(1, [2], Box(3))]),
    (Labelled[str, int], [Labelled(["a"], [["b"]], Box(["c"]), 1)]),
    (Several[int, str, str], [Several(1)]),
    (Texts, [Texts("a", ["b"])]),
    (Nested[int], [Nested([1], [[2]], None, 3)]),
=======
    (Pair, [Pair(1, 2), Pair("a", 2)]),  # type: ignore[arg-type]
    (Named, [User(name="a")]),
    (Movie, [{"name": "a", "year": 1}, {"name": "a", "year": 1, "stars": ["b"], "anything": object()}]),
    (Entry[int], [{"it": 1}, {"it": "a"}]),
    (Node, [Node(1), Node(1, Node(2, others=[Node(3)]))]),
    (Job, [Job(1, name="a")]),
    (Box, [Box(1), Box("a", [1], Box(None))]),
    (Box[int], [Box(1), Box(1, [2], Box(3)), Box("a", ["b"], Box(None))]),
    (Box[Annotated[int, []]], [Box(1, [2], Box(3))]),
    (Labelled[str, int], [Labelled(["a"], [["b"]], Box(["c"]), 1)]),
    (Growing[int], [Growing(), Growing(Growing(Growing()))]),
    (Several[int, str, str], [Several(1)]),
    (Texts, [Texts("a", ["b"])]),
>>>>>>> typecheck
    (User, [User(name="a", friends=[User(name="b", due=datetime.date.max)])]),
    (BaseModel, [User(name="a")]),
    (Page[int], [Page[int](items=[1])]),
    (list[FutureDate], [[datetime.date.max]]),
    (Json, [None, 1, "a", [{"a": [1.5, True]}]]),
<<<<<<< HEAD
    (Both[int], [(1, 2)]),
=======
    (Both[int], [(1, 2), (1, "a")]),
>>>>>>> typecheck
    (RestartRequest, [RestartRequest("nonebot", "why", Origin(kind="chat", target={"a": 1}))]),
    ("tuple[int, str]", [(1, "a")]),
]


@pytest.mark.parametrize(("annotation", "values"), TAKES, ids=lambda it: None if isinstance(it, list) else str(it))
def test_values_of_the_type_are_taken(annotation: Any, values: list[Any]) -> None:
    checker = check_for(annotation)
    assert checker is not None
    assert [checker.problem(value) for value in values] == [None] * len(values)


REFUSES: list[tuple[Any, Any, tuple[str, str, str]]] = [
    (None, 0, ("", "None", "0 (int)")),
    (bool, 1, ("", "bool", "1 (int)")),
    (int, True, ("", "int", "True (bool)")),
    (int, 1.0, ("", "int", "1.0 (float)")),
    (float, True, ("", "float", "True (bool)")),
    (float, "1", ("", "float", "'1' (str)")),
    (complex, False, ("", "complex", "False (bool)")),
    (str, None, ("", "str", "None")),
    (bytes, bytearray(b"x"), ("", "bytes", "bytearray(b'x') (bytearray)")),
    (Colour, "red", ("", "Colour", "'red' (str)")),
    (datetime.datetime, NOW.date(), ("", "datetime", "datetime.date(2026, 1, 1) (date)")),
    (Optional[int], "a", ("", "int | None", "'a' (str)")),
    (Union[str, List[int]], 1, ("", "str | list[int]", "1 (int)")),
    (Literal[1, "a"], True, ("", "Literal[1, 'a']", "True (bool)")),
    (Literal[1, "a"], 1.0, ("", "Literal[1, 'a']", "1.0 (float)")),
    (Literal[1, "a"], [], ("", "Literal[1, 'a']", "[] (list)")),
    (Literal[Colour.RED], Colour.BLUE, ("", "Literal[Colour.RED]", "<Colour.BLUE: 'blue'> (Colour)")),
    (Annotated[int, "any"], "a", ("", "int", "'a' (str)")),
    (UserId, "a", ("", "int", "'a' (str)")),
    (list[int], (1,), ("", "list[int]", "(1,) (tuple)")),
    (list[int], [1, 2, "a"], ("[2]", "int", "'a' (str)")),
    (list[list[int]], [[1], [True]], ("[1][0]", "int", "True (bool)")),
    (Sequence[int], "ab", ("[0]", "int", "'a' (str)")),
    (Sequence[int], {1}, ("", "Sequence[int]", "{1} (set)")),
    (Iterable[int], 1, ("", "Iterable[int]", "1 (int)")),
    (tuple[str, int], ("a", "b"), ("[1]", "int", "'b' (str)")),
    (tuple[str, int], ("a",), ("", "tuple[str, int]", "('a',) (tuple)")),
    (tuple[str, int], ["a", 1], ("", "tuple[str, int]", "['a', 1] (list)")),
    (tuple[int, ...], (1, None), ("[1]", "int", "None")),
    (tuple[()], (1,), ("", "tuple[()]", "(1,) (tuple)")),
    (Tuple[()], (1,), ("", "tuple[()]", "(1,) (tuple)")),
    (dict[str, int], {"a": "b"}, ("['a']", "int", "'b' (str)")),
    (dict[str, int], {1: 2}, ("<1>", "str", "1 (int)")),
    (dict[tuple[int, str], int], {(1, 2): 3}, ("<(1, 2)>[1]", "str", "2 (int)")),
    (Mapping[str, Any], [], ("", "Mapping[str, Any]", "[] (list)")),
    (set[int], {"a"}, ("[0]", "int", "'a' (str)")),
    (frozenset[int], {1}, ("", "frozenset[int]", "{1} (set)")),
<<<<<<< HEAD
    (Bounded, {"a": "b"}, ("['a']", "int", "'b' (str)")),
=======
>>>>>>> typecheck
    (list[Optional[List[int]]], [None, [1, "a"]], ("[1][1]", "int", "'a' (str)")),
    (Union[List[int], List[str]], [1, "a"], ("", "list[int] | list[str]", "[1, 'a'] (list)")),
    (Pair, (1, 2), ("", "Pair", "(1, 2) (tuple)")),
    (Named, 1, ("", "Named", "1 (int)")),
    (Movie, {"year": 1}, ("['name']", "str", "缺失")),
    (Movie, {"name": "a"}, ("['year']", "int", "缺失")),
    (Movie, {"name": "a", "year": "b"}, ("['year']", "int", "'b' (str)")),
    (Movie, {"name": "a", "year": 1, "stars": [1]}, ("['stars'][0]", "str", "1 (int)")),
    (Movie, {"name": "a", "year": 1, "similar": {"year": 1}}, ("['similar']['name']", "str", "缺失")),
    (Movie, {"name": "a", "year": 1, "mark": 5}, ("<'mark'>", "Movie 的键", "'mark' (str)")),
    (Movie, [], ("", "Movie", "[] (list)")),
<<<<<<< HEAD
    (Entry[int], {"it": "a"}, ("['it']", "int", "'a' (str)")),
=======
    (Entry[int], {}, ("['it']", "Any", "缺失")),
>>>>>>> typecheck
    (Node, {"value": 1}, ("", "Node", "{'value': 1} (dict)")),
    (Node, Node("a"), (".value", "int", "'a' (str)")),  # type: ignore[arg-type]
    (Node, Node(1, Node(2, Node("a"))), (".next.next.value", "int", "'a' (str)")),  # type: ignore[arg-type]
    (Node, Node(1, others=[Node(2, others=[1])]), (".others[0].others[0]", "Node", "1 (int)")),  # type: ignore[list-item]
    (Node, object.__new__(Node), (".value", "int", "缺失")),
    (Job, Job(1, name=2), (".name", "str", "2 (int)")),  # type: ignore[arg-type]
    (Job, Job("a", name="b"), (".derived", "int", "'a' (str)")),  # type: ignore[arg-type]
<<<<<<< HEAD
    (Box[int], Box("a"), (".content", "int", "'a' (str)")),
    (Box[int], Box(1, [], Box(2, ["a"])), (".inner.more[0]", "int", "'a' (str)")),
    (Box[Annotated[int, []]], Box(1, [], Box("a")), (".inner.content", "int", "'a' (str)")),
    (Labelled[str, int], Labelled([1]), (".content[0]", "str", "1 (int)")),
    (Labelled[str, int], Labelled(["a"], label="b"), (".label", "int | None", "'b' (str)")),
    (Texts, Texts("a", [1]), (".more[0]", "str", "1 (int)")),  # type: ignore[list-item]
=======
    (Box[int], Page[int](items=[]), ("", "Box", "Page[int](items=[]) (Page[int])")),
    (Box[int], Box(1, (2,)), (".more", "list[T]", "(2,) (tuple)")),  # type: ignore[arg-type]
    (Box[int], Box(1, [], Box(2, {})), (".inner.more", "list[T]", "{} (dict)")),  # type: ignore[arg-type]
    (Labelled[str, int], Labelled([1], 2), (".more", "list[T]", "2 (int)")),  # type: ignore[arg-type]
    (Labelled[str, int], Labelled([1], note=2), (".note", "str", "2 (int)")),  # type: ignore[arg-type]
    (Texts, Box("a"), ("", "Texts", "Box(content='a', more=[], inner=None) (Box)")),
    (Growing[int], Growing(Growing(1)), (".next.next", "Growing[list[T]] | None", "1 (int)")),  # type: ignore[arg-type]
>>>>>>> typecheck
    (User, User.model_construct(name=1), (".name", "str", "1 (int)")),
    (User, User.model_construct(name="a", age="b"), (".age", "int", "'b' (str)")),
    (User, User(name="a", friends=[User.model_construct(name=1)]), (".friends[0].name", "str", "1 (int)")),
    (User, User.model_construct(), (".name", "str", "缺失")),
    (Page[int], Page[int].model_construct(items=["a"]), (".items[0]", "int", "'a' (str)")),
    (
        Json,
        [{"a": [1, b"b"]}],
        ("[0]['a'][1]", "dict[str, Json] | list[Json] | str | float | bool | None", "b'b' (bytes)"),
    ),
<<<<<<< HEAD
    (Both[int], (1, "a"), ("[1]", "int", "'a' (str)")),
=======
    (Both[int], (1,), ("", "tuple[T, T]", "(1,) (tuple)")),
>>>>>>> typecheck
    (
        RestartRequest,
        RestartRequest("nonebot", "why", Origin(kind="cat")),  # type: ignore[arg-type]
        (".origin.kind", "Literal['chat', 'plugin', 'control', 'main']", "'cat' (str)"),
    ),
]


@pytest.mark.parametrize(("annotation", "value", "problem"), REFUSES, ids=lambda it: None)
def test_other_values_are_refused_with_the_place_and_what_belongs_there(
    annotation: Any, value: Any, problem: tuple[str, str, str]
) -> None:
    checker = check_for(annotation)
    assert checker is not None
    assert checker.problem(value) == problem
<<<<<<< HEAD


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
        (Both[int], "Both[int]"),
        (Bounded, "Mapping[str, int]"),
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
        (Growing[int], "Growing[int]"),
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


# --- values at the edges


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


@pytest.mark.parametrize("annotation", [Json, Twofold])
def test_a_value_that_holds_itself_is_refused(annotation: Any) -> None:
    checker = check_for(annotation)
    assert checker is not None
    holder: list[Any] = []
    holder += [holder, holder]
    problem = checker.problem(holder)
    assert problem is not None
    assert problem[:2] == ("", "至多嵌套 200 层的值")


@pytest.mark.parametrize(("depth", "is_taken"), [(200, True), (201, False)])
def test_a_value_may_be_nested_as_deep_as_for_the_codec(depth: int, is_taken: bool) -> None:
    listed: list[Any] = []
    mapped: dict[str, Any] = {}
    chain = Link()
    for _ in range(depth - 1):
        listed, mapped, chain = [listed], {"a": mapped}, Link(chain)
    for annotation, value in (Twofold, listed), (Json, mapped), (Link, chain):
        checker = check_for(annotation)
        assert checker is not None
        assert (checker.problem(value) is None) == is_taken


@pytest.mark.parametrize(
    "value", ["x" * 10**6, list(range(10**6)), {"k" * 100: 1}, Node(1, Node(2)), 10**100, b"x" * 100]
)
def test_a_long_value_is_shortened(value: Any) -> None:
    checker = check_for(Colour)
    assert checker is not None
    problem = checker.problem(value)
    assert problem is not None
    shown, _, kind = problem.found.rpartition(" ")
    assert len(shown) <= 61
    assert repr(value).startswith(shown.removesuffix("…"))
    assert kind == f"({type(value).__name__})"


def test_what_python_cannot_write_is_refused_all_the_same() -> None:
    class Shy:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    class array:  # noqa: N801 - a name that stands for something else elsewhere
        pass

    checker = check_for(dict[int, str])
    assert checker is not None
    for value in 10**5000, Shy(), array():
        problem = checker.problem({10**5000: value})
        assert problem is not None
        assert problem.path == "[int]"
        assert type(value).__name__ in problem.found


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
    next: "Crate[T] | None" = None
""",
        names,
    )
    for annotation, good, bad, problem in [
        (names["Tree"], [1, [2]], [1, ["a"]], ("[1][0]", "int | list[Tree]", "'a' (str)")),
        (names["Twice"][int], (1, [2]), (1, ["a"]), ("[1][0]", "int", "'a' (str)")),
        (names["Heap"][int], (1, [(2, [])]), (1, [("a", [])]), ("[1][0][0]", "int", "'a' (str)")),
        (names["Crate"], names["Crate"]([1]), names["Crate"]("a"), (".content", "int | list[Tree]", "'a' (str)")),
        (
            names["Crate"][str],
            names["Crate"]("a", names["Crate"]("b")),
            names["Crate"]("a", names["Crate"](1)),
            (".next.content", "str", "1 (int)"),
        ),
    ]:
        checker = check_for(annotation)
        assert checker is not None
        assert checker.problem(good) is None
        assert checker.problem(bad) == problem


# --- the error


def test_the_error_says_what_the_channel_carries_and_where_the_value_is_wrong() -> None:
    checker = check_for(tuple[str, int])
    assert checker is not None
    value = ("x", "a")
    problem = checker.problem(value)
    assert problem is not None
    set_language("en")
    error = WrongType("x", checker.description, *problem, value)
    assert isinstance(error, ChannelError)
    assert isinstance(error, TypeError)
    assert str(error) == "channel x carries tuple[str, int], but the value[1] is 'a' (str), not int"
    assert (error.channel, error.path, error.expected, error.found) == ("x", "[1]", "int", "'a' (str)")
    assert error.value is value


def test_checking_imports_no_framework() -> None:
    code = """
import sys
from liteyuki.comm.typecheck import check_for
check_for(dict[str, list[int] | None]).problem({"a": [1]})
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
=======
>>>>>>> typecheck
