"""pyzmq's PAIR sockets over `ipc://`, with this project's codec."""

import importlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from benchmarks.channel_asyncio import run_on_loop
from benchmarks.channel_run import Orders, Plan
from benchmarks.channel_systems import PutGet
from liteyuki.codec import decode, encode

__all__ = ["Pyzmq", "PyzmqArray", "PyzmqLarge", "PyzmqOnLoop"]


@dataclass(frozen=True)
class Pyzmq:
    """pyzmq's PAIR sockets over `ipc://`, with this project's codec."""

    name: str = "pyzmq"
    packages: tuple[str, ...] = ("zmq",)

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        address = f"ipc://{closing.enter_context(tempfile.TemporaryDirectory())}/socket"
        return ("bind", address), ("connect", address)

    @contextmanager
    def open(self, end: Any) -> Iterator[PutGet]:
        with _open_pair("zmq", end) as pair:
            yield self.put_get(pair)

    def put_get(self, pair: Any) -> PutGet:
        def put(value: Any) -> None:
            pair.send(_pack(value))

        def get() -> Any:
            return _unpack(pair.recv())

        return put, get


class PyzmqLarge(Pyzmq):
    """The payload in a frame of its own, uncopied."""

    def put_get(self, pair: Any) -> PutGet:
        def put(value: Any) -> None:
            flags, payload = encode(value)
            pair.send_multipart((bytes((flags,)), payload), copy=False)

        def get() -> Any:
            flags, payload = pair.recv_multipart(copy=False)
            return decode(flags.bytes[0], payload.bytes)

        return put, get


class PyzmqArray(Pyzmq):
    """Arrays as pyzmq's documentation sends them: what they are as JSON, then their memory, uncopied."""

    def put_get(self, pair: Any) -> PutGet:
        numpy = importlib.import_module("numpy")
        more = importlib.import_module("zmq").SNDMORE

        def put(array: Any) -> None:
            pair.send_json({"dtype": str(array.dtype), "shape": array.shape}, more)
            pair.send(array, copy=False)

        def get() -> Any:
            kind = pair.recv_json()
            return numpy.frombuffer(pair.recv(copy=False), dtype=kind["dtype"]).reshape(kind["shape"])

        return put, get


@dataclass(frozen=True)
class PyzmqOnLoop:
    """`zmq.asyncio`'s PAIR sockets over `ipc://`, with this project's codec."""

    name: str = "pyzmq, zmq.asyncio"
    packages: tuple[str, ...] = ("zmq",)

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        return Pyzmq().pair(closing)

    def drive(self, end: Any, plan: Plan) -> None:
        run_on_loop("asyncio", self._drive(end, plan))

    def serve(self, end: Any, orders: Orders) -> None:
        run_on_loop("asyncio", self._serve(end, orders))

    async def _drive(self, end: Any, plan: Plan) -> None:
        value = plan.value
        with _open_pair("zmq.asyncio", end) as pair:
            for count in plan:
                durations = []
                for _ in range(count):
                    begun = perf_counter()
                    await pair.send(_pack(value))
                    _unpack(await pair.recv())
                    durations.append(perf_counter() - begun)
                plan.round_trips(durations)

    async def _serve(self, end: Any, orders: Orders) -> None:
        with _open_pair("zmq.asyncio", end) as pair:
            async for count in orders:
                for _ in range(count):
                    value = _unpack(await pair.recv())
                    await pair.send(_pack(value))
                orders.confirm(value)


@contextmanager
def _open_pair(module: str, end: tuple[str, str]) -> Iterator[Any]:
    """A PAIR socket of `zmq` or `zmq.asyncio`, bound or connected as `end` says."""
    verb, address = end
    kind = importlib.import_module("zmq").PAIR
    with importlib.import_module(module).Context() as context, context.socket(kind) as pair:
        pair.linger = 0
        getattr(pair, verb)(address)
        yield pair


def _pack(value: Any) -> bytes:
    """One frame: the codec's flags and its payload."""
    flags, payload = encode(value)
    return bytes((flags,)) + payload


def _unpack(frame: bytes) -> Any:
    """The value that `_pack` was given."""
    return decode(frame[0], frame[1:])
