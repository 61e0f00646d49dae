"""Requests and answers by their numbers: who is told what, and what too many of them lead to."""

import ormsgpack
import pytest

from liteyuki.codec import decode
from liteyuki.comm.session import NO_REPLY, Item
from liteyuki.comm.session.calls import Calls, Request, RequestQueue, number_of
from liteyuki.comm.wire import COUNT, Frame, FrameError, FrameKind, Handle
from tests.unit.session.scripted import Caller, Peer, fake_counters, greeting, reply, request

MIB = 2**20
KINDS = [FrameKind.REQUEST, FrameKind.CONTROL]


# --- this side asks


def test_each_caller_gets_the_answer_to_its_own_request_in_whatever_order() -> None:
    peer = Peer()
    peer.greeted()
    asked = [peer.ask(value) for value in "abc"]
    sent = peer.written()
    assert [(frame.kind, number_of(frame)) for frame in sent] == [(FrameKind.REQUEST, number) for number, _ in asked]
    answers = [reply(asked[2][0]), reply(asked[0][0], kind=FrameKind.FAILURE), reply(asked[1][0])]
    peer.receive(*answers)
    assert [caller.answers for _, caller in asked] == [[answers[1]], [answers[2]], [answers[0]]]
    assert len(peer.session.calls) == 0


def test_a_second_answer_and_one_to_nothing_are_nobodys() -> None:
    peer = Peer()
    peer.greeted()
    number, caller = peer.ask()
    peer.receive(reply(number), reply(number), reply(number + 1), reply(NO_REPLY))
    assert caller.answers == [reply(number)]


def test_an_answer_that_comes_when_its_caller_has_gone_is_no_one_elses() -> None:
    peer = Peer()
    peer.greeted()
    number, gone = peer.ask()
    peer.session.calls.forget(number)
    assert not peer.session.calls.is_waiting(number)
    other_number, other = peer.ask()
    peer.receive(reply(number))
    assert gone.answers == other.answers == []
    assert peer.session.calls.is_waiting(other_number)


def test_callers_learn_that_the_other_process_is_gone_and_are_not_sent_for_again() -> None:
    peer = Peer()
    peer.greeted()
    callers = [peer.ask(kind=kind)[1] for kind in KINDS]
    peer.written()
    late = [peer.ask()[1] for _ in range(2)]  # not even written
    peer.disconnect()
    assert [caller.answers for caller in callers + late] == [[None]] * 4
    here, _ = fake_counters()
    peer.connect(here)
    assert [frame.kind for frame in peer.written()] == [FrameKind.HELLO]


def test_an_answer_over_a_later_transport_to_an_earlier_request_is_nobodys() -> None:
    peer = Peer()
    peer.greeted()
    number, caller = peer.ask()
    peer.disconnect()
    peer.greeted()
    _, later = peer.ask()
    peer.receive(reply(number))
    assert (caller.answers, later.answers) == ([None], [])


def test_numbers_are_never_used_again() -> None:
    calls = Calls()
    numbers = []
    for _ in range(100):
        numbers.append(calls.begin(Caller()))
        calls.forget(numbers[-1])
    assert len({*numbers, NO_REPLY}) == 101


# --- the other side asks


def queue_of(peer: Peer, kind: FrameKind) -> RequestQueue:
    return peer.session.requests if kind == FrameKind.REQUEST else peer.session.control


@pytest.mark.parametrize("kind", KINDS)
def test_requests_wait_in_order_with_the_transport_that_they_came_over(kind: FrameKind) -> None:
    peer = Peer()
    for transport in (1, 2):
        peer.greeted()
        peer.receive(*[request(10 * transport + number, f"{number}", kind) for number in range(3)])
        peer.disconnect()
    queue = queue_of(peer, kind)
    taken = [queue.take() for _ in range(6)]
    assert [(each.number, each.transport) for each in taken] == [(10, 1), (11, 1), (12, 1), (20, 2), (21, 2), (22, 2)]
    assert not queue


def refusals_of(peer: Peer) -> list[tuple[int, str]]:
    """Number and kind of error of each failure that is to be written."""
    frames = peer.written()
    assert all(frame.kind == FrameKind.FAILURE for frame in frames)
    return [(number_of(frame), decode(0, frame.body[COUNT.size :])[0]) for frame in frames]


