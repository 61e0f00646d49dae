"""Reading annotations: what a name in quotes stands for, and how people write a type.

`typing_extensions` is told from `typing` by names alone, for neither it nor pydantic is imported here.
"""

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final, ForwardRef, Literal, NamedTuple, Union, get_args, get_origin

from liteyuki.locale import text

__all__ = ["UNIONS", "Scope", "dataclass_fields", "describe", "is_form"]

UNIONS: Final = (Union, types.UnionType)

_QUALIFIERS: Final = ("Annotated", "Final", "NotRequired", "ReadOnly", "Required")


def is_form(annotation: Any, *names: str) -> bool:
    """Whether it is one of these special forms, of `typing` or of `typing_extensions`."""
    module = getattr(annotation, "__module__", None)
    return module in ("typing", "typing_extensions") and getattr(annotation, "__name__", None) in names


class Scope(NamedTuple):
    """Where an annotation stands: the module whose names it may use, and the names beside them."""

    module: str = "builtins"
    names: Mapping[str, Any] = types.MappingProxyType({})

    @classmethod
    def of(cls, owner: Any) -> "Scope":
        """The body of a class, or the value of a `type` alias."""
        nested = {name: value for name, value in getattr(owner, "__dict__", {}).items() if isinstance(value, type)}
        parameters = {parameter.__name__: parameter for parameter in getattr(owner, "__type_params__", ())}
        return cls(owner.__module__, {**nested, **parameters, owner.__name__: owner})

    def read(self, annotation: Any) -> tuple[Any, bool | None]:
        """The annotation out of its quotes and qualifiers, and whether these say that it is required.

        Raises `TypeError` if a name is not known here.
        """
        required = None
        while True:
            origin = get_origin(annotation)
            if isinstance(annotation, (str, ForwardRef)):
                annotation = self._evaluated(annotation)
            elif is_form(origin, *_QUALIFIERS):
                if is_form(origin, "Required", "NotRequired"):
                    required = origin.__name__ == "Required"
                annotation = get_args(annotation)[0]
            else:
                return annotation, required

    def _evaluated(self, annotation: str | ForwardRef) -> Any:
        try:
            if isinstance(annotation, str):
                annotation = ForwardRef(annotation, is_argument=False, is_class=True)
            holder = types.SimpleNamespace(__annotations__={"it": annotation})
            module = getattr(sys.modules.get(self.module), "__dict__", {})
            return typing.get_type_hints(holder, module, dict(self.names), include_extras=True)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            written = describe(annotation)
            raise TypeError(text("error.unresolved_type", annotation=written, error=error)) from error


def dataclass_fields(cls: Any) -> Iterator[tuple[str, Any, Scope]]:
    """Name and annotation of each field, and the body that it was written in, which may be a base's."""
    for field in dataclasses.fields(cls):
        owners = (base for base in cls.__mro__ if vars(base).get("__dataclass_fields__", {}).get(field.name) is field)
        *_, owner = owners
        yield field.name, field.type, Scope.of(owner)


def describe(annotation: Any) -> str:
    """An annotation as people write it, without modules: `tuple[str, int] | None`."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    if isinstance(annotation, (list, tuple)):
        return f"[{', '.join(map(describe, annotation))}]"
    origin, args = get_origin(annotation), get_args(annotation)
    if is_form(origin, "Annotated"):
        return describe(args[0])
    if origin in UNIONS:
        return " | ".join(map(describe, args))
    if origin is Literal:
        return f"Literal[{', '.join(map(_describe_option, args))}]"
    if origin is tuple and args in ((), ((),)) and annotation is not typing.Tuple:  # noqa: UP006 - tuple[()]
        return "tuple[()]"
    if args:
        return f"{describe(origin)}[{', '.join(map(describe, args))}]"
    name = getattr(annotation, "__qualname__", None) or getattr(annotation, "__name__", None) or repr(annotation)
    return str(name).rpartition("<locals>.")[2]


def _describe_option(option: object) -> str:
    return f"{type(option).__qualname__}.{option.name}" if isinstance(option, enum.Enum) else repr(option)
