"""What checks one value against one kind of type: an item, a list of them, a union, an object with fields.

`typed` puts these together after an annotation; nothing here knows about annotations.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from liteyuki.comm.typecheck.checker import NOT_THERE, Checker, Mismatch, one_deeper, shown
from liteyuki.locale import text

__all__ = ["elements", "entries", "instance", "keyed", "literal", "number", "record", "slots", "union"]


def instance(description: str, cls: type) -> Checker:
    """Instances of `cls`."""

    def check(value: Any, depth: int) -> Mismatch | None:
        return None if isinstance(value, cls) else ("", description, value)

    return Checker(description, check, {cls})


def number(description: str, classes: tuple[type, ...]) -> Checker:
    """Numbers of these classes; a bool is none."""

    def check(value: Any, depth: int) -> Mismatch | None:
        if isinstance(value, classes) and not isinstance(value, bool):
            return None
        return "", description, value

    return Checker(description, check, classes)


def literal(description: str, options: Iterable[Any]) -> Checker:
    """One of `options`, and of its very type: True is not 1."""
    by_type: dict[type, set[Any]] = {}
    for option in options:
        by_type.setdefault(type(option), set()).add(option)

    def check(value: Any, depth: int) -> Mismatch | None:
        return None if value in by_type.get(type(value), ()) else ("", description, value)

    return Checker(description, check)


def union(description: str, alternatives: Collection[Checker]) -> Checker:
    """Whatever one of `alternatives` takes.

    If just one of them finds its mistake inside the value, then that is the one that was meant.
    """
    certain = frozenset[type]().union(*(alternative.certain for alternative in alternatives))

    def check(value: Any, depth: int) -> Mismatch | None:
        if type(value) in certain:
            return None
        inside: list[Mismatch] = []
        for alternative in alternatives:
            mismatch = alternative.check(value, depth)
            if mismatch is None:
                return None
            if mismatch[0]:
                inside.append(mismatch)
        return inside[0] if len(inside) == 1 else ("", description, value)

    return Checker(description, check, certain)


def elements(description: str, cls: type[Any], item: Checker) -> Checker:
    """Instances of `cls`, a sequence or a set, that hold only what `item` takes."""

    def check(value: Any, depth: int) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        deeper = one_deeper(depth)
        if item.certain.issuperset(map(type, value)):
            return None
        for index, element in enumerate(value):
            mismatch = item.check(element, deeper)
            if mismatch is not None:
                return _at(f"[{index}]", mismatch)
        return None

    return Checker(description, check)


def slots(description: str, items: tuple[Checker | None, ...]) -> Checker:
    """Tuples of this length, with what each of `items` takes in its place; None takes anything."""
    length = len(items)
    checked = [(index, item) for index, item in enumerate(items) if item is not None]

    def check(value: Any, depth: int) -> Mismatch | None:
        if not isinstance(value, tuple) or len(value) != length:
            return "", description, value
        deeper = one_deeper(depth)
        for index, item in checked:
            element = value[index]
            if type(element) not in item.certain:
                mismatch = item.check(element, deeper)
                if mismatch is not None:
                    return _at(f"[{index}]", mismatch)
        return None

    return Checker(description, check)


def entries(description: str, cls: type[Any], keys: Checker | None, values: Checker | None) -> Checker:
    """Instances of `cls`, a mapping, with such keys and values; None takes anything."""

    def check(value: Any, depth: int) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        deeper = one_deeper(depth)
        if keys is not None and not keys.certain.issuperset(map(type, value)):
            for key in value:
                mismatch = keys.check(key, deeper)
                if mismatch is not None:
                    return _at(f"<{shown(key)}>", mismatch)
        if values is not None and not values.certain.issuperset(map(type, value.values())):
            for key, item in value.items():
                mismatch = values.check(item, deeper)
                if mismatch is not None:
                    return _at(f"[{shown(key)}]", mismatch)
        return None

    return Checker(description, check)


def keyed(description: str, fields: Mapping[str, Checker | None], required: frozenset[str]) -> Checker:
    """Dicts with these keys and no other, of which the `required` ones are there; None takes any value."""

    def check(value: Any, depth: int) -> Mismatch | None:
        if not isinstance(value, dict):
            return "", description, value
        deeper = one_deeper(depth)
        for name, field in fields.items():
            item = value.get(name, NOT_THERE)
            if item is NOT_THERE:
                if name in required:
                    return f"[{name!r}]", "Any" if field is None else field.description, item
            elif field is not None and type(item) not in field.certain:
                mismatch = field.check(item, deeper)
                if mismatch is not None:
                    return _at(f"[{name!r}]", mismatch)
        for key in value:
            if key not in fields:
                return f"<{shown(key)}>", text("typed.key_of", type=description), key
        return None

    return Checker(description, check)


def record(description: str, cls: type, fields: Collection[tuple[str, Checker]]) -> Checker:
    """Instances of `cls` whose attributes of these names are what the checkers take."""

    def check(value: Any, depth: int) -> Mismatch | None:
        if not isinstance(value, cls):
            return "", description, value
        deeper = one_deeper(depth)
        for name, field in fields:
            item = getattr(value, name, NOT_THERE)
            if type(item) not in field.certain:
                mismatch = field.check(item, deeper)
                if mismatch is not None:
                    return _at(f".{name}", mismatch)
        return None

    return Checker(description, check)


def _at(place: str, mismatch: Mismatch) -> Mismatch:
    path, expected, found = mismatch
    return place + path, expected, found
