"""`Checker`, and what checks one kind of type: an item, a list of them, a union, an object with fields.

The compiler puts these together after an annotation; nothing here knows about annotations.
"""

import reprlib
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from liteyuki.errors import WrongType
from liteyuki.locale import text

__all__ = ["Checker", "Problem", "elements", "entries", "instance", "keyed", "literal", "record", "slots", "union"]

_MAX_DEPTH: Final = 200
"""How deep containers may be nested, as the codec has it; for people to read, since the codec counts them."""

_SHOWN_CHARACTERS: Final = 60

_MISSING: Final = object()
"""Stands for the value of a field that an object lacks."""


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

Check: TypeAlias = Callable[[Any], Mismatch | None]


class Checker:
    """Tells what is wrong with a value. From any thread.

    `description` is the type as people write it. For this package itself: `check`, and `certain`, the classes whose
    direct instances need no look. A checker is made before these are known, so that a type can hold itself.
    """

    __slots__ = ("certain", "check", "description")

    def __init__(self, description: str, check: Check = lambda value: None, certain: Iterable[type] = ()) -> None:
        self.description = description
        self.check = check
        self.certain = frozenset(certain)

    def become(self, other: "Checker") -> None:
        """Check what `other` checks."""
        self.check, self.certain = other.check, other.certain

    def require(self, value: object, channel: str) -> None:
        """Raises `WrongType` if the channel of that name does not carry `value`."""
        if type(value) not in self.certain and (problem := self.problem(value)) is not None:
            raise WrongType(channel, self.description, *problem, value)

    def problem(self, value: object) -> Problem | None:
        """The first problem of `value`, None if it is of the type."""
        try:
            mismatch = self.check(value)
        except RecursionError:  # it holds itself, or might as well
            return Problem("", text("typed.depth", levels=_MAX_DEPTH), _found(value))
        if mismatch is None:
            return None
        path, expected, found = mismatch
        return Problem(path, expected, _found(found))


def instance(description: str, classes: tuple[type, ...], *, other_than: tuple[type, ...] = ()) -> Checker:
    """Instances of one of `classes`, and of none of `other_than`."""

    def check(value: Any) -> Mismatch | None:
        if isinstance(value, classes) and not isinstance(value, other_than):
            return None
        return "", description, value

    return Checker(description, check, classes)


def literal(description: str, options: Iterable[Any]) -> Checker:
    """One of `options`, and of its very type: True is not 1."""
    by_type: dict[type, set[Any]] = {}
    for option in options:
        by_type.setdefault(type(option), set()).add(option)

    def check(value: Any) -> Mismatch | None:
        return None if value in by_type.get(type(value), ()) else ("", description, value)

    return Checker(description, check)


def union(description: str, alternatives: Collection[Checker]) -> Checker:
    """Whatever one of `alternatives` takes.

    If just one of them finds its mistake inside the value, then that is the one that was meant.
    """
    certain = frozenset[type]().union(*(alternative.certain for alternative in alternatives))

    def check(value: Any) -> Mismatch | None:
        if type(value) in certain:
            return None
        inside: list[Mismatch] = []
        for alternative in alternatives:
            mismatch = alternative.check(value)
            if mismatch is None:
                return None
            if mismatch[0]:
                inside.append(mismatch)
        return inside[0] if len(inside) == 1 else ("", description, value)

    return Checker(description, check, certain)


def elements(description: str, cls: type[Any], item: Checker | None) -> Checker:
    """Instances of `cls`, a sequence or a set, that hold only what `item` takes; None takes anything."""
    if item is None:
        return instance(description, (cls,))

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        if not item.certain.issuperset(map(type, value)):
            for index, element in enumerate(value):
                if mismatch := item.check(element):
                    return _at(f"[{index}]", mismatch)
        return None

    return Checker(description, check)


def slots(description: str, items: tuple[Checker | None, ...]) -> Checker:
    """Tuples of this length, with what each of `items` takes in its place; None takes anything."""
    length = len(items)
    checked = [(index, item) for index, item in enumerate(items) if item is not None]

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, tuple) or len(value) != length:
            return "", description, value
        for index, item in checked:
            element = value[index]
            if type(element) not in item.certain and (mismatch := item.check(element)):
                return _at(f"[{index}]", mismatch)
        return None

    return Checker(description, check)


def entries(description: str, cls: type[Any], keys: Checker | None, values: Checker | None) -> Checker:
    """Instances of `cls`, a mapping, with such keys and values; None takes anything."""

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        if keys is not None and not keys.certain.issuperset(map(type, value)):
            for key in value:
                if mismatch := keys.check(key):
                    return _at(f"<{_shown(key)}>", mismatch)
        if values is not None and not values.certain.issuperset(map(type, value.values())):
            for key, item in value.items():
                if mismatch := values.check(item):
                    return _at(f"[{_shown(key)}]", mismatch)
        return None

    return Checker(description, check)


def keyed(description: str, fields: Mapping[str, Checker | None], required: frozenset[str]) -> Checker:
    """Dicts with these keys and no other, of which the `required` ones are there; None takes any value."""

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, dict):
            return "", description, value
        for name, field in fields.items():
            item = value.get(name, _MISSING)
            if item is _MISSING:
                if name in required:
                    return f"[{name!r}]", "Any" if field is None else field.description, item
            elif field is not None and type(item) not in field.certain and (mismatch := field.check(item)):
                return _at(f"[{name!r}]", mismatch)
        for key in value:
            if key not in fields:
                return f"<{_shown(key)}>", text("typed.key_of", type=description), key
        return None

    return Checker(description, check)


def record(description: str, cls: type, fields: Collection[tuple[str, Checker]]) -> Checker:
    """Instances of `cls` whose attributes of these names are what the checkers take."""

    def check(value: Any) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        for name, field in fields:
            item = getattr(value, name, _MISSING)
            if type(item) not in field.certain and (mismatch := field.check(item)):
                return _at(f".{name}", mismatch)
        return None

    return Checker(description, check)


def _at(place: str, mismatch: Mismatch) -> Mismatch:
    path, expected, found = mismatch
    return place + path, expected, found


_REPR: Final = reprlib.Repr()
# These three are shortened in their middle.
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 3 * _SHOWN_CHARACTERS
_REPR.maxlist = _REPR.maxtuple = _REPR.maxset = _REPR.maxfrozenset = _REPR.maxdict = _SHOWN_CHARACTERS


def _shown(value: object) -> str:
    """How a value begins, as Python writes it; as part of a path, or of what was found."""
    try:
        written = _REPR.repr(value)
    except Exception:  # noqa: BLE001 - an int of more digits than Python prints, and whatever reprs raise
        written = type(value).__qualname__
    return written if len(written) <= _SHOWN_CHARACTERS else written[:_SHOWN_CHARACTERS] + "…"


def _found(value: object) -> str:
    if value is _MISSING:
        return text("typed.missing")
    return "None" if value is None else f"{_shown(value)} ({type(value).__qualname__.rpartition('<locals>.')[2]})"
