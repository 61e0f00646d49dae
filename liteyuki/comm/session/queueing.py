"""Queueing what is to be sent, if there is room for it. All with the channel's lock, except `need_of`."""

from typing import TYPE_CHECKING

from liteyuki.comm.channel.attachments import connect_ends
from liteyuki.comm.session.credit import Need
from liteyuki.comm.session.items import Entry, Item, cost_bytes
from liteyuki.comm.wire import FrameKind

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["add", "admit", "need_of"]


def add(endpoint: "Endpoint", entry: Entry) -> bool:
    """Queue a message if there is room; whether there was. Raises `ChannelClosed`, `ChannelInUse`."""
    endpoint.raise_if_closed()
    endpoint.bind_to_running_loop()
    size = cost_bytes(entry)
    if not endpoint.outbox.has_room(size):
        endpoint.look_for_room()
        if not endpoint.outbox.has_room(size):
            return False
    if isinstance(entry, Item):
        connect_ends(entry)
        endpoint.outbox.add_item(entry)
    else:
        endpoint.outbox.add_small(entry, size)
    endpoint.link.flush_soon()
    return True


def admit(endpoint: "Endpoint", item: Item) -> bool:
    """Queue what is of use to the transport of the moment only, if the OS is not too far behind; whether it is not."""
    if not _is_written_enough(endpoint, item):
        endpoint.link.flush()
        if not _is_written_enough(endpoint, item):
            return False
    connect_ends(item)
    endpoint.outbox.add_item(item)
    endpoint.link.flush_soon()
    return True


def _is_written_enough(endpoint: "Endpoint", item: Item) -> bool:
    endpoint.outbox.collect()
    waiting = endpoint.outbox.waiting_bytes
    return waiting + item.size_bytes <= endpoint.options.max_queued_bytes or not waiting


def need_of(endpoint: "Endpoint", entry: Entry) -> Need:
    """What `entry`, for which there was no room, waits for."""
    endpoint.let_threads_read(False)
    is_message = not isinstance(entry, Item) or entry.kind == FrameKind.MESSAGE
    return endpoint.room.need_for(cost_bytes(entry), is_message=is_message)
