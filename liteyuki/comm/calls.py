"""Request and reply over a channel: numbers, waiting callers, answers."""

import asyncio
import contextlib
import inspect
import itertools
import struct
import traceback
from collections import deque
from typing import Any, Final

from liteyuki.comm.codec import CodecError, decode, encode
from liteyuki.comm.framing import MAX_FRAME_BYTES, Frame, FrameKind
from liteyuki.comm.handlers import PLUGIN_ERRORS, Handler, accepts
from liteyuki.errors import ChannelBroken, ChannelError, MessageTooLarge, PeerGone, RemoteError
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["NO_REPLY", "Answer", "Calls", "Request", "pack_numbered"]

_NUMBER: Final = struct.Struct("<Q")
NO_REPLY: Final = 0
"""The number of a request whose sender does not wait for an answer."""

Request = tuple[int, Any, int]
"""Number, value, and the how-manieth transport of the channel it came over."""
Answer = tuple[FrameKind, int, bytes]
"""Kind, flags and body of the frame that answers a request."""


class Calls:
    """Both sides of a channel's requests. Under the channel's lock, except `answer`."""

    def __init__(self, channel: str) -> None:
        self.handlers: list[Handler] = []
        self.requests: deque[Request] = deque()
        """What the other side has asked, and nobody has begun to answer."""
        self.transports = 0
        """How many transports the channel has had: an answer is for the one that the request came over."""
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    # --- this side asks

    def begin(self) -> tuple[int, "asyncio.Future[Any]"]:
        number = next(self._numbers)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        return number, future

    @property
    def has_callers(self) -> bool:
        return bool(self._waiting)

    def forget(self, number: int) -> None:
        """The caller has gone; an answer that comes later is nobody's, and no one else's."""
        self._waiting.pop(number, None)

    def fail_all(self) -> None:
        """The other process is gone: nobody will answer. What it has asked, nobody waits for."""
        for future in self._waiting.values():
            _resolve(future, error=PeerGone(self._channel))
        self._waiting.clear()

    # --- the other side

    def receive(self, frame: Frame) -> None:
        """Take a REQUEST, REPLY or FAILURE frame. Raises `CodecError` if its body is none."""
        if len(frame.body) < _NUMBER.size:
            raise CodecError(text("codec.structure"))
        number: int = _NUMBER.unpack_from(frame.body)[0]
        value = decode(frame.flags, frame.body[_NUMBER.size :])
        if frame.kind == FrameKind.REQUEST:
            self.requests.append((number, value, self.transports))
            return
        future = self._waiting.pop(number, None)
        if future is None:
            return
        if frame.kind == FrameKind.REPLY:
            _resolve(future, value)
        else:
            _resolve(future, error=_remote_error(self._channel, value))

    async def answer(self, number: int, value: object) -> Answer | None:
        """What the first handler that accepts `value` returns, or how it failed; None if nobody waits for it."""
        kind, result = await self._ask_handlers(value)
        if number != NO_REPLY:
            flags, body = pack_numbered(number, result)
            if len(body) > MAX_FRAME_BYTES:
                error = MessageTooLarge(self._channel, len(body), MAX_FRAME_BYTES)
                kind, (flags, body) = FrameKind.FAILURE, pack_numbered(number, _failure(error))
            return kind, flags, body
        if kind == FrameKind.FAILURE:
            logger.error(text("channel.notify_failed", channel=self._channel, error=": ".join(result[:2])))
        return None

    async def _ask_handlers(self, value: object) -> tuple[FrameKind, Any]:
        for handler in tuple(self.handlers):
            if not accepts(handler, value, self._channel):
                continue
            try:
                result = handler.function(value)
                if inspect.isawaitable(result):
                    result = await result
                encode(result)  # an answer that no channel carries is the handler's failure, not silence
            except PLUGIN_ERRORS as error:
                return FrameKind.FAILURE, _failure(error)
            return FrameKind.REPLY, result
        name = type(value).__qualname__
        return FrameKind.FAILURE, ["LookupError", text("channel.no_request_handler", value=name), ""]


def _failure(error: BaseException) -> list[str]:
    """Type name, message and traceback of an error, as text that any channel carries."""
    parts = (type(error).__qualname__, str(error), "".join(traceback.format_exception(error)))
    return [part.encode("utf-8", "backslashreplace").decode() for part in parts]


def pack_numbered(number: int, value: object) -> tuple[int, bytes]:
    """Flags and body of a request or a reply. Raises `TypeError` as `encode` does."""
    flags, payload = encode(value)
    return flags, _NUMBER.pack(number) + payload


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
