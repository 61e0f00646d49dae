"""Values become what is sent: encoded, bounded, and with the far ends of the channels that travel in them."""

import socket
from collections.abc import Sequence
from typing import TYPE_CHECKING

from liteyuki.codec import Buffer, LargeBuffer, encode_parts
from liteyuki.comm.channel.ends import ChannelEnd, OpenEnd, pack_end
from liteyuki.comm.channel.shared_buffers import pack_buffer, share
from liteyuki.comm.session.items import Item
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.comm.wire import MAX_HANDLES, FrameKind, Handle, SharedHandle
from liteyuki.errors import ChannelInUse, MessageTooLarge, NoHandlesLeft

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["connect_ends", "pack"]

Offered = OpenEnd | ChannelEnd | SharedHandle
"""What travels as a handle."""


def pack(endpoint: "Endpoint", kind: FrameKind, value: object, prefix: bytes = b"") -> Item:
    """The frame for `value`. Raises `TypeError`, `MessageTooLarge`, `NoHandlesLeft`, `ChannelInUse`."""
    flags, parts, offered = _encode(value, may_share=True)
    if len(offered) > MAX_HANDLES:
        flags, parts, offered = _encode(value, may_share=False)
    if prefix:
        parts.insert(0, prefix)
    size = sum(map(len, parts)) + sum(each.content_bytes for each in offered if isinstance(each, SharedHandle))
    if size > endpoint.options.max_message_bytes:
        raise MessageTooLarge(endpoint.name, size, endpoint.options.max_message_bytes)
    if not offered:
        return Item(kind, flags, parts)
    _check_offered(endpoint, [each for each in offered if not isinstance(each, SharedHandle)])
    handles: list[Handle] = []
    near_ends = []
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
        raise NoHandlesLeft(endpoint.name, error.errno or 0) from error
    return Item(kind, flags, parts, handles, near_ends)


def _encode(value: object, *, may_share: bool) -> tuple[int, list[Buffer], list[Offered]]:
    """Flags and payload, and what is to travel with it, in that order."""
    offered: list[Offered] = []

    def hand_over(value: object) -> bytes | None:
        if isinstance(value, LargeBuffer):
            shared = share(value.content) if may_share else None
            if shared is None:
                return None
            offered.append(shared)
            return pack_buffer(len(offered) - 1, value.content.nbytes)
        if not isinstance(value, (OpenEnd, ChannelEnd)):
            return None
        offered.append(value)
        return pack_end(len(offered) - 1, value.name, value.options)

    return *encode_parts(value, hand_over), offered


def _check_offered(endpoint: "Endpoint", offered: Sequence[OpenEnd | ChannelEnd]) -> None:
    if len(offered) > MAX_HANDLES or len(set(map(id, offered))) < len(offered):
        raise ChannelInUse(offered[-1].name)
    for end in offered:
        if isinstance(end, OpenEnd):
            end.raise_if_closed()
            if end is endpoint or end.is_attached:
                raise ChannelInUse(end.name)


def connect_ends(item: Item) -> None:
    """`item` is accepted: open this side's ends of the channels in it. Raises `ChannelInUse`. With the lock."""
    for end, _ in item.near_ends:
        if end.is_attached:
            raise ChannelInUse(end.name)
    for end, near in item.near_ends:
        end.attach(PipeTransport(socket.socket(fileno=near.take())))
