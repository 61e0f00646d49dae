"""Request and reply over a channel: numbers, waiting callers, answers."""

import asyncio
import contextlib
import inspect
import itertools
import struct
import traceback
from typing import Any, Final

from liteyuki.comm.codec import CodecError, decode, encode
from liteyuki.comm.framing import Frame, FrameKind
from liteyuki.comm.handlers import Handler, accepts
from liteyuki.errors import ChannelBroken, ChannelError, PeerGone, RemoteError
from liteyuki.locale import text

__all__ = ["NO_REPLY", "Calls", "Request", "answer", "pack_numbered", "unpack_request"]

_NUMBER: Final = struct.Struct("<Q")
NO_REPLY: Final = 0
"""The number of a request whose sender does not wait for an answer."""

Request = tuple[int, Any]


class Calls:
    """The requests of this side that wait for their reply. Under the channel's lock."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def begin(self) -> tuple[int, "asyncio.Future[Any]"]:
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        return number, future

    def forget(self, number: int) -> None:
        """The caller has gone; an answer that comes later is nobody's, and no one else's."""
        self._waiting.pop(number, None)

    def settle(self, frame: Frame) -> None:
        """Give a REPLY or FAILURE frame to whoever waits for it. Raises `CodecError` if it is neither."""
        number, payload = _split(frame)
        value = decode(frame.flags, payload)
        future = self._waiting.pop(number, None)
        if future is None:
            return
        if frame.kind == FrameKind.REPLY:
            _resolve(future, value)
        else:
            _resolve(future, error=_remote_error(self._channel, value))

    def fail_all(self, error: ChannelError | None = None) -> None:
        """The other process is gone: nobody will answer."""
        for future in self._waiting.values():
            _resolve(future, error=error or PeerGone(self._channel))
        self._waiting.clear()


def _resolve(future: "asyncio.Future[Any]", value: object = None, error: Exception | None = None) -> None:
    def settle() -> None:
        if future.done():
            return
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)

    # Whoever reads the channel may do so on another thread; a loop that has closed waits for nothing.
    with contextlib.suppress(RuntimeError):
        future.get_loop().call_soon_threadsafe(settle)


def _remote_error(channel: str, value: object) -> ChannelError:
    if not (isinstance(value, list) and len(value) == 3 and all(isinstance(part, str) for part in value)):
        return ChannelBroken(channel, text("channel.bad_failure"))
    return RemoteError(channel, *value)


def pack_numbered(number: int, value: object) -> tuple[int, bytes]:
    """Flags and body of a request or a reply. Raises `TypeError` as `encode` does."""
    flags, payload = encode(value)
    return flags, _NUMBER.pack(number) + payload


def unpack_request(frame: Frame) -> Request:
    """Number and value. Raises `CodecError` if the body is none."""
    number, payload = _split(frame)
    return number, decode(frame.flags, payload)


def _split(frame: Frame) -> tuple[int, bytes]:
    if len(frame.body) < _NUMBER.size:
        raise CodecError("a request without a number")
    return _NUMBER.unpack_from(frame.body)[0], frame.body[_NUMBER.size :]


async def answer(handlers: list[Handler], value: object, channel: str) -> tuple[FrameKind, Any]:
    """What the first handler that accepts `value` returns, or how it failed, as kind and value of a frame."""
    for handler in handlers:
        if not accepts(handler, value, channel):
            continue
        try:
            result = handler.function(value)
            if inspect.isawaitable(result):
                result = await result
            encode(result)  # an answer that no channel carries is the handler's failure, not silence
        except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to the one who asked
            trace = "".join(traceback.format_exception(error))
            return FrameKind.FAILURE, [type(error).__qualname__, str(error), trace]
        return FrameKind.REPLY, result
    return FrameKind.FAILURE, [
        "LookupError",
        text("channel.no_request_handler", value=type(value).__qualname__),
        "",
    ]
