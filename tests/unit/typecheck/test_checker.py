"""Values at the edges, and the error."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from liteyuki.comm.typecheck import check_for
from liteyuki.errors import ChannelError, WrongType
from liteyuki.locale import set_language
from tests.unit.typecheck.examples import Colour, Json, Link, Node, Twofold

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("annotation", [Json, Twofold])
def test_a_value_that_holds_itself_is_refused(annotation: Any) -> None:
    checker = check_for(annotation)
    assert checker is not None
    holder: list[Any] = []
    holder += [holder, holder]
    problem = checker.problem(holder)
    assert problem is not None
    assert problem[:2] == ("", "至多嵌套 200 层的值")


def test_a_value_may_be_nested_as_deep_as_for_the_codec() -> None:
    listed: list[Any] = []
    mapped: dict[str, Any] = {}
    chain = Link()
    for _ in range(199):
        listed, mapped, chain = [listed], {"a": mapped}, Link(chain)
    for annotation, value in (Twofold, listed), (Json, mapped), (Link, chain):
        checker = check_for(annotation)
        assert checker is not None
        assert checker.problem(value) is None


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


# --- the error


def test_the_error_says_what_the_channel_carries_and_where_the_value_is_wrong() -> None:
    checker = check_for(tuple[str, int])
    assert checker is not None
    value = ("x", "a")
    set_language("en")
    checker.require(("x", 1), "x")
    with pytest.raises(WrongType) as caught:
        checker.require(value, "x")
    error = caught.value
    assert isinstance(error, ChannelError)
    assert isinstance(error, TypeError)
    assert str(error) == "channel x carries tuple[str, int], but the value[1] is 'a' (str), not int"
    assert (error.channel, error.path, error.expected, error.found) == ("x", "[1]", "int", "'a' (str)")
    assert error.value is value


def test_checking_imports_no_framework() -> None:
    code = """
import sys
from liteyuki.comm import typecheck
typecheck.check_for(dict[str, list[int] | None]).problem({"a": [1]})
assert "pydantic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)
