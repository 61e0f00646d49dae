"""The floor for values: what the codec's library, Python and a socket cost when nothing is done beside."""

import asyncio
import socket
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

import ormsgpack

from benchmarks.channel_asyncio import Arrivals, run_on_loop
from benchmarks.channel_run import Orders, Plan

__all__ = ["PackedOnLoop"]

_LENGTH: Final = struct.Struct("<I")
_READ_BYTES: Final = 256 * 1024
_WRITE_BYTES: Final = 64 * 1024
_ARRAY_HEAD: Final = struct.Struct(">BI")
_ARRAY: Final = 0xDD
_RUN: Final = 32
"""How many values that were packed one by one go into a frame, so that the garbage collector does not look at them."""


@dataclass(frozen=True)
class PackedOnLoop:
    """A coroutine packs and writes what has come together; a callback unpacks, and calls a function with each value.

    There is no bound, and nothing is counted, checked, locked or kept for whoever comes after a crash.
    """

    name: str = "ormsgpack, socketpair"
    packages: tuple[str, ...] = ()

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        one, other = socket.socketpair()
        return closing.enter_context(one), closing.enter_context(other)

    def drive(self, end: socket.socket, plan: Plan) -> None:
        run_on_loop("asyncio", self._drive(end, plan))

    def serve(self, end: socket.socket, orders: Orders) -> None:
        run_on_loop("asyncio", self._serve(end, orders))

    async def _drive(self, end: socket.socket, plan: Plan) -> None:
        value, sender = plan.value, _Sender(end)
        asend = sender.asend_text if isinstance(value, str) else sender.asend
        for count in plan:
            for _ in range(count):
                await asend(value)
            sender.flush()
            await plan.async_wait()

    async def _serve(self, end: socket.socket, orders: Orders) -> None:
        arrivals = Arrivals()
        receiver = _Receiver(end, arrivals)
        asyncio.get_running_loop().add_reader(end.fileno(), receiver.read)
        async for count in orders:
            orders.confirm(await arrivals.expect(count))


class _Sender:
    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._waiting: list[Any] = []
        self._size = 0

    async def asend(self, value: object) -> None:
        payload = ormsgpack.packb(value)
        self._waiting.append(payload)
        self._size += len(payload)
        if self._size >= _WRITE_BYTES:
            self.flush()

    async def asend_text(self, value: str) -> None:
        self._waiting.append(value)
        self._size += len(value)
        if self._size >= _WRITE_BYTES:
            self.flush()

    def flush(self) -> None:
        waiting, self._waiting, self._size = self._waiting, [], 0
        parts: list[bytes] = []
        if waiting and isinstance(waiting[0], str):
            packed = ormsgpack.packb(waiting)
            parts += _LENGTH.pack(len(packed)), packed
        else:
            for at in range(0, len(waiting), _RUN):
                run = waiting[at : at + _RUN]
                size = _ARRAY_HEAD.size + sum(map(len, run))
                parts += _LENGTH.pack(size), _ARRAY_HEAD.pack(_ARRAY, len(run)), *run
        self._end.sendall(b"".join(parts))


class _Receiver:
    def __init__(self, end: socket.socket, arrivals: Arrivals) -> None:
        self._end = end
        self._add = arrivals.add
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._rest = b""

    def read(self) -> None:
        data = self._rest + self._buffer[: self._end.recv_into(self._buffer)]
        position, size, add = 0, len(data), self._add
        while size - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, position)
            begin = position + _LENGTH.size
            if size - begin < length:
                break
            position = begin + length
            for value in ormsgpack.unpackb(data[begin:position]):
                add(value)
        self._rest = data[position:]
