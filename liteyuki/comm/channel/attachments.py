"""Values become what is sent, and back: encoded, bounded, and with what travels beside the bytes.

That is channels inside values, of which the sender keeps one end of a new pair and the receiver gets the other; and
large buffers, of which only a handle travels to where the sender has copied them.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import ormsgpack

from liteyuki._platform import map_shared_copy, shared_copy
from liteyuki.codec import Buffer, CodecError, LargeBuffer, TakeIn, decode, decode_batch, encode_parts, encode_plain
from liteyuki.comm.session import Ack, ChannelOptions, Item, Run
from liteyuki.comm.transport import PipeTransport, Transport, pipe_pair
from liteyuki.comm.wire import MAX_HANDLES, Frame, FrameKind, Handle, SharedHandle
from liteyuki.errors import ChannelInUse, MessageTooLarge, NoHandlesLeft
from liteyuki.locale import text

__all__ = ["ChannelEnd", "OpenEnd", "open_pipe", "pack", "unpack", "unpack_run"]


class OpenEnd:
    """An end that is open in this process, and may be sent: what `Channel` is to the channel that carries it."""

    name: str
    options: ChannelOptions

    @property
    def is_attached(self) -> bool:
        """Whether it has an other side."""
        raise NotImplementedError

    def attach(self, transport: Transport, *, generation: int = 0) -> None:
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


OpenChannelEnd = Callable[[ChannelEnd], object]
"""What becomes of each end that comes inside a value."""
_Offered = OpenEnd | ChannelEnd | SharedHandle
"""What travels as a handle."""


def open_pipe(handle: Handle) -> PipeTransport:
    """The transport over a handle, which belongs to it from now on."""
    return PipeTransport(socket.socket(fileno=handle.take()))


# --- there


def pack(carrier: OpenEnd, kind: FrameKind, value: object, prefix: bytes = b"") -> Item:
    """The frame in which `carrier` sends `value`, after `prefix`.

    Raises `TypeError`, `MessageTooLarge`, `NoHandlesLeft`, `ChannelInUse`, `ChannelClosed`.
    """
    payload = encode_plain(value)
    if payload is not None and len(payload) + len(prefix) <= carrier.options.max_message_bytes:
        return Item(kind, 0, (prefix + payload,))
    flags, parts, offered = _encode(value, may_share=True)
    if len(offered) > MAX_HANDLES:
        flags, parts, offered = _encode(value, may_share=False)
    if prefix:
        parts.insert(0, prefix)
    size = sum(map(len, parts)) + sum(each.content_bytes for each in offered if isinstance(each, SharedHandle))
    if size > carrier.options.max_message_bytes:
        raise MessageTooLarge(carrier.name, size, carrier.options.max_message_bytes)
    if not offered:
        return Item(kind, flags, parts)
    _check_offered(carrier, [each for each in offered if not isinstance(each, SharedHandle)])
    handles: list[Handle] = []
    near_ends: list[tuple[OpenEnd, Handle]] = []
    try:
        for end in offered:
            if isinstance(end, SharedHandle):
                handles.append(end)
            elif isinstance(end, ChannelEnd):
                handles.append(end.handle)
            else:
                near, far = pipe_pair()
                handles.append(Handle(far.detach()))
                near_ends.append((end, Handle(near.detach())))
    except OSError as error:
        raise NoHandlesLeft(carrier.name, error.errno or 0) from error
    return Item(kind, flags, parts, handles, (lambda: _connect(near_ends)) if near_ends else None)


def _encode(value: object, *, may_share: bool) -> tuple[int, list[Buffer], list[_Offered]]:
    """Flags and payload, and what is to travel with it, in that order."""
    offered: list[_Offered] = []

    def hand_over(value: object) -> bytes | None:
        if isinstance(value, LargeBuffer):
            shared = _share(value.content) if may_share else None
            if shared is None:
                return None
            offered.append(shared)
            return ormsgpack.packb([len(offered) - 1, value.content.nbytes])
        if not isinstance(value, (OpenEnd, ChannelEnd)):
            return None
        offered.append(value)
        return ormsgpack.packb([len(offered) - 1, value.name, *value.options])

    return *encode_parts(value, hand_over), offered


def _share(content: memoryview) -> SharedHandle | None:
    """A copy that can travel; None if it must go with the stream: there is no such memory, no handle, or no room."""
    try:
        return SharedHandle(shared_copy(content))
    except OSError:
        return None


def _check_offered(carrier: OpenEnd, offered: Sequence[OpenEnd | ChannelEnd]) -> None:
    if len(offered) > MAX_HANDLES or len(set(map(id, offered))) < len(offered):
        raise ChannelInUse(offered[-1].name)
    for end in offered:
        if isinstance(end, OpenEnd):
            end.raise_if_closed()
            if end is carrier or end.is_attached:
                raise ChannelInUse(end.name)


def _connect(near_ends: list[tuple[OpenEnd, Handle]]) -> None:
    """The item is accepted: open this side's ends of the channels in it. Raises `ChannelInUse`."""
    for end, _ in near_ends:
        if end.is_attached:
            raise ChannelInUse(end.name)
    for end, near in near_ends:
        end.attach(open_pipe(near))


# --- back


def unpack_run(run: Run, open_end: OpenChannelEnd) -> list[Any]:
    """The values of messages that have come together. Raises `CodecError`."""
    content = run.content
    if isinstance(content, memoryview):
        return decode_batch(content)
    return [decode(content.flags, content.body, _take_in(content.handles, open_end) if content.handles else None)]


def unpack(frame: Frame, open_end: OpenChannelEnd, *, skip_bytes: int = 0) -> Any:
    """The value that `pack` was given, with what `open_end` makes of each channel in it.

    `skip_bytes` is the length of the prefix. Raises `CodecError`.
    """
    body = frame.body[skip_bytes:] if skip_bytes else frame.body
    return decode(frame.flags, body, _take_in(frame.handles, open_end) if frame.handles else None)


def _take_in(handles: tuple[Handle, ...], open_end: OpenChannelEnd) -> TakeIn:
    """For the decoder: what becomes of what came with `handles`."""

    def take(data: bytes) -> object:
        try:
            parts: Any = decode(0, data)
            number = parts[0]
            is_there = type(number) is int and 0 <= number < len(handles)
            # Twice the same number would be two owners of one handle.
            if not is_there or handles[number].fileno() < 0:
                raise CodecError(text("codec.structure"))
            return _map(handles[number], *parts[1:]) if len(parts) == 2 else open_end(_end(handles[number], *parts[1:]))
        except (ValueError, TypeError, LookupError) as error:
            raise CodecError(text("codec.structure")) from error

    return take


def _end(handle: Handle, name: object, max_queued_bytes: object, max_message_bytes: object, ack: Ack) -> ChannelEnd:
    if type(name) is not str or ack not in ("taken", "handled"):
        raise CodecError(text("codec.structure"))
    if type(max_queued_bytes) is not int or type(max_message_bytes) is not int:
        raise CodecError(text("codec.structure"))
    return ChannelEnd(name, ChannelOptions(max_queued_bytes, max_message_bytes, ack), Handle(handle.take()))


def _map(handle: Handle, size_bytes: int) -> memoryview:
    if type(size_bytes) is not int:
        raise CodecError(text("codec.structure"))
    try:
        buffer = map_shared_copy(handle.fileno(), size_bytes)
    except (ValueError, OverflowError) as error:
        raise CodecError(text("codec.structure")) from error
    except OSError as error:
        raise CodecError(str(error)) from error
    handle.close()
    return buffer
