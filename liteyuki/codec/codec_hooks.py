"""How plugin authors let a class travel that is not theirs, such as `numpy.ndarray`.

    register_codec_hook(
        numpy.ndarray,
        name="numpy.ndarray",
        take_apart=lambda array: ((array.dtype.str, array.shape), [numpy.ascontiguousarray(array)]),
        put_together=lambda fields, buffers: numpy.frombuffer(buffers[0], fields[0]).reshape(fields[1]),
    )

Buffers travel beside the other fields, and arrive as writable memory that belongs to the new object alone.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

from liteyuki.locale import text

__all__ = ["CodecHook", "hook_named", "hook_of", "register_codec_hook"]

V = TypeVar("V")

TakeApart = Callable[[Any], tuple[Any, Sequence[Any]]]
PutTogether = Callable[[Any, list[memoryview]], Any]


class CodecHook(NamedTuple):
    """How values of one class are taken apart and put together."""

    name: str
    cls: type
    take_apart: TakeApart
    put_together: PutTogether


# The process's own registry: hooks are registered where plugins are imported, once per process.
_by_class: dict[type, CodecHook] = {}
_by_name: dict[str, CodecHook] = {}


def register_codec_hook(
    cls: type[V],
    *,
    name: str,
    take_apart: Callable[[V], tuple[Any, Sequence[Any]]],
    put_together: Callable[[Any, list[memoryview]], V],
) -> None:
    """Let values of exactly `cls` travel over channels. Both sides register the same `name`.

    `take_apart(value)` returns `(fields, buffers)`: anything a channel carries, and contiguous objects with the
    buffer protocol, which are copied once. `put_together(fields, buffers)` makes the value again; what it raises
    is logged, and the value arrives as `UnknownMessage` with `fields` and `buffers`, as that of a name does which
    the receiver does not know. Raises `ValueError` if another class has the name. From any thread, at import time.
    """
    taken = _by_name.get(name)
    if taken is not None and taken.cls is not cls:
        raise ValueError(text("error.message_name", name=name, cls=taken.cls.__qualname__))
    _by_name[name] = _by_class[cls] = CodecHook(name, cls, take_apart, put_together)


def hook_of(cls: type) -> CodecHook | None:
    return _by_class.get(cls)


def hook_named(name: str) -> CodecHook | None:
    return _by_name.get(name)
