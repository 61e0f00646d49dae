"""One end of a channel against a script: greeting, messages, what is taken, the end; no transport, thread or clock."""

from typing import Any

import ormsgpack
import pytest

from liteyuki.comm.session import Item
from liteyuki.comm.session.batches import pack_batch
from liteyuki.comm.session.items import REDELIVERED
from liteyuki.comm.wire import BEGUN, HEADER, TAKEN, Frame, FrameError, FrameKind
from liteyuki.comm.wire.frames import PROTOCOL_VERSION
from liteyuki.errors import ChannelClosed
from tests.unit.session.scripted import (
    Peer,
    Sleeper,
    WatchedHandle,
    decoded,
    entry_of,
    fake_counters,
    greeting,
    message_of,
    reply,
)

CLOSED = ChannelClosed("talk", "over")


def batch_of(*values: object) -> Frame:
    data = pack_batch([entry_of(value) for value in values])
    return Frame(FrameKind.BATCH, 0, data[HEADER.size :])


def values_in(frames: list[Frame]) -> list[Any]:
    """Those that other frames bring over."""
    peer = Peer()
    peer.greeted(1_000_000)
    peer.receive(*[frame for frame in frames if frame.kind in (FrameKind.MESSAGE, FrameKind.BATCH)])
    return peer.take_all()


# --- the greeting


def test_each_transport_is_greeted_with_the_version_the_generation_and_the_bound() -> None:
    peer = Peer(max_queued_bytes=777)
    for generation in (1, 2):
        peer.connect(fake_counters()[0])
        (frame,) = peer.written()
        hello = {"version": PROTOCOL_VERSION, "generation": generation, "max_queued_bytes": 777}
        assert (frame.kind, ormsgpack.unpackb(frame.body)) == (FrameKind.HELLO, hello)
        peer.disconnect()


def test_the_greeting_goes_before_all_that_waits() -> None:
    peer = Peer()
    peer.send("early")
    peer.connect(fake_counters()[0])
    assert [frame.kind for frame in peer.written()] == [FrameKind.HELLO, FrameKind.MESSAGE]


@pytest.mark.parametrize(
    "first",
    [
        message_of(1),
        reply(1),
        Frame(FrameKind.STOP, 0, b""),
        Frame(FrameKind.HELLO, 0, b""),
        Frame(FrameKind.HELLO, 0, b"\xc1"),
        Frame(FrameKind.HELLO, 0, b"\x01"),
        Frame(FrameKind.HELLO, 0, b"\x80"),
        Frame(FrameKind.HELLO, 0, b"\x90"),
    ],
    ids=lambda frame: f"{frame.kind}-{bytes(frame.body[:4]).hex()}",
)
def test_whoever_does_not_greet_first_is_no_session(first: Frame) -> None:
    peer = Peer()
    peer.connect(fake_counters()[0])
    with pytest.raises(FrameError, match="问候"):
        peer.receive(first, greeting())
    assert not peer.session.inbox


@pytest.mark.parametrize("theirs", [PROTOCOL_VERSION + 1, PROTOCOL_VERSION - 1, 0, "x", None], ids=repr)
def test_another_version_is_refused_with_both_named(theirs: object) -> None:
    peer = Peer()
    peer.connect(fake_counters()[0])
    with pytest.raises(FrameError, match=rf"版本 {theirs}，这里是 {PROTOCOL_VERSION}；"):
        peer.receive(greeting(version=theirs))
    assert not peer.session.has_greeted


def test_a_second_greeting_makes_no_sense_but_over_another_transport() -> None:
    peer = Peer()
    peer.greeted()
    with pytest.raises(FrameError, match="问候了两次"):
        peer.receive(greeting())
    peer.disconnect()
    peer.greeted()


@pytest.mark.parametrize("kind", [FrameKind.REQUEST, FrameKind.CONTROL, FrameKind.REPLY, FrameKind.FAILURE])
def test_a_request_or_answer_without_a_number_makes_no_sense(kind: FrameKind) -> None:
    peer = Peer()
    peer.greeted()
    with pytest.raises(FrameError):
        peer.receive(Frame(kind, 0, bytes(7)))


# --- messages


def test_messages_come_in_order_alone_or_together() -> None:
    peer = Peer()
    there = peer.greeted()
    peer.receive(message_of(0), batch_of(1, "2", 3), message_of("4"))
    peer.receive(batch_of("5", "6"))
    assert [peer.take() for _ in range(4)] == [0, 1, "2", 3]
    assert there.peer[TAKEN] == 4
    assert peer.take_all() == ["4", "5", "6"]
    assert there.peer[TAKEN] == 7


