"""What has come over a channel's transport goes where it belongs, frame by frame."""

from typing import TYPE_CHECKING, Final

from liteyuki.codec import CodecError, decode
from liteyuki.comm.channel.answers import refuse
from liteyuki.comm.channel.ends import take_in
from liteyuki.comm.session.acks import Receipts
from liteyuki.comm.session.ending import break_off
from liteyuki.comm.wire import COUNT, Frame, FrameError, FrameKind, check_hello
from liteyuki.locale import text

if TYPE_CHECKING:
    from liteyuki.comm.session.session import Endpoint

__all__ = ["sort"]

# Plain numbers, since an IntEnum takes ten times as long to compare.
_MESSAGE: Final = int(FrameKind.MESSAGE)
_BATCH: Final = int(FrameKind.BATCH)


def sort(endpoint: "Endpoint", frames: list[Frame]) -> None:
    """Take in what has been read, and wake who waits for it; bytes that make no sense end it. With the lock."""
    try:
        for frame in frames:
            _sort_one(endpoint, frame)
    except (CodecError, FrameError) as error:
        break_off(endpoint, str(error))
        return
    inbox = endpoint.receiver.inbox
    if inbox:
        inbox.wake_one()
    if not endpoint.link.loop_reads and (endpoint.has_work_for_core or endpoint.has_work_for_handlers):
        endpoint.deliver_soon()


def _sort_one(endpoint: "Endpoint", frame: Frame) -> None:
    kind = frame.kind
    if not endpoint.has_greeted:
        endpoint.receiver.inbox.expect(check_hello(frame))
        endpoint.has_greeted = True
        _begin_receipts(endpoint)
    elif kind in (_MESSAGE, _BATCH):
        endpoint.receiver.inbox.add(frame)
    elif kind in (FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE):
        refused = endpoint.calls.receive(frame, endpoint.take_in(frame.handles))
        if refused is not None:
            refuse(endpoint, *refused)
    elif kind == FrameKind.TELL:
        # Unopened ends: a core may pass them on.
        endpoint.told.add(decode(frame.flags, frame.body, take_in(frame.handles, lambda end: end)))
    elif kind == FrameKind.ROOM_WANTED:
        _room_wanted(endpoint, frame)
    elif kind == FrameKind.ROOM:
        endpoint.room_is_asked_for = False
        endpoint.look_for_room()
    elif kind == FrameKind.STOP:
        endpoint.peer_stops = True
        endpoint.receiver.inbox.wake_all()
    else:
        raise FrameError(text("channel.second_hello"))


def _begin_receipts(endpoint: "Endpoint") -> None:
    # Not before: until now the transport may not have had its counters.
    transport = endpoint.link.transport
    if transport is not None:
        endpoint.receiver.receipts = Receipts(transport.own)


def _room_wanted(endpoint: "Endpoint", frame: Frame) -> None:
    if len(frame.body) != COUNT.size:
        raise CodecError(text("codec.structure"))
    receipts = endpoint.receiver.receipts
    if receipts is not None and receipts.want(COUNT.unpack(frame.body)[0]):
        endpoint.say_room()
