"""Reading annotations: what a name in quotes stands for, what a type variable is bound to, how people write a type.

`typing_extensions` is told from `typing` by names alone, for neither it nor pydantic is imported here.
"""

import dataclasses
import enum
import sys
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

from liteyuki.locale import text

__all__ = ["QUALIFIERS", "UNIONS", "Scope", "dataclass_fields", "describe", "is_form", "scope_of", "scope_of_alias"]

UNIONS: Final = (Union, types.UnionType)

QUALIFIERS: Final = ("Annotated", "Final", "NotRequired", "ReadOnly", "Required")


def is_form(annotation: Any, *names: str) -> bool:
    """Whether it is one of these special forms, of `typing` or of `typing_extensions`."""
    module = getattr(annotation, "__module__", None)
    return module in ("typing", "typing_extensions") and getattr(annotation, "__name__", None) in names


class Written(NamedTuple):
    """An annotation without the qualifiers around it; `required` is None if none of them says."""

    annotation: Any
    required: bool | None


class Scope(NamedTuple):
    """Where an annotation stands: the names it may use, and what the type variables there are bound to."""

    module: str = "builtins"
    names: Mapping[str, Any] = types.MappingProxyType({})
    bound: Mapping[Any, Any] = types.MappingProxyType({})

    def read(self, annotation: Any) -> Written:
        """The annotation with its names looked up and its type variables replaced.

        Raises `TypeError` if a name is not known here.
        """
        found, required = _unqualified(self._evaluated(annotation))
        return Written(_substituted(found, self.bound), required)

    def _evaluated(self, annotation: Any) -> Any:
        try:
            if isinstance(annotation, str):
                annotation = typing.ForwardRef(annotation, is_argument=False, is_class=True)
            # Field by field, because a class may have others that cannot be evaluated at run time, nor need be.
            holder = types.SimpleNamespace(__annotations__={"it": annotation})
            module = getattr(sys.modules.get(self.module), "__dict__", {})
            return typing.get_type_hints(holder, module, dict(self.names), include_extras=True)["it"]
        except (NameError, AttributeError, TypeError, SyntaxError) as error:
            written = describe(annotation)
            raise TypeError(text("error.unresolved_type", annotation=written, error=error)) from error


def scope_of(cls: type, args: tuple[Any, ...] = (), owner: type | None = None) -> Scope:
    """Where the annotations in the body of `owner` stand, a base of `cls` or `cls` itself, seen from `cls[args]`."""
    owner = owner or cls
    return Scope(owner.__module__, _names_in(owner), _bindings(cls, args))


def scope_of_alias(alias: Any, args: tuple[Any, ...]) -> Scope:
    """Where the value of a `type` alias stands, seen from `alias[args]`."""
    return Scope(alias.__module__, _named(alias.__type_params__), _paired(alias.__type_params__, args))


def dataclass_fields(cls: Any) -> Iterator[tuple[str, Any, type]]:
    """Name and annotation of each field, and the base that it was written in, where its names are known."""
    for field in dataclasses.fields(cls):
        owners = (base for base in cls.__mro__ if vars(base).get("__dataclass_fields__", {}).get(field.name) is field)
        *_, owner = owners
        yield field.name, field.type, owner


def _names_in(cls: type) -> dict[str, Any]:
    """The names that the body of a class knows, beside those of its module."""
    nested = {name: value for name, value in vars(cls).items() if isinstance(value, type)}
    return {**nested, **_named(getattr(cls, "__type_params__", ())), cls.__name__: cls}


def _named(parameters: tuple[Any, ...]) -> dict[str, Any]:
    return {parameter.__name__: parameter for parameter in parameters}


def _unqualified(annotation: Any) -> Written:
    required = None
    while is_form(origin := get_origin(annotation), *QUALIFIERS):
        if is_form(origin, "Required", "NotRequired"):
            required = origin.__name__ == "Required"
        annotation = get_args(annotation)[0]
    return Written(annotation, required)


def _substituted(annotation: Any, bound: Mapping[Any, Any]) -> Any:
    if type(annotation) is TypeVar:
        return bound.get(annotation, annotation)
    parameters = getattr(annotation, "__parameters__", ())
    # A class that is generic has parameters too, but stands for itself.
    if get_origin(annotation) is None or not parameters or not _all_plain(parameters):
        return annotation
    return annotation[tuple(bound.get(parameter, parameter) for parameter in parameters)]


def _bindings(cls: type, args: tuple[Any, ...]) -> dict[Any, Any]:
    """What the type variables of `cls[args]` and of all its bases are bound to."""
    bound = _paired(getattr(cls, "__parameters__", ()), args)
    here = Scope(cls.__module__, _names_in(cls), dict(bound))
    for written in vars(cls).get("__orig_bases__", cls.__bases__):
        base = get_origin(written) or written
        if isinstance(base, type) and base is not object and not is_form(base, "Generic", "Protocol"):
            args_there = tuple(here.read(arg).annotation for arg in get_args(written))
            for variable, meant in _bindings(base, args_there).items():
                # One variable with two meanings: nothing is checked rather than a good value refused.
                bound[variable] = meant if bound.get(variable, meant) == meant else Any
    return bound


def _paired(parameters: tuple[Any, ...], args: tuple[Any, ...]) -> dict[Any, Any]:
    """Each parameter with its argument, or with itself if it has none."""
    if len(parameters) != len(args):
        args = parameters
    # Without `Annotated`, whose metadata need not be hashable, which `Union` wants of its arguments.
    return {parameter: _unqualified(arg).annotation for parameter, arg in zip(parameters, args, strict=True)}


def _all_plain(parameters: tuple[Any, ...]) -> bool:
    # Not `isinstance`: what typing_extensions has for `*Ts` on Python 3.10 pretends to be one.
    return all(type(parameter) is TypeVar for parameter in parameters)


def describe(annotation: Any) -> str:
    """An annotation as people write it, without modules: `tuple[str, int] | None`."""
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is ...:
        return "..."
    if isinstance(annotation, str):
        return annotation
    if isinstance(annotation, typing.ForwardRef):
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
