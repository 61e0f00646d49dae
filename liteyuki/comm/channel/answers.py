"""Answering the other side's requests."""

from typing import TYPE_CHECKING, Any

from liteyuki.codec import encode
from liteyuki.comm.channel.attachments import connect_ends, pack
from liteyuki.comm.channel.handlers import Handler
from liteyuki.comm.session.calls import NO_REPLY, failure, pack_number
from liteyuki.comm.session.items import Item
from liteyuki.comm.wire import FrameKind
from liteyuki.errors import ChannelClosed, ChannelFull, ChannelInUse, MessageTooLarge, NoHandlesLeft
from liteyuki.locale import text
from liteyuki.log import logger

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["answer", "refuse"]


async def answer(
    endpoint: "Endpoint", handlers: tuple[Handler, ...], number: int, value: object, transports: int
) -> None:
    """Have one of `handlers` answer a request that came over the so manieth transport; send what comes of it there."""
    kind, result = await endpoint.calls.ask(handlers, value)
    if number == NO_REPLY:
        if kind == FrameKind.FAILURE:
            logger.error(text("channel.notify_failed", channel=endpoint.name, error=": ".join(result[:2])))
        return
    item = _pack_answer(endpoint, number, kind, result)
    with endpoint.lock:
        if transports == endpoint.calls.transports and endpoint.link.transport is not None:
            connect_ends(item)
            endpoint.outbox.add_item(item)
            endpoint.link.flush_soon()


def _pack_answer(endpoint: "Endpoint", number: int, kind: FrameKind, result: Any) -> Item:
    try:
        return pack(endpoint, kind, result, pack_number(number))
    except (TypeError, MessageTooLarge, NoHandlesLeft, ChannelInUse, ChannelClosed) as error:
        # An answer that no channel carries is the handler's failure, not silence.
        told = result if kind == FrameKind.FAILURE else failure(error)
        try:
            return pack(endpoint, FrameKind.FAILURE, told, pack_number(number))
        except MessageTooLarge:
            # Not even its traceback fits.
            return Item(FrameKind.FAILURE, 0, (pack_number(number), encode([told[0], "", ""])[1]))


def refuse(endpoint: "Endpoint", number: int, is_first: bool) -> None:
    """Too many requests wait for this one to wait as well: tell so. With the lock."""
    problem = text("channel.too_many_requests", channel=endpoint.name)
    if is_first:
        logger.error(problem)
    if number != NO_REPLY:
        payload = encode([ChannelFull.__name__, problem, ""])[1]
        endpoint.outbox.add_item(Item(FrameKind.FAILURE, 0, (pack_number(number), payload)))
        endpoint.link.flush_soon()
