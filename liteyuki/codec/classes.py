"""Classes whose values travel: those under `@message`, and those that are somebody else's, by codec hooks.

The receiver builds only what *it* has registered under the name that arrives; nothing else arrives but an
`UnknownMessage`, so that nothing is lost when the two sides differ in version.
"""

import dataclasses
import enum
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar, overload

from liteyuki.errors import PLUGIN_ERRORS
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = [
    "CodecHook",
    "RegisteredClass",
    "UnknownMessage",
    "entry_of",
    "hook_of",
    "message",
    "rebuild",
    "rebuild_hooked",
    "register_codec_hook",
]

C = TypeVar("C", bound=type)
V = TypeVar("V")


@dataclasses.dataclass(frozen=True)
class UnknownMessage:
    """What arrived under a name that is not registered in this process."""

    name: str
    fields: dict[str, Any]

    def __hash__(self) -> int:
        # What was a key or in a set over there must be able to be that here.
        return hash(self.name)


class RegisteredClass:
    """How instances of one class under `@message` are taken apart and put together."""

    def __init__(self, name: str, cls: Any) -> None:
        self.name = name
        self.cls = cls

    def take_apart(self, value: Any) -> list[Any]:
        """The fields of an instance, as a `dict`, and whatever else travels behind the name."""
        raise NotImplementedError

    def put_together(self, fields: dict[str, Any], *more: Any) -> object:
        """The instance; an `UnknownMessage` if it cannot be completed. Raises what other people's code raises."""
        raise NotImplementedError


class _Enum(RegisteredClass):
    def take_apart(self, value: Any) -> list[Any]:
        return [{"value": value.value}]

    def put_together(self, fields: dict[str, Any], *more: Any) -> object:
        try:
            return self.cls(fields["value"])
        except (KeyError, ValueError):
            return UnknownMessage(self.name, fields)


class _Dataclass(RegisteredClass):
    """No code of the class runs when it is put together, but for default factories."""

    def __init__(self, name: str, cls: Any) -> None:
        super().__init__(name, cls)
        self._fields = {field.name: field for field in dataclasses.fields(cls)}
        # Most keep their fields in `__dict__`, and nothing else there: it can be taken, and given, as it is.
        descriptors = (inspect.getattr_static(cls, each, None) for each in self._fields)
        self._is_plain = cls.__dictoffset__ != 0 and not any(hasattr(each, "__set__") for each in descriptors)

    def take_apart(self, value: Any) -> list[Any]:
        if self._is_plain and value.__dict__.keys() == self._fields.keys():
            return [value.__dict__]
        return [{name: getattr(value, name) for name in self._fields}]

    def put_together(self, fields: dict[str, Any], *more: Any) -> object:
        built = object.__new__(self.cls)
        if self._is_plain and fields.keys() == self._fields.keys():
            object.__setattr__(built, "__dict__", fields)
            return built
        for name, field in self._fields.items():
            if name in fields:
                value = fields[name]
            elif field.default is not dataclasses.MISSING:
                value = field.default
            elif field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            else:
                return UnknownMessage(self.name, fields)
            object.__setattr__(built, name, value)
        return built


class _Model(RegisteredClass):
    """Pydantic's. What its own pickling keeps is kept; no code of the class runs, but for default factories."""

    def take_apart(self, value: Any) -> list[Any]:
        fields = {name: item for name, item in value.__dict__.items() if name in self.cls.__pydantic_fields__}
        is_set = sorted(value.__pydantic_fields_set__)
        return [fields, value.__pydantic_extra__, value.__pydantic_private__, is_set]

    def put_together(self, fields: dict[str, Any], *more: Any) -> object:
        extra, private, is_set = more or (None, None, fields)
        extra = extra or {}
        known = {}
        for name, field in self.cls.__pydantic_fields__.items():
            if name not in fields and field.is_required():
                return UnknownMessage(self.name, {**extra, **fields})
            known[name] = fields[name] if name in fields else field.get_default(call_default_factory=True)
        state = {
            "__dict__": known,
            "__pydantic_extra__": extra if self.cls.model_config.get("extra") == "allow" else None,
            "__pydantic_private__": (private or {}) if self.cls.__private_attributes__ else None,
            "__pydantic_fields_set__": {*is_set} & {*known, *extra},
        }
        built = object.__new__(self.cls)
        for name, value in state.items():
            object.__setattr__(built, name, value)
        return built


