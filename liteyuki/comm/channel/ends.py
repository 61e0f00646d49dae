"""Channel ends that travel inside values: the sender keeps one end of a new pair, the receiver gets the other."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import ormsgpack

from liteyuki.codec import CodecError, TakeIn, decode
from liteyuki.comm.channel.shared_buffers import map_buffer
from liteyuki.comm.transport import Transport
from liteyuki.comm.wire import MAX_MESSAGE_BYTES, Handle
from liteyuki.locale import text

__all__ = ["Ack", "ChannelEnd", "ChannelOptions", "OpenEnd", "check_options", "pack_end", "take_in"]

Ack = Literal["taken", "handled"]


class ChannelOptions(NamedTuple):
    """What both ends of a channel go by."""

    max_queued_bytes: int = 16 * 1024 * 1024
    max_message_bytes: int = MAX_MESSAGE_BYTES
    ack: Ack = "taken"


def check_options(name: object, options: ChannelOptions) -> None:
    """Raises `ValueError` for what no channel can go by."""
    if type(name) is not str or not name:
        raise ValueError(text("error.channel_name", value=repr(name)))
    for option in ("max_queued_bytes", "max_message_bytes"):
        limit = getattr(options, option)
        if type(limit) is not int or limit < 1:
            raise ValueError(text("error.channel_bound", option=option, value=repr(limit)))
    if options.ack not in get_args(Ack):
        raise ValueError(text("error.channel_ack", value=repr(options.ack)))


class OpenEnd:
    """An end that is open in this process, and may be sent: what `Endpoint` is to the channel that carries it."""

    name: str
    options: ChannelOptions

    @property
    def is_attached(self) -> bool:
        """Whether it has an other side."""
        raise NotImplementedError

    def attach(self, transport: Transport) -> None:
        """Give it its other side."""
        raise NotImplementedError

    def raise_if_closed(self) -> None:
        """Raises `ChannelClosed`."""
        raise NotImplementedError


class ChannelEnd(NamedTuple):
    """An end that nobody has opened: a name, and the handle to open it with."""

    name: str
    options: ChannelOptions
    handle: Handle


def pack_end(number: int, name: str, options: ChannelOptions) -> bytes:
    """The end that is the `number`-th handle of its frame."""
    return ormsgpack.packb([number, name, *options])


def take_in(handles: tuple[Handle, ...], open_end: Callable[[ChannelEnd], object]) -> TakeIn:
    """For the decoder: what `open_end` makes of each end that came with `handles`; buffers as they are."""

    def take(data: bytes) -> object:
        try:
            parts: Any = decode(0, data)
            if len(parts) == 2:
                return map_buffer(handles, *parts)
            number, name, max_queued_bytes, max_message_bytes, ack = parts
        except (ValueError, TypeError) as error:
            raise CodecError(text("codec.structure")) from error
        is_sound = type(name) is str and ack in ("taken", "handled")
        is_sound = is_sound and type(max_queued_bytes) is type(max_message_bytes) is int
        if not is_sound or type(number) is not int or not 0 <= number < len(handles):
            raise CodecError(text("codec.structure"))
        # Twice the same number would be two owners of one handle.
        if handles[number].fileno() < 0:
            raise CodecError(text("codec.structure"))
        handle = Handle(handles[number].take())
        return open_end(ChannelEnd(name, ChannelOptions(max_queued_bytes, max_message_bytes, ack), handle))

    return take
