"""What ends a channel from outside: its other side has gone, has sent what makes no sense, or has been replaced.

All with the channel's lock.
"""

from typing import TYPE_CHECKING

from liteyuki.comm.transport import UNWRITTEN, TransportEnded
from liteyuki.comm.wire import FrameError
from liteyuki.errors import ChannelBroken, ChannelClosed
from liteyuki.locale import text
from liteyuki.log import logger

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["break_off", "let_go_of_transport", "shut", "transport_ended"]


def transport_ended(endpoint: "Endpoint", error: TransportEnded | FrameError) -> None:
    """Reading has met the end of the transport, or what is no frame."""
    if isinstance(error, FrameError):
        break_off(endpoint, str(error))
        return
    if error.unfinished_bytes:
        logger.warning(text("channel.cut", channel=endpoint.name, bytes=error.unfinished_bytes))
    _lose_transport(endpoint, ChannelClosed(endpoint.name, text("channel.reason_ended")))


def break_off(endpoint: "Endpoint", detail: str) -> None:
    """The other side's bytes make no sense."""
    broken = ChannelBroken(endpoint.name, text("channel.reason_broken", detail=detail))
    logger.error(str(broken))
    _lose_transport(endpoint, broken)


def _lose_transport(endpoint: "Endpoint", reason: ChannelClosed) -> None:
    # Who has closed this end tells what is lost.
    if endpoint.is_open_for_next or endpoint.is_closed_here:
        let_go_of_transport(endpoint)
    else:
        shut(endpoint, reason)


def let_go_of_transport(endpoint: "Endpoint", *, is_replaced: bool = False) -> None:
    """Go on without it, and tell so whoever waits for the other side."""
    transport = endpoint.link.transport
    if transport is not None and not is_replaced and transport.peer[UNWRITTEN]:
        logger.warning(text("channel.lost", channel=endpoint.name))
    endpoint.link.detach()
    endpoint.receiver.receipts = None
    endpoint.calls.fail_all()
    # Who waits with a request is to learn that; who waits with a message goes on waiting.
    endpoint.room.wake_all()
    if endpoint.closing is not None:
        endpoint.closing.wake()


def shut(endpoint: "Endpoint", reason: ChannelClosed) -> None:
    """Close for good; what is still here is lost, which is told."""
    if endpoint.closed is None:
        endpoint.closed = reason
    endpoint.room.close()
    let_go_of_transport(endpoint)
    dropped = endpoint.outbox.drop_all(is_written_lost=True)
    if dropped:
        logger.warning(text("channel.dropped", channel=endpoint.name, count=dropped))
    endpoint.receiver.inbox.wake_all()
