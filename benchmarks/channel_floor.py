"""The floor: frames of raw bytes behind their length over a bare socket pair. Nothing is encoded."""

import asyncio
import socket
import struct
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.channel_asyncio import RoundTripOnLoop
from benchmarks.channel_run import Plan
from benchmarks.channel_systems import OneWay, PutGet

__all__ = ["SocketPair", "SocketPairInHundreds", "SocketPairOnLoop"]

_LENGTH: Final = struct.Struct("<I")
_READ_BYTES: Final = 256 * 1024
_PER_WRITE: Final = 100
_LARGE_BYTES: Final = 64 * 1024


@dataclass(frozen=True)
class SocketPair:
    """The floor: frames of raw bytes behind their length over a blocking socket pair. Nothing is decoded."""

    name: str = "socketpair, 1 per write"
    packages: tuple[str, ...] = ()

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        one, other = socket.socketpair()
        return closing.enter_context(one), closing.enter_context(other)

    @contextmanager
    def open(self, end: socket.socket) -> Iterator[PutGet]:
        def put(frame: bytes) -> None:
            if len(frame) < _LARGE_BYTES:
                end.sendall(_pack(frame))
            else:
                end.sendall(_LENGTH.pack(len(frame)))
                end.sendall(frame)

        yield put, _frames(end).__next__


class SocketPairInHundreds(OneWay):
    """The same, a hundred small frames in each write."""

    @property
    def name(self) -> str:
        return "socketpair, 100 per write"

    def drive(self, end: socket.socket, plan: Plan) -> None:
        frame = plan.value
        for count in plan:
            for _ in range(count // _PER_WRITE):
                end.sendall(b"".join([_pack(frame) for _ in range(_PER_WRITE)]))
            end.sendall(_pack(frame) * (count % _PER_WRITE))
            plan.wait()


@dataclass(frozen=True)
class SocketPairOnLoop(RoundTripOnLoop):
    """The floor: raw bytes behind their length, a bare `asyncio.BufferedProtocol` at both ends."""

    loop: str = "asyncio"
    name: str = "socketpair"

    @property
    def packages(self) -> tuple[str, ...]:
        return () if self.loop == "asyncio" else (self.loop,)

    def pair(self, closing: ExitStack) -> tuple[Any, Any]:
        one, other = socket.socketpair()
        return closing.enter_context(one), closing.enter_context(other)

    async def connect(self, end: Any, on_value: Callable[[Any], None]) -> Callable[[Any], None]:
        protocol = _Frames(on_value)
        transport, _ = await asyncio.get_running_loop().create_connection(lambda: protocol, sock=end)
        return lambda frame: transport.write(_pack(frame))


class _Frames(asyncio.BufferedProtocol):
    def __init__(self, on_frame: Callable[[bytes], None]) -> None:
        self._on_frame = on_frame
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._rest = b""

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        data = self._rest + self._buffer[:nbytes]
        position = 0
        while len(data) - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, position)
            begin = position + _LENGTH.size
            if len(data) - begin < length:
                break
            position = begin + length
            self._on_frame(data[begin:position])
        self._rest = data[position:]


def _pack(frame: bytes) -> bytes:
    """`frame` behind its length."""
    return _LENGTH.pack(len(frame)) + frame


def _frames(end: socket.socket) -> Generator[bytes | bytearray, None, None]:
    buffer, rest = memoryview(bytearray(_READ_BYTES)), b""
    while count := end.recv_into(buffer):
        data = rest + buffer[:count]
        position, size = 0, len(data)
        while size - position >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, position)
            begin = position + _LENGTH.size
            if length >= _LARGE_BYTES:
                yield _large_frame(end, length, data[begin : begin + length])
            elif size - begin >= length:
                yield data[begin : begin + length]
            else:
                break
            position = begin + length
        rest = data[position:]


def _large_frame(end: socket.socket, length: int, beginning: bytes) -> bytearray:
    frame = bytearray(length)
    frame[: len(beginning)] = beginning
    view, have = memoryview(frame), len(beginning)
    while have < length:
        have += end.recv_into(view[have:])
    return frame
