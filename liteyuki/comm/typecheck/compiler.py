"""An annotation becomes a `Checker`: `check_for`."""

import collections.abc
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import is_dataclass
from typing import Any, Final, Literal, TypeGuard, TypeVar, get_args, get_origin

from liteyuki.comm.typecheck import checks
from liteyuki.comm.typecheck.annotations import UNIONS, Scope, dataclass_fields, describe, is_form
from liteyuki.comm.typecheck.checks import Checker
from liteyuki.locale import text

__all__ = ["check_for"]

# As in PEP 484, an int may stand where a float is written.
_NUMBERS: Final[dict[type, tuple[type, ...]]] = {int: (int,), float: (float, int), complex: (complex, float, int)}


def check_for(annotation: Any) -> Checker | None:
    """What checks values against `annotation`; None if it takes anything, as `Any`, `object` and a type variable do.

    Sequences, sets and mappings are checked with all that they hold, dataclasses, pydantic models and typed dicts
    with all their fields; of anything else just the class. Type variables of generic classes count as `Any`. Raises
    `TypeError`, naming the part, for what cannot be checked (`Callable`, say) or has names that are not known at run
    time.
    """
    return _Compiler().checker(annotation, Scope())


class _Compiler:
    """Makes a checker and all that it is put together of."""

    def __init__(self) -> None:
        self._named: dict[Any, Checker] = {}
        """By what may hold itself, a class or an alias."""

    def checker(self, written: Any, scope: Scope) -> Checker | None:
        """The checker for an annotation that stands there."""
        annotation, _ = scope.read(written)
        if annotation is object or is_form(annotation, "Any") or type(annotation) is TypeVar:
            return None
        if hasattr(annotation, "__supertype__"):
            return self.checker(annotation.__supertype__, scope)
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in UNIONS:
            return self._union(annotation, args, scope)
        if origin is Literal:
            return checks.literal(describe(annotation), args)
        cls = origin or annotation
        if type(cls).__name__ == "TypeAliasType":
            return self._recursive(cls, lambda: self.checker(cls.__value__, Scope.of(cls)))
        if annotation is None:
            cls = type(None)
        if _can_be_checked(cls) and not getattr(annotation, "__unpacked__", False):
            return self._class(annotation, cls, args, scope)
        raise TypeError(text("error.unchecked_type", annotation=describe(annotation)))

    def _union(self, annotation: Any, args: tuple[Any, ...], scope: Scope) -> Checker | None:
        alternatives = [self.checker(arg, scope) for arg in args]
        checked = [alternative for alternative in alternatives if alternative is not None]
        return checks.union(describe(annotation), checked) if len(checked) == len(args) else None

    def _tuple(self, description: str, args: tuple[Any, ...], scope: Scope) -> Checker:
        if len(args) == 2 and args[1] is ...:
            return checks.elements(description, tuple, self.checker(args[0], scope))
        items = () if args == ((),) else args  # the empty tuple of Python 3.10's typing.Tuple
        return checks.slots(description, tuple(self.checker(item, scope) for item in items))

    def _class(self, annotation: Any, cls: type, args: tuple[Any, ...], scope: Scope) -> Checker | None:
        description = describe(annotation)
        if cls in _NUMBERS:
            return checks.instance(description, _NUMBERS[cls], other_than=(bool,))
        if cls is tuple and annotation not in (tuple, typing.Tuple):  # noqa: UP006 - these take any
            return self._tuple(description, args, scope)
        if issubclass(cls, dict) and hasattr(cls, "__required_keys__"):
            return self._recursive(cls, lambda: self._typed_dict(cls))
        if is_dataclass(cls):
            return self._recursive(cls, lambda: self._record(cls, dataclass_fields(cls)))
        if hasattr(cls, "model_construct"):
            fields = getattr(cls, "__pydantic_fields__", {})  # BaseModel itself has none
            written = [(name, field.annotation, Scope.of(cls)) for name, field in fields.items()]
            return self._recursive(cls, lambda: self._record(cls, written))
        if hasattr(cls, "__get_pydantic_core_schema__"):
            return None  # such as EmailStr: its values are of whatever class it has pydantic make
        if issubclass(cls, Mapping) and len(args) == 2:
            keys, values = (self.checker(arg, scope) for arg in args)
            return checks.entries(description, cls, keys, values)
        if issubclass(cls, (Sequence, Set)) and len(args) == 1:
            return checks.elements(description, cls, self.checker(args[0], scope))
        return checks.instance(description, (cls,))

    def _recursive(self, named: Any, make: Callable[[], Checker | None]) -> Checker | None:
        """What `make` makes, in which `named` may come again."""
        if named in self._named:
            return self._named[named]
        checker = self._named[named] = Checker(describe(named))
        made = make()
        if made is None:
            return None
        checker.become(made)
        return checker

    def _typed_dict(self, cls: Any) -> Checker:
        scope = Scope.of(cls)
        fields: dict[str, Checker | None] = {}
        required = set()
        for name, written in cls.__annotations__.items():
            fields[name] = self.checker(written, scope)
            _, is_required = scope.read(written)
            if is_required or (is_required is None and name in cls.__required_keys__):
                required.add(name)
        return checks.keyed(describe(cls), fields, frozenset(required))

    def _record(self, cls: type, fields: Iterable[tuple[str, Any, Scope]]) -> Checker:
        checkers = [(name, self.checker(written, scope)) for name, written, scope in fields]
        return checks.record(describe(cls), cls, [(name, checker) for name, checker in checkers if checker])


def _can_be_checked(cls: Any) -> TypeGuard[type]:
    if not isinstance(cls, type) or cls in (type, collections.abc.Callable):
        return False
    return not getattr(cls, "_is_protocol", False) or getattr(cls, "_is_runtime_protocol", False)
