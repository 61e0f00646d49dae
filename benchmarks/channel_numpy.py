"""The hook through which a channel carries numpy arrays."""

import importlib
from typing import Any

from liteyuki.codec import register_codec_hook

__all__ = ["register_numpy"]


def register_numpy() -> None:
    """Let this process's channels carry `numpy.ndarray`."""
    numpy = importlib.import_module("numpy")

    def take_apart(array: Any) -> tuple[Any, list[Any]]:
        return (array.dtype.str, array.shape), [numpy.ascontiguousarray(array)]

    def put_together(fields: Any, buffers: list[memoryview]) -> Any:
        kind, shape = fields
        return numpy.frombuffer(buffers[0], kind).reshape(shape)

    register_codec_hook(numpy.ndarray, name="numpy.ndarray", take_apart=take_apart, put_together=put_together)
