"""Answering the other side's requests: what plugins' handlers return, or how they failed."""

import inspect
import traceback
from typing import Any, Final

from liteyuki.codec import CodecError, encode
from liteyuki.comm.channel.attachments import OpenChannelEnd, OpenEnd, pack, unpack
from liteyuki.comm.channel.handlers import Handler, accepts
from liteyuki.comm.io import Connection
from liteyuki.comm.session import NO_REPLY, Item, Request
from liteyuki.comm.wire import COUNT, FrameKind
from liteyuki.errors import (
    PLUGIN_ERRORS,
    PLUGIN_ERRORS_OF_A_CALL,
    ChannelBroken,
    ChannelClosed,
    ChannelError,
    ChannelInUse,
    MessageTooLarge,
    NoHandlesLeft,
    RemoteError,
)
from liteyuki.locale import text

__all__ = ["Answers", "remote_error"]

_NO_TEXT: Final = ["", ""]


class Answers:
    """The answering half of a channel's requests, whoever's they are."""

    def __init__(self, connection: Connection, carrier: OpenEnd) -> None:
        self._connection = connection
        self._carrier = carrier

    def value_of(self, request: Request, open_end: OpenChannelEnd) -> Any:
        """What is asked. Raises `ChannelBroken` if it makes no sense; then the transport is given up."""
        try:
            return unpack(request.frame, open_end, skip_bytes=COUNT.size)
        except CodecError as error:
            with self._connection.lock:
                self._connection.break_off(str(error))
            raise ChannelBroken(self._carrier.name, str(error)) from error

    async def ask(self, handlers: tuple[Handler, ...], request: Request, value: object) -> None:
        """Have the first of `handlers` that accepts `value` answer it, and send what comes of that."""
        for handler in handlers:
            if handler.filter_func is None or accepts(handler, value, self._carrier.name):
                try:
                    result = handler.function(value)
                    if inspect.isawaitable(result):
                        result = await result
                except PLUGIN_ERRORS as error:
                    self.send_failure(request, error)
                else:
                    self.send(request, result)
                return
        name = type(value).__qualname__
        self.send_failure(request, LookupError(text("channel.no_request_handler", value=name)))

    def send(self, request: Request, result: object) -> None:
        """Answer with `result`."""
        if request.number == NO_REPLY:
            return
        try:
            item = pack(self._carrier, FrameKind.REPLY, result, COUNT.pack(request.number))
        except (TypeError, MessageTooLarge, NoHandlesLeft, ChannelInUse, ChannelClosed) as error:
            # An answer that no channel carries is the handler's failure, not silence.
            self.send_failure(request, error)
        else:
            self._send(request, item)

    def send_failure(self, request: Request, error: BaseException) -> None:
        """Answer with what went wrong."""
        told = _described(error)
        number = COUNT.pack(request.number)
        try:
            item = pack(self._carrier, FrameKind.FAILURE, told, number)
        except MessageTooLarge:
            # Not even its traceback fits.
            item = Item(FrameKind.FAILURE, 0, (number, encode([told[0], *_NO_TEXT])[1]))
        self._send(request, item)

    def _send(self, request: Request, item: Item) -> None:
        connection = self._connection
        with connection.lock:
            session = connection.session
            # An answer is for the transport that the request came over.
            if request.transport == session.transports and connection.transport is not None:
                if item.on_accept is not None:
                    item.on_accept()
                session.outbox.add_item(item)
                connection.outgoing.flush_soon()


def _described(error: BaseException) -> list[str]:
    """Type name, message and traceback of an error, as text that any channel carries."""
    try:
        problem = str(error)
    except PLUGIN_ERRORS_OF_A_CALL:
        problem = object.__repr__(error)
    parts = (type(error).__qualname__, problem, "".join(traceback.format_exception(error)))
    return [part.encode("utf-8", "backslashreplace").decode() for part in parts]


def remote_error(channel: str, value: object) -> ChannelError:
    """The error that came as `value`."""
    if not (isinstance(value, list) and len(value) == 3 and all(isinstance(part, str) for part in value)):
        return ChannelBroken(channel, text("channel.bad_failure"))
    return RemoteError(channel, *value)
