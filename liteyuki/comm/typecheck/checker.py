"""`Checker`: what tells whether a value is of a channel's type, and if not, what is wrong with it."""

import reprlib
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from liteyuki.locale import text

__all__ = ["MAX_DEPTH", "NOT_THERE", "Check", "Checker", "Mismatch", "Problem", "one_deeper", "shown"]

MAX_DEPTH: Final = 200
"""How deep the containers of a value may be nested, as for the codec."""

_SHOWN_CHARACTERS: Final = 60


class Problem(NamedTuple):
    """What is wrong with a value, for a person to read: where in it, what belongs there, what is there instead.

    `path` is written as in Python, `[0]['key'].field`; `<key>` is the key of a dict itself, and the value as a whole
    is an empty path.
    """

    path: str
    expected: str
    found: str


Mismatch: TypeAlias = tuple[str, str, Any]
"""Path, what belongs there, and the value that is there. Unlike a `Problem` it costs next to nothing: a union makes
one for each alternative that a good value is not."""

Check: TypeAlias = Callable[[Any, int], Mismatch | None]
"""Takes the value, and how many containers may still lie within each other."""


def _anything(value: Any, depth: int) -> None:
    return None


class Checker:
    """Tells what is wrong with a value. From any thread.

    `description` is the type as people write it. For `comm` itself: `check`, and `certain`, the classes whose direct
    instances need no look. A checker is made before these are known, so that a type can hold itself.
    """

    __slots__ = ("certain", "check", "description")

    def __init__(self, description: str, check: Check = _anything, certain: Iterable[type] = ()) -> None:
        self.description = description
        self.check = check
        self.certain = frozenset(certain)

    def __repr__(self) -> str:
        return f"<Checker {self.description}>"

    def become(self, other: "Checker") -> None:
        """Check what `other` checks."""
        self.check, self.certain = other.check, other.certain

    def problem(self, value: Any) -> Problem | None:
        """The first problem of `value`, None if it is of the type."""
        try:
            mismatch = self.check(value, MAX_DEPTH)
        except _NestedTooDeepError:
            return Problem("", text("typed.depth", levels=MAX_DEPTH), _found(value))
        if mismatch is None:
            return None
        path, expected, found = mismatch
        return Problem(path, expected, _found(found))


class _NestedTooDeepError(Exception):
    """The value holds itself, or might as well. Raised, so that no union goes on to try its other alternatives."""


class _NotThere:
    __slots__ = ()


NOT_THERE: Final = _NotThere()
"""Stands for the value of a field that an object lacks."""


_REPR: Final = reprlib.Repr()
# These three are shortened in their middle.
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 3 * _SHOWN_CHARACTERS
_REPR.maxlist = _REPR.maxtuple = _REPR.maxset = _REPR.maxfrozenset = _REPR.maxdict = _SHOWN_CHARACTERS


def shown(value: object) -> str:
    """How a value begins, as Python writes it; as part of a path, or of what was found."""
    try:
        written = _REPR.repr(value)
    except Exception:  # noqa: BLE001 - an int of more digits than Python prints, and whatever reprs raise
        written = type(value).__qualname__
    return written if len(written) <= _SHOWN_CHARACTERS else written[:_SHOWN_CHARACTERS] + "…"


def _found(value: object) -> str:
    if value is NOT_THERE:
        return text("typed.missing")
    return "None" if value is None else f"{shown(value)} ({type(value).__qualname__.rpartition('<locals>.')[2]})"


def one_deeper(depth: int) -> int:
    if depth <= 0:
        raise _NestedTooDeepError
    return depth - 1
