"""One end of a channel as plain state: what is to be sent, what has come, who waits, what has been taken.

No socket, no event loop, no thread and no clock stands here: frames go in, and what is to be written comes out.
`comm.io` moves the bytes, `comm.channel` gives values to people; both import this package, and it neither of them.
"""

from liteyuki.comm.session.acks import Acks
from liteyuki.comm.session.calls import NO_REPLY, Call, Request, RequestQueue, pack_number
from liteyuki.comm.session.credit import Need, Waiter
from liteyuki.comm.session.inbox import Inbox, Run
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    TEXT_HEAD_BYTES,
    Entry,
    Item,
    SmallEntry,
    cost_bytes,
    payload_of,
)
from liteyuki.comm.session.options import Ack, ChannelOptions, check_options
from liteyuki.comm.session.session import Held, Session
from liteyuki.comm.session.stats import ChannelStats

__all__ = [
    "BATCH_BYTES",
    "MESSAGE_COST_BYTES",
    "NO_REPLY",
    "TEXT_HEAD_BYTES",
    "Ack",
    "Acks",
    "Call",
    "ChannelOptions",
    "ChannelStats",
    "Entry",
    "Held",
    "Inbox",
    "Item",
    "Need",
    "Request",
    "RequestQueue",
    "Run",
    "Session",
    "SmallEntry",
    "Waiter",
    "check_options",
    "cost_bytes",
    "pack_number",
    "payload_of",
]