@pytest.mark.parametrize("body", [b"", b"\0\0\0\0", b"\2\0\0\0\x90"], ids=bytes.hex)
def test_a_batch_that_consists_of_no_runs_makes_no_sense_when_it_is_opened(body: bytes) -> None:
    peer = Peer()
    peer.greeted()
    peer.receive(message_of("before"), Frame(FrameKind.BATCH, 0, body))
    assert peer.take() == "before"
    with pytest.raises(FrameError):
        peer.take()


def test_who_waits_longest_is_woken_for_what_comes_and_everybody_for_an_end() -> None:
    woken: list[str] = []
    peer = Peer()
    peer.session.inbox.waiters.append(Sleeper("before anybody came", woken))
    peer.greeted()
    assert woken == ["before anybody came"]
    waiters = peer.session.inbox.waiters
    waiters.extend([Sleeper("gone", woken, is_there=False), *(Sleeper(name, woken) for name in "abcd")])
    woken.clear()
    peer.receive(Frame(FrameKind.ROOM, 0, b""))
    assert woken == []
    peer.receive(message_of(1), message_of(2))
    assert woken == ["a"]
    peer.take_all()
    peer.receive(Frame(FrameKind.STOP, 0, b""))
    assert woken == ["a", "b", "c", "d"]
    assert peer.session.peer_stops
    waiters.append(Sleeper("e", woken))
    peer.session.close(CLOSED)
    assert woken[4:] == ["e"]


def test_who_waits_is_woken_for_what_came_before_nonsense() -> None:
    woken: list[str] = []
    peer = Peer()
    peer.greeted()
    peer.session.inbox.waiters.append(Sleeper("receiver", woken))
    with pytest.raises(FrameError):
        peer.receive(message_of(1), greeting())
    assert woken == ["receiver"]


def test_one_that_has_said_that_it_stops_may_come_again() -> None:
    peer = Peer()
    peer.greeted()
    peer.receive(Frame(FrameKind.STOP, 0, b""))
    peer.disconnect()
    peer.greeted()
    assert not peer.session.peer_stops


# --- the bound of what has come


def test_a_peer_that_sends_on_beyond_its_bound_makes_no_sense() -> None:
    peer = Peer(max_queued_bytes=1000)
    peer.greeted(0)
    peer.receive(*[message_of(bytes(298)) for _ in range(4)])  # of 300 bytes, without what a sender counts besides
    with pytest.raises(FrameError, match="1000"):
        peer.receive(message_of(None))


def test_there_is_room_for_whatever_has_been_taken() -> None:
    peer = Peer(max_queued_bytes=1000)
    peer.greeted(0)
    for _ in range(50):
        peer.receive(message_of(bytes(900)))
        assert peer.take() == bytes(900)


def test_a_larger_bound_of_the_other_side_is_kept_to() -> None:
    peer = Peer(max_queued_bytes=1000)
    peer.greeted(5000)
    peer.receive(*[message_of(bytes(997)) for _ in range(6)])
    with pytest.raises(FrameError, match="5000"):
        peer.receive(message_of(None))


def test_one_message_may_be_larger_than_the_bound() -> None:
    peer = Peer(max_queued_bytes=1000)
    peer.greeted(0)
    peer.receive(message_of(bytes(100_000)))
    with pytest.raises(FrameError):
        peer.receive(message_of(None))
    assert peer.take() == bytes(100_000)


def test_what_earlier_peers_have_left_is_not_held_against_the_next() -> None:
    peer = Peer(max_queued_bytes=1000)
    for number in range(3):
        peer.greeted(0)
        peer.receive(message_of([number, bytes(900)]))
        peer.disconnect()
    held = [peer.session.inbox.holds_too_much]
    peer.greeted(0)
    peer.receive(message_of([3, bytes(900)]))
    for number in range(4):
        assert peer.take()[0] == number
        held.append(peer.session.inbox.holds_too_much)
    assert held == [True, True, False, False, False]


