"""The checks behind typed channels: an annotation becomes a `Checker`, once, which tells what is wrong with a value."""

import collections.abc
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import is_dataclass
from typing import Any, Final, ForwardRef, Literal, TypeGuard, TypeVar, get_args, get_origin

from liteyuki.comm.typecheck import checks
from liteyuki.comm.typecheck.annotations import (
    QUALIFIERS,
    UNIONS,
    Scope,
    dataclass_fields,
    describe,
    is_form,
    scope_of,
    scope_of_alias,
)
from liteyuki.comm.typecheck.checker import Checker, Problem
from liteyuki.locale import text

__all__ = ["Checker", "Problem", "check_for"]

# As in PEP 484, an int may stand where a float is written.
_NUMBERS: Final[dict[type, tuple[type, ...]]] = {int: (int,), float: (float, int), complex: (complex, float, int)}


def check_for(annotation: Any) -> Checker | None:
    """What checks values against `annotation`; None if it takes anything, as `Any`, `object` and a type variable do.

    Sequences, sets and mappings are checked with all that they hold, dataclasses, pydantic models and typed dicts
    with all their fields; of anything else just the class. Raises `TypeError`, naming the part, for what cannot be
    checked (`Callable`, say) or has names that are not known at run time.
    """
    scope = Scope()
    try:
        return _Compiler().checker(scope.read(annotation).annotation, scope)
    except RecursionError as error:
        # A generic class that holds itself with ever longer arguments.
        raise _unchecked(annotation) from error


def _unchecked(annotation: Any) -> TypeError:
    return TypeError(text("error.unchecked_type", annotation=describe(annotation)))


class _Compiler:
    """Makes a checker and all that it is put together of."""

    def __init__(self) -> None:
        # What may hold itself. No dict, for the arguments of a generic class need not be hashable.
        self._named: list[tuple[Any, Checker]] = []

    def checker(self, annotation: Any, scope: Scope) -> Checker | None:
        """The checker for an annotation that `scope.read` has made."""
        if isinstance(annotation, (str, ForwardRef)):
            # On Python 3.10 the quotes inside of `list["Node"]` are still there.
            return self.checker(scope.read(annotation).annotation, scope)
        if annotation is object or is_form(annotation, "Any"):
            return None
        if type(annotation) is TypeVar:
            outside = Scope(annotation.__module__)
            return self.checker(outside.read(annotation.__bound__ or object).annotation, outside)
        if hasattr(annotation, "__supertype__"):
            return self.checker(annotation.__supertype__, scope)
        origin, args = get_origin(annotation), get_args(annotation)
        if is_form(origin, *QUALIFIERS):
            return self.checker(args[0], scope)
        if origin in UNIONS:
            return self._union(annotation, args, scope)
        if origin is Literal:
            return checks.literal(describe(annotation), args)
        cls = origin or annotation
        if type(cls).__name__ == "TypeAliasType":
            return self._recursive(annotation, lambda: self._alias(cls, args))
        if origin is tuple and annotation is not typing.Tuple:  # noqa: UP006 - that is any tuple, not the empty one
            return self._tuple(annotation, args, scope)
        if annotation is None:
            cls = type(None)
        if _can_be_checked(cls):
            return self._class(annotation, cls, args, scope)
        raise _unchecked(annotation)

    def _union(self, annotation: Any, args: tuple[Any, ...], scope: Scope) -> Checker | None:
        alternatives = [self.checker(arg, scope) for arg in args]
        checked = [alternative for alternative in alternatives if alternative is not None]
        return checks.union(describe(annotation), checked) if len(checked) == len(args) else None

    def _tuple(self, annotation: Any, args: tuple[Any, ...], scope: Scope) -> Checker:
        description = describe(annotation)
        if len(args) == 2 and args[1] is ...:
            return _elements(description, tuple, self.checker(args[0], scope))
        items = () if args == ((),) else args  # the empty tuple of Python 3.10's typing.Tuple
        return checks.slots(description, tuple(self.checker(item, scope) for item in items))

    def _class(self, annotation: Any, cls: type, args: tuple[Any, ...], scope: Scope) -> Checker | None:
        description = describe(annotation)
        if cls in _NUMBERS:
            return checks.number(description, _NUMBERS[cls])
        if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
            return self._recursive(annotation, lambda: self._typed_dict(description, cls, args))
        if is_dataclass(cls):
            return self._recursive(annotation, lambda: self._dataclass(description, cls, args))
        if hasattr(cls, "model_construct"):
            return self._recursive(annotation, lambda: self._model(description, cls))
        if hasattr(cls, "__get_pydantic_core_schema__"):
            return None  # such as EmailStr: its values are of whatever class it has pydantic make
        if issubclass(cls, Mapping) and len(args) == 2:
            keys, values = (self.checker(arg, scope) for arg in args)
            return checks.entries(description, cls, keys, values)
        if issubclass(cls, (Sequence, Set)) and len(args) == 1:
            return _elements(description, cls, self.checker(args[0], scope))
        return checks.instance(description, cls)

    def _recursive(self, annotation: Any, make: Callable[[], Checker | None]) -> Checker | None:
        """What `make` makes, where `annotation` may come again."""
        for known, checker in self._named:
            if known == annotation:
                return checker
        checker = Checker(describe(annotation))
        self._named.append((annotation, checker))
        made = make()
        if made is None:
            return None
        checker.become(made)
        return checker

    def _alias(self, alias: Any, args: tuple[Any, ...]) -> Checker | None:
        scope = scope_of_alias(alias, args)
        return self.checker(scope.read(alias.__value__).annotation, scope)

    def _typed_dict(self, description: str, cls: Any, args: tuple[Any, ...]) -> Checker:
        scope = scope_of(cls, args)
        fields: dict[str, Checker | None] = {}
        required = set()
        for name, written in cls.__annotations__.items():
            annotation, is_required = scope.read(written)
            fields[name] = self.checker(annotation, scope)
            if is_required or (is_required is None and name in cls.__required_keys__):
                required.add(name)
        return checks.keyed(description, fields, frozenset(required))

    def _dataclass(self, description: str, cls: type, args: tuple[Any, ...]) -> Checker:
        fields = ((name, written, scope_of(cls, args, owner)) for name, written, owner in dataclass_fields(cls))
        return self._record(description, cls, fields)

    def _model(self, description: str, cls: Any) -> Checker:
        scope = scope_of(cls)
        fields = getattr(cls, "__pydantic_fields__", {})  # BaseModel itself has none
        return self._record(description, cls, ((name, field.annotation, scope) for name, field in fields.items()))

    def _record(self, description: str, cls: type, fields: Iterable[tuple[str, Any, Scope]]) -> Checker:
        checkers = ((name, self.checker(scope.read(written).annotation, scope)) for name, written, scope in fields)
        return checks.record(description, cls, [(name, checker) for name, checker in checkers if checker])


def _elements(description: str, cls: type, item: Checker | None) -> Checker:
    return checks.instance(description, cls) if item is None else checks.elements(description, cls, item)


def _can_be_checked(cls: Any) -> TypeGuard[type]:
    if not isinstance(cls, type) or cls in (type, collections.abc.Callable):
        return False
    return not getattr(cls, "_is_protocol", False) or getattr(cls, "_is_runtime_protocol", False)
