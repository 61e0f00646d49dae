"""`@message`: the classes whose instances travel over channels, each under a stable name.

The receiver builds only what *it* has registered under that name, without running `__init__`; a name that it does
not know arrives as `UnknownMessage`, so that nothing is lost when the two sides differ in version.
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import Any, TypeVar, overload

from liteyuki.locale import text

__all__ = ["RegisteredClass", "UnknownMessage", "class_named", "entry_of", "message"]

C = TypeVar("C", bound=type)


@dataclasses.dataclass(frozen=True)
class UnknownMessage:
    """What arrived under a name that is not registered in this process."""

    name: str
    fields: dict[str, Any]

    def __hash__(self) -> int:
        # What was a key or in a set over there must be able to be that here.
        return hash(self.name)


@dataclasses.dataclass(frozen=True)
class RegisteredClass:
    """How instances of one registered class are taken apart and put together."""

    name: str
    cls: Any

    @property
    def is_enum(self) -> bool:
        return issubclass(self.cls, enum.Enum)

    def enum_value(self, value: Any) -> object:
        return value.value

    def enum_member(self, value: object) -> object:
        """The member of that value. Raises `ValueError` if there is none here."""
        return self.cls(value)

    def take_apart(self, value: Any) -> dict[str, Any]:
        """Field names and values of an instance."""
        if _is_pydantic(self.cls):
            return {**value.__dict__, **(value.__pydantic_extra__ or {})}
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}

    def put_together(self, fields: dict[str, Any]) -> object:
        """An instance with these fields; defaults for those that are missing, foreign ones left out.

        No code of the class runs, but for default factories and what pydantic's `model_construct` calls.
        An instance that cannot be completed becomes an `UnknownMessage`. Raises what that code raises.
        """
        if _is_pydantic(self.cls):
            missing = (
                name
                for name, field in self.cls.__pydantic_fields__.items()
                if name not in fields and field.is_required()
            )
            return UnknownMessage(self.name, fields) if any(missing) else self.cls.model_construct(**fields)
        built = object.__new__(self.cls)
        for field in dataclasses.fields(self.cls):
            if field.name in fields:
                value = fields[field.name]
            elif field.default is not dataclasses.MISSING:
                value = field.default
            elif field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            else:
                return UnknownMessage(self.name, fields)
            object.__setattr__(built, field.name, value)
        return built


# The process's own registry: classes are registered where they are defined, once per process.
_by_class: dict[type, RegisteredClass] = {}
_by_name: dict[str, RegisteredClass] = {}


@overload
def message(cls: C, /) -> C: ...
@overload
def message(*, name: str) -> Callable[[C], C]: ...
def message(cls: C | None = None, /, *, name: str | None = None) -> C | Callable[[C], C]:
    """Class decorator: let instances of an enum, a dataclass or a pydantic model travel over channels.

    Both sides register the class, under the same `name` (the class's own name unless given). Raises `TypeError`
    for any other class, `ValueError` if another class has the name already. From any thread, at import time.
    """

    def register(registered: C) -> C:
        _register(registered, name or registered.__name__)
        return registered

    return register if cls is None else register(cls)


def _register(cls: type, name: str) -> None:
    if not (dataclasses.is_dataclass(cls) or issubclass(cls, enum.Enum) or _is_pydantic(cls)):
        raise TypeError(text("error.message_class", cls=cls.__qualname__))
    taken = _by_name.get(name)
    if taken is not None and (taken.cls.__module__, taken.cls.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(text("error.message_name", name=name, cls=taken.cls.__qualname__))
    # The same class again is a module that was loaded a second time: the newer one counts.
    entry = RegisteredClass(name, cls)
    _by_name[name] = _by_class[cls] = entry


def entry_of(cls: type) -> RegisteredClass | None:
    return _by_class.get(cls)


def class_named(name: str) -> RegisteredClass | None:
    return _by_name.get(name)


def _is_pydantic(cls: type) -> bool:
    # Asked this way because the main process must not import pydantic.
    return hasattr(cls, "model_construct") and hasattr(cls, "__pydantic_fields__")