class CodecHook(NamedTuple):
    """How values of one class are taken apart and put together."""

    name: str
    cls: Any
    take_apart: Callable[[Any], tuple[Any, Sequence[Any]]]
    put_together: Callable[[Any, list[memoryview]], Any]


E = TypeVar("E", RegisteredClass, CodecHook)


class _Registry(Generic[E]):
    """Classes are registered where they are defined, or modules imported, once per process."""

    def __init__(self) -> None:
        self.by_class: dict[type, E] = {}
        self.by_name: dict[str, E] = {}

    def add(self, entry: E) -> None:
        taken = self.by_name.get(entry.name)
        if taken is not None and _full_name(taken.cls) != _full_name(entry.cls):
            raise ValueError(text("error.message_name", name=entry.name, cls=taken.cls.__qualname__))
        # The same class again is a module that was loaded a second time: the newer one counts.
        self.by_name[entry.name] = self.by_class[entry.cls] = entry


_messages: Final = _Registry[RegisteredClass]()
_hooks: Final = _Registry[CodecHook]()

entry_of: Final[Callable[[type], RegisteredClass | None]] = _messages.by_class.get
"""Of a class under `@message`."""
hook_of: Final[Callable[[type], CodecHook | None]] = _hooks.by_class.get


def _full_name(cls: type) -> tuple[str, str]:
    return cls.__module__, cls.__qualname__


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
        _messages.add(_kind_of(registered)(name or registered.__name__, registered))
        return registered

    return register if cls is None else register(cls)


def _kind_of(cls: type) -> Callable[[str, Any], RegisteredClass]:
    if issubclass(cls, enum.Enum):
        return _Enum
    # Asked this way because the main process must not import pydantic.
    if hasattr(cls, "model_construct") and hasattr(cls, "__pydantic_fields__"):
        return _Model
    if dataclasses.is_dataclass(cls):
        return _Dataclass
    raise TypeError(text("error.message_class", cls=cls.__qualname__))


def register_codec_hook(
    cls: type[V],
    *,
    name: str,
    take_apart: Callable[[V], tuple[Any, Sequence[Any]]],
    put_together: Callable[[Any, list[memoryview]], V],
) -> None:
    """Let values of exactly `cls`, which is not yours, travel over channels. Both sides register the same `name`.

        register_codec_hook(
            numpy.ndarray,
            name="numpy.ndarray",
            take_apart=lambda array: ((array.dtype.str, array.shape), [numpy.ascontiguousarray(array)]),
            put_together=lambda fields, buffers: numpy.frombuffer(buffers[0], fields[0]).reshape(fields[1]),
        )

    `take_apart(value)` returns `(fields, buffers)`: anything a channel carries, and contiguous objects with the
    buffer protocol, which are copied once, and arrive as writable memory that belongs to the new object alone.
    `put_together(fields, buffers)` makes the value again; what it raises is logged, and the value arrives as
    `UnknownMessage` with `fields` and `buffers`, as that of a name does which the receiver does not know.
    Raises `ValueError` if another class has the name. From any thread, at import time.
    """
    _hooks.add(CodecHook(name, cls, take_apart, put_together))


def rebuild(name: str, fields: dict[str, Any], *more: Any) -> object:
    """What was an instance of a class under `@message` of that name."""
    entry = _messages.by_name.get(name)
    if entry is not None:
        try:
            return entry.put_together(fields, *more)
        except PLUGIN_ERRORS as error:
            _say_not_rebuilt(name, error)
    return UnknownMessage(name, fields)


def rebuild_hooked(name: str, fields: object, buffers: list[memoryview]) -> object:
    """What was a value of a class with a codec hook of that name."""
    hook = _hooks.by_name.get(name)
    if hook is not None:
        try:
            return hook.put_together(fields, buffers)
        except PLUGIN_ERRORS as error:
            _say_not_rebuilt(name, error)
    return UnknownMessage(name, {"fields": fields, "buffers": [bytes(buffer) for buffer in buffers]})


def _say_not_rebuilt(name: str, error: BaseException) -> None:
    """What one plugin cannot make sense of must not end the channel: it arrives as if nobody had that name here."""
    logger.opt(exception=error).error(text("codec.not_rebuilt", name=name))
