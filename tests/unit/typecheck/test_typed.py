"""What a typed channel takes: values of its type, and of no other."""

# ruff: noqa: UP006, UP007, UP035, UP045 - people still write `List` and `Optional`

import collections
import datetime
import pathlib
import uuid
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from decimal import Decimal
from pathlib import Path
from typing import (
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

from liteyuki.comm.protocol import Origin, RestartRequest
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
    (User, [User(name="a", friends=[User(name="b", due=datetime.date.max)])]),
    (BaseModel, [User(name="a")]),
    (Page[int], [Page[int](items=[1])]),
    (list[FutureDate], [[datetime.date.max]]),
    (Json, [None, 1, "a", [{"a": [1.5, True]}]]),
    (Both[int], [(1, 2), (1, "a")]),
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
    (Entry[int], {}, ("['it']", "Any", "缺失")),
    (Node, {"value": 1}, ("", "Node", "{'value': 1} (dict)")),
    (Node, Node("a"), (".value", "int", "'a' (str)")),  # type: ignore[arg-type]
    (Node, Node(1, Node(2, Node("a"))), (".next.next.value", "int", "'a' (str)")),  # type: ignore[arg-type]
    (Node, Node(1, others=[Node(2, others=[1])]), (".others[0].others[0]", "Node", "1 (int)")),  # type: ignore[list-item]
    (Node, object.__new__(Node), (".value", "int", "缺失")),
    (Job, Job(1, name=2), (".name", "str", "2 (int)")),  # type: ignore[arg-type]
    (Job, Job("a", name="b"), (".derived", "int", "'a' (str)")),  # type: ignore[arg-type]
    (Box[int], Page[int](items=[]), ("", "Box", "Page[int](items=[]) (Page[int])")),
    (Box[int], Box(1, (2,)), (".more", "list[T]", "(2,) (tuple)")),  # type: ignore[arg-type]
    (Box[int], Box(1, [], Box(2, {})), (".inner.more", "list[T]", "{} (dict)")),  # type: ignore[arg-type]
    (Labelled[str, int], Labelled([1], 2), (".more", "list[T]", "2 (int)")),  # type: ignore[arg-type]
    (Labelled[str, int], Labelled([1], note=2), (".note", "str", "2 (int)")),  # type: ignore[arg-type]
    (Texts, Box("a"), ("", "Texts", "Box(content='a', more=[], inner=None) (Box)")),
    (Growing[int], Growing(Growing(1)), (".next.next", "Growing[list[T]] | None", "1 (int)")),  # type: ignore[arg-type]
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
    (Both[int], (1,), ("", "tuple[T, T]", "(1,) (tuple)")),
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