def test_what_a_handle_leads_to_counts_as_it_was_though_the_other_side_changes_it() -> None:
    """As a file that is still open over there, and grows or shrinks."""

    class Changing(WatchedHandle):
        size_bytes = 600

        @property
        def content_bytes(self) -> int:
            return self.size_bytes

    peer = Peer(max_queued_bytes=1000)
    peer.greeted(0)
    handles = [Changing() for _ in range(4)]
    peer.receive(*[message_of(number, 1 << 4, (handle,)) for number, handle in enumerate(handles[:2])])
    assert peer.session.held.size_bytes == peer.session.inbox.queued_bytes == 1202
    for size, handle in zip((0, 10_000), handles, strict=False):
        handle.size_bytes = size
    assert peer.take_all() == [0, 1]
    assert peer.session.inbox.queued_bytes == 0
    peer.receive(*[message_of(number, 1 << 4, (handle,)) for number, handle in enumerate(handles[2:])])
    with pytest.raises(FrameError, match="1000"):
        peer.receive(message_of(None))


# --- generations


def sent_over(peer: Peer, *, taken: int, begun: int = 0) -> list[Frame]:
    """What a new process is sent, which then dies and has taken and begun so many."""
    here, there = fake_counters()
    peer.connect(here)
    peer.receive(greeting())
    frames = peer.written()
    there.own[TAKEN], there.own[BEGUN] = taken, begun
    peer.disconnect()
    return frames


def test_what_a_process_has_not_taken_goes_to_the_next_in_order() -> None:
    peer = Peer()
    for number in range(6):
        assert peer.send(f"{number}")
    assert values_in(sent_over(peer, taken=2)) == list("012345")
    peer.send("6")
    assert values_in(sent_over(peer, taken=0)) == list("23456")
    assert values_in(sent_over(peer, taken=4)) == list("23456")
    assert peer.session.outbox.messages == 1
    assert values_in(sent_over(peer, taken=99)) == ["6"]
    assert sent_over(peer, taken=0)[1:] == []
    assert peer.session.held == (0, 0, 0, 0)


def test_what_was_begun_comes_marked_to_the_next_process_and_those_after_it() -> None:
    peer = Peer()
    for number in range(4):
        peer.send(number)
    sent_over(peer, taken=1, begun=3)
    for _ in range(2):
        frames = sent_over(peer, taken=0, begun=0)[1:]
        assert values_in(frames) == [1, 2, 3]
        assert [bool(frame.flags & REDELIVERED) for frame in frames] == [True, True, False]


def test_counters_that_cannot_be_true_are_believed_of_their_own_transport_only() -> None:
    peer = Peer()
    peer.send("known")
    assert values_in(sent_over(peer, taken=2**60, begun=2**60)) == ["known"]
    peer.send("later")
    assert values_in(sent_over(peer, taken=0)) == ["later"]


def test_a_handle_that_was_opened_over_there_is_a_dead_end_for_the_next() -> None:
    peer = Peer()
    handles = [WatchedHandle(), WatchedHandle()]
    for handle in handles:
        peer.session.add_message(Item(FrameKind.MESSAGE, 0, [b"\x01"], [handle]))
    sent_over(peer, taken=0, begun=1)
    assert [handle.is_closed for handle in handles] == [True, False]
    here, _ = fake_counters()
    peer.connect(here)
    first, second = peer.written()[1:]
    assert first.handles[0] is not handles[0]
    assert second.handles == (handles[1],)


def test_what_came_over_a_transport_that_is_gone_is_received_and_counts_for_nobody() -> None:
    peer = Peer()
    first = peer.greeted()
    peer.receive(batch_of("0", "1", "2"), message_of("3"))
    assert peer.take() == "0"
    peer.disconnect()
    second = peer.greeted()
    peer.receive(message_of("4"))
    assert [peer.take() for _ in range(3)] == ["1", "2", "3"]
    assert second.peer[TAKEN] == 0
    assert peer.take() == "4"
    assert second.peer[TAKEN] == 1
    # What the dead one may still be asked of its last run is nobody's business.
    assert first.peer[TAKEN] in (1, 2, 3)


def test_messages_in_hand_when_a_process_dies_are_not_finished_over_the_next_transport() -> None:
    peer = Peer(ack="handled")
    first = peer.greeted()
    peer.receive(message_of(1), message_of(2))
    assert peer.take_all() == [1, 2]
    assert (first.peer[BEGUN], first.peer[TAKEN]) == (2, 0)
    peer.disconnect()
    second = peer.greeted()
    peer.finish()
    peer.finish()
    assert (second.peer[BEGUN], second.peer[TAKEN]) == (0, 0)


# --- taking over what another session has