@pytest.mark.parametrize("kind", KINDS)
def test_from_the_bound_on_requests_are_refused_and_that_is_logged_once(kind: FrameKind, logged: list[str]) -> None:
    peer = Peer(max_queued_bytes=2 * MIB)
    peer.greeted()
    peer.receive(*[request(number, bytes(600_000), kind) for number in range(1, 7)])
    assert refusals_of(peer) == [(number, "ChannelFull") for number in (4, 5, 6)]
    assert len(logged) == 1
    queue = queue_of(peer, kind)
    assert queue.take().number == 1
    peer.receive(request(7, bytes(600_000), kind), request(8, bytes(600_000), kind))
    assert refusals_of(peer) == [(8, "ChannelFull")]
    assert len(logged) == 2
    assert [queue.take().number for _ in range(3)] == [2, 3, 7]
    assert queue.queued_bytes == 0


@pytest.mark.parametrize("kind", KINDS)
def test_who_wants_no_answer_is_refused_without_one(kind: FrameKind, logged: list[str]) -> None:
    peer = Peer(max_queued_bytes=2 * MIB)
    peer.greeted()
    peer.receive(*[request(NO_REPLY, bytes(900_000), kind) for _ in range(5)])
    assert peer.written() == []
    assert len(queue_of(peer, kind)) == 2
    assert len(logged) == 1


def test_what_plugins_ask_takes_no_room_from_what_cores_ask(logged: list[str]) -> None:
    peer = Peer(max_queued_bytes=MIB)
    peer.greeted()
    peer.receive(*[request(number, bytes(600_000)) for number in range(1, 4)])
    peer.receive(request(9, None, FrameKind.CONTROL))
    assert peer.session.control.take().number == 9


def test_as_many_as_come_in_one_go_wait_however_small_the_bound() -> None:
    peer = Peer(max_queued_bytes=1)
    peer.greeted()
    peer.receive(*[request(number) for number in range(1, 900)])
    assert peer.written() == []
    peer.receive(*[request(number) for number in range(900, 1100)])
    assert len(peer.written()) == 1099 - len(peer.session.requests) > 0


def test_one_request_of_any_size_waits() -> None:
    queue = RequestQueue(1)
    large = Request(1, request(1, bytes(5 * MIB)), 1)
    assert queue.add(large)
    assert not queue.add(Request(2, request(2), 1))
    assert queue.take() is large


def test_what_comes_with_a_request_counts_as_it_was() -> None:
    class Growing(Handle):
        size_bytes = 0

        @property
        def content_bytes(self) -> int:
            self.size_bytes += MIB
            return self.size_bytes

    peer = Peer()
    peer.greeted()
    peer.receive(Frame(FrameKind.REQUEST, 1 << 4, bytes(8), (Growing(-1),)))
    held = peer.session.held
    assert (held.handles, held.entries) == (1, 1)
    assert held.size_bytes > MIB
    peer.session.requests.take()
    assert peer.session.held == (0, 0, 0, 0)


def test_what_is_still_to_be_written_to_who_asks_and_does_not_read_counts(logged: list[str]) -> None:
    peer = Peer(max_queued_bytes=MIB)
    peer.greeted()
    peer.receive(request(1, bytes(MIB)), *[request(number) for number in range(2, 50)])
    asked = peer.session.requests.queued_bytes
    refusals = peer.session.held.size_bytes - asked
    assert refusals > 48 * len("ChannelFull")
    peer.session.outbox.add_item(Item(FrameKind.REPLY, 0, [COUNT.pack(1), bytes(3 * MIB)]))
    assert peer.session.held.size_bytes > asked + refusals + 3 * MIB
    peer.written(1)
    assert peer.session.held.size_bytes > asked + 3 * MIB
    peer.written(2)  # the head, and the first of its pieces
    assert peer.session.held.size_bytes > asked + 3 * MIB
    peer.written()
    assert peer.session.held.size_bytes == asked


@pytest.mark.parametrize("length", range(COUNT.size))
def test_a_number_is_eight_bytes(length: int) -> None:
    with pytest.raises(FrameError):
        number_of(Frame(FrameKind.REPLY, 0, bytes(length)))
    assert number_of(Frame(FrameKind.REPLY, 0, COUNT.pack(2**64 - 1))) == 2**64 - 1


def test_a_request_that_comes_before_the_greeting_makes_no_sense() -> None:
    peer = Peer()
    peer.connect(fake_counters()[0])
    with pytest.raises(FrameError):
        peer.receive(request(1))
    assert not peer.session.requests
    peer.receive(greeting(), request(1, "now"))
    assert ormsgpack.unpackb(peer.session.requests.take().frame.body[COUNT.size :]) == "now"