def test_what_has_come_to_another_session_goes_on_in_the_one_that_takes_its_place() -> None:
    before, after = Peer(), Peer()
    there = before.greeted(5000)
    before.receive(message_of(1), batch_of(2, 3))
    after.send("sent before")
    after.session.adopt(before.session)
    assert after.take_all() == [1, 2, 3]
    assert there.peer[TAKEN] == 3
    assert [frame.kind for frame in after.written()] == [FrameKind.MESSAGE]
    assert before.session.held == (0, 0, 0, 0)
    with pytest.raises(FrameError, match="问候了两次"):
        after.receive(greeting())


def test_who_waits_in_the_session_that_takes_the_place_of_another_is_woken() -> None:
    woken: list[str] = []
    before, after = Peer(), Peer(max_queued_bytes=1000)
    before.greeted()
    before.receive(message_of(1))
    after.session.inbox.waiters.append(Sleeper("receiver", woken))
    assert after.send(bytes(900))
    after.wait_for_room(Sleeper("sender", woken), bytes(900))
    after.session.adopt(before.session)
    assert sorted(woken) == ["receiver", "sender"]


def test_what_has_been_asked_of_another_session_is_answered_by_the_one_that_takes_its_place() -> None:
    before, after = Peer(), Peer()
    before.greeted()
    before.receive(reply(7, "plugin", FrameKind.REQUEST), reply(8, "core", FrameKind.CONTROL))
    before.receive(Frame(FrameKind.STOP, 0, b""))
    after.session.adopt(before.session)
    assert after.session.peer_stops
    for queue, number in (after.session.requests, 7), (after.session.control, 8):
        asked = queue.take()
        assert (asked.number, asked.transport) == (number, after.session.transports)
    assert not before.session.requests
    assert not before.session.control


def test_an_other_session_that_has_not_been_greeted_is_greeted_where_it_is_taken_over() -> None:
    before, after = Peer(), Peer()
    here, there = fake_counters()
    before.connect(here)
    before.written()
    after.session.adopt(before.session)
    after.receive(greeting(), message_of("hello"))
    assert after.take() == "hello"
    assert there.peer[TAKEN] == 1


# --- the end


def test_a_copy_of_the_process_holds_no_handles_of_what_travels() -> None:
    written, waiting, came = WatchedHandle(), WatchedHandle(), WatchedHandle()
    peer = Peer()
    peer.greeted()
    assert peer.session.add_message(Item(FrameKind.MESSAGE, 0, [b"\x01"], [written]))
    peer.written()
    assert peer.session.add_message(Item(FrameKind.MESSAGE, 0, [b"\x02"], [waiting]))
    peer.receive(message_of(3, handles=(came,)), reply(7, 1, FrameKind.REQUEST), reply(8, 1, FrameKind.CONTROL))
    peer.session.forked(CLOSED)
    assert (written.is_closed, waiting.is_closed) == (True, True)
    assert peer.session.held == (0, 0, 0, 0)


def test_closing_here_leaves_what_is_queued_to_be_written() -> None:
    peer = Peer()
    peer.greeted()
    peer.send("queued")
    peer.receive(message_of("unread"))
    woken: list[str] = []
    peer.session.inbox.waiters.append(Sleeper("receiver", woken))
    _, caller = peer.ask()
    assert peer.session.close_here()
    assert not peer.session.close_here()
    assert caller.answers == [None]
    assert woken == ["receiver"]
    assert not peer.session.inbox
    with pytest.raises(ChannelClosed, match="已在此处关闭"):
        peer.send("more")
    assert [frame.kind for frame in peer.written()] == [FrameKind.MESSAGE, FrameKind.REQUEST]


def test_the_end_of_the_other_side_drops_what_it_has_not_taken_and_keeps_what_it_has_sent() -> None:
    peer = Peer()
    there = peer.greeted()
    for number in range(5):
        peer.send(number)
    peer.written()
    peer.receive(message_of("last words"))
    there.own[TAKEN] = 2
    peer.disconnect()
    assert peer.session.close(CLOSED) == 3
    assert peer.session.outbox.dropped == 3
    assert peer.take() == "last words"
    assert peer.session.held == (0, 0, 0, 0)
    with pytest.raises(ChannelClosed, match="over"):
        peer.send("more")


def test_the_first_reason_is_the_one_that_is_told() -> None:
    peer = Peer()
    peer.session.close_here()
    peer.session.close(CLOSED)
    with pytest.raises(ChannelClosed, match="已在此处关闭"):
        peer.session.raise_if_closed()


def test_what_was_decoded_is_what_was_sent() -> None:
    peer = Peer()
    peer.greeted()
    peer.receive(batch_of("a", None, [1]))
    assert decoded([peer.session.inbox.take_run()]) == ["a", None, [1]]
