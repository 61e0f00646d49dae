"""Who waits to send goes on in order, when there is room and not before; what both sides say of that to each other."""

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from liteyuki.comm.session import MESSAGE_COST_BYTES, Item
from liteyuki.comm.session.credit import Credit
from liteyuki.comm.session.outbox import Outbox
from liteyuki.comm.wire import TAKEN, WANTED, Frame, FrameKind
from liteyuki.errors import ChannelClosed
from tests.unit.session.scripted import FakeCounters, Peer, Sleeper, WatchedHandle, fake_counters, greeting

BOUND = 1000
ROOM = Frame(FrameKind.ROOM, 0, b"")


def weighing(cost_bytes: int) -> str:
    """Text that costs so much."""
    return "x" * (cost_bytes - 3 - MESSAGE_COST_BYTES)


def filled(*costs: int) -> tuple[Peer, FakeCounters]:
    """A session that has sent messages which cost so much, one by one, and the counters of its other side."""
    peer = Peer(max_queued_bytes=BOUND)
    there = peer.greeted()
    for cost in costs:
        assert peer.send(weighing(cost))
        peer.written()
    return peer, there


# --- the bound


def test_there_is_room_up_to_the_bound_and_to_the_byte() -> None:
    peer, there = filled(400, 400)
    assert not peer.send(weighing(201))
    assert peer.send(weighing(200))
    assert not peer.send(weighing(67))
    there.own[TAKEN] = 1
    assert not peer.send(weighing(401))
    assert peer.send(weighing(400))


def test_one_that_is_larger_than_the_bound_goes_when_nothing_else_is_here() -> None:
    peer, there = filled(100)
    large = Item(FrameKind.MESSAGE, 0, [bytes(BOUND)])
    assert not peer.session.add_message(large)
    there.own[TAKEN] = 1
    assert peer.session.add_message(large)
    assert not peer.send("small")


def test_what_keeps_an_item_out_keeps_it_out() -> None:
    def refuse() -> None:
        raise ChannelClosed("other", "in use")

    peer, _ = filled()
    for add in peer.session.add_message, peer.session.add_control:
        with pytest.raises(ChannelClosed, match="in use"):
            add(Item(FrameKind.MESSAGE, 0, [b"\x01"], on_accept=refuse))
    assert peer.session.held == (0, 0, 0, 0)


def test_what_is_of_use_to_the_transport_of_the_moment_is_bounded_by_what_is_unwritten() -> None:
    peer, _ = filled(BOUND)
    asked = Item(FrameKind.REQUEST, 0, [bytes(600)])
    assert peer.session.add_control(asked)
    assert not peer.session.add_control(asked)
    peer.written()
    assert peer.session.add_control(asked)


# --- what the other side is asked to say, and says


def test_nothing_is_wanted_as_long_as_nobody_waits() -> None:
    peer, there = filled(400, 400)
    peer.send(weighing(200))
    assert not peer.send(weighing(200))
    assert there.peer[WANTED] == 0


def test_who_waits_lets_the_other_side_know_how_much_must_be_taken() -> None:
    woken: list[str] = []
    peer, there = filled(250, 250, 250, 250)
    peer.wait_for_room(Sleeper("a", woken), weighing(100))
    assert there.peer[WANTED] == 2  # until there is half of the bound
    peer.wait_for_room(Sleeper("b", woken), weighing(700))
    assert there.peer[WANTED] == 2  # it is the first one's turn first
    there.own[TAKEN] = 1
    peer.receive(ROOM)
    assert (woken, there.peer[WANTED]) == ([], 2)
    there.own[TAKEN] = 2
    peer.receive(ROOM)
    assert (woken, there.peer[WANTED]) == (["a"], 0)


def test_a_large_one_wants_as_much_room_as_it_takes() -> None:
    peer, there = filled(250, 250, 250, 250)
    peer.wait_for_room(Sleeper("large", []), weighing(900))
    assert there.peer[WANTED] == 4


def test_what_was_taken_before_anybody_said_that_it_waits_is_seen() -> None:
    woken: list[str] = []
    peer, there = filled(500, 500)
    there.own[TAKEN] = 1
    peer.wait_for_room(Sleeper("a", woken), weighing(100))
    assert woken == ["a"]


def test_what_is_not_even_written_is_not_waited_for() -> None:
    woken: list[str] = []
    peer, there = filled(300)
    for _ in range(2):
        peer.send(weighing(350))
    peer.wait_for_room(Sleeper("a", woken), weighing(350))
    assert there.peer[WANTED] == 0  # nothing that the other side could take would do
    peer.written()
    peer.session.look_for_room()
    assert there.peer[WANTED] == 3  # both left in one frame, whose books are kept together
    there.own[TAKEN] = 3
    peer.receive(ROOM)
    assert woken == ["a"]


def test_who_has_waited_before_the_transport_had_its_counters_is_told_of_all_that_was_taken() -> None:
    """A transport may learn its counters from the other side, which takes what it got as soon as it comes."""
    woken: list[str] = []
    peer = Peer(max_queued_bytes=BOUND)
    here, _ = fake_counters()
    peer.connect(here)
    for _ in range(2):
        peer.send(weighing(500))
        peer.written()
    peer.wait_for_room(Sleeper("a", woken), weighing(500))
    assert here.own[WANTED] == 1
    here.own, here.peer = list(here.own), list(here.peer)
    here.peer[TAKEN] = 1
    peer.receive(greeting())
    assert woken == ["a"]


def test_the_receiver_says_once_that_there_is_room_and_only_to_who_waits_for_it() -> None:
    peer = Peer()
    there = peer.greeted()
    sender, _ = filled()
    for _ in range(6):
        sender.send("x")
    peer.receive(*sender.written())
    said = []
    for wanted in 0, 3, 3, 3, 6, 6:
        there.own[WANTED] = wanted
        peer.take()
        said.append([frame.kind for frame in peer.written()])
    assert said == [[], [], [FrameKind.ROOM], [], [], [FrameKind.ROOM]]


def test_the_receiver_says_that_there_is_room_when_messages_are_handled_and_not_before() -> None:
    peer = Peer(ack="handled")
    there = peer.greeted()
    sender, _ = filled()
    for _ in range(3):
        sender.send("x")
    peer.receive(*sender.written())
    there.own[WANTED] = 2
    peer.take_all()
    assert peer.written() == []
    peer.finish(1)
    assert peer.written() == []
    peer.finish(0)
    assert [frame.kind for frame in peer.written()] == [FrameKind.ROOM]


def test_handles_are_let_go_of_as_soon_as_their_message_is_taken() -> None:
    peer, there = filled(100)
    handle = WatchedHandle()
    peer.session.add_message(Item(FrameKind.MESSAGE, 0, [b"\x01"], [handle]))
    peer.written()
    peer.session.look_for_room()
    assert there.peer[WANTED] == 2
    there.own[TAKEN] = 1
    peer.receive(ROOM)
    assert (handle.is_closed, peer.session.held.handles) == (False, 1)
    there.own[TAKEN] = 2
    peer.receive(ROOM)
    assert (handle.is_closed, peer.session.held.handles, there.peer[WANTED]) == (True, 0, 0)


# --- in line


def test_nobody_slips_in_before_who_waits_or_was_woken_and_has_not_looked() -> None:
    woken: list[str] = []
    peer, there = filled(500, 500)
    first = Sleeper("first", woken)
    peer.wait_for_room(first, weighing(400))
    there.own[TAKEN] = 2
    assert not peer.send("quick")
    peer.session.look_for_room()
    assert woken == ["first"]
    assert not peer.send("quick")
    assert peer.session.add_message(weighing(400), is_my_turn=True)
    peer.session.credit.leave(first)
    assert peer.send("quick")


def test_the_next_in_line_is_woken_when_the_one_before_has_sent() -> None:
    woken: list[str] = []
    peer, there = filled(500, 500)
    waiters = [Sleeper(name, woken) for name in "abc"]
    for waiter in waiters:
        peer.wait_for_room(waiter, weighing(500))
    there.own[TAKEN] = 1
    peer.receive(ROOM)
    for number, waiter in enumerate(waiters):
        assert woken == ["a", "b", "c"][: number + 1]
        assert peer.session.add_message(weighing(500), is_my_turn=True)
        peer.written()
        peer.session.credit.leave(waiter)
        peer.session.look_for_room()
        there.own[TAKEN] += 1
        peer.receive(ROOM)


def test_who_gives_up_or_is_no_more_passes_its_turn_on() -> None:
    woken: list[str] = []
    peer, there = filled(500, 500)
    gone = Sleeper("gone", woken, is_there=False)
    waiters = [gone, *(Sleeper(name, woken) for name in "ab")]
    for waiter in waiters:
        peer.wait_for_room(waiter, weighing(500))
    there.own[TAKEN] = 1
    peer.receive(ROOM)
    assert woken == ["a"]
    peer.session.credit.leave(waiters[1])
    peer.session.look_for_room()
    assert woken == ["a", "b"]


def test_where_no_process_is_the_next_goes_on_when_the_one_before_it_gives_up() -> None:
    woken: list[str] = []
    peer = Peer(max_queued_bytes=BOUND)
    peer.send(weighing(400))
    large, small = Sleeper("large", woken), Sleeper("small", woken)
    peer.wait_for_room(large, weighing(BOUND))
    peer.wait_for_room(small, weighing(400))
    assert woken == []
    peer.session.credit.leave(large)
    peer.session.look_for_room()
    assert woken == ["small"]


@pytest.mark.parametrize("end", ["another transport", "no transport", "closed here", "closed"])
def test_everybody_in_line_looks_again_when_that_changes(end: str) -> None:
    woken: list[str] = []
    peer, _ = filled(500, 500)
    for name in "abc":
        peer.wait_for_room(Sleeper(name, woken), weighing(100))
    if end == "closed here":
        peer.session.close_here()
    elif end == "closed":
        peer.session.close(ChannelClosed("talk", "over"))
    else:
        peer.disconnect()
    assert woken == ["a", "b", "c"]
    woken.clear()
    if end == "another transport":
        for name in "abc":
            peer.wait_for_room(Sleeper(name, woken), weighing(100))
        assert woken == []
        peer.connect(fake_counters()[0])
        assert woken == ["a", "b", "c"]


# --- bursts, in which nobody looks at each message


def burst_of(peer: Peer, cost: int) -> int:
    """Open one, and add as many messages of that cost as may be."""
    peer.session.open_burst(10_000)
    count = 0
    while peer.session.outbox.burst_bytes >= cost:
        peer.session.outbox.burst_bytes -= cost
        peer.session.outbox.waiting.append(weighing(cost))
        count += 1
    return count


def test_a_burst_is_open_as_far_as_there_is_room_and_counts_as_what_is_in_it() -> None:
    peer, _ = filled(300)
    peer.send(weighing(100))
    assert burst_of(peer, 100) == 6
    assert peer.session.outbox.queued_bytes == BOUND
    assert peer.session.held.entries == 8
    assert not peer.send(weighing(67))
    assert burst_of(peer, 100) == 0


ENDS: dict[str, Callable[[Peer], object]] = {
    "written": lambda peer: peer.written(),
    "waited for": lambda peer: peer.wait_for_room(Sleeper("a", []), weighing(BOUND)),
    "closed here": lambda peer: peer.session.close_here(),
    "closed": lambda peer: peer.session.close(ChannelClosed("talk", "over")),
    "without a transport": lambda peer: peer.disconnect(),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_burst_is_over_when_somebody_must_look_at_each_message(end: str) -> None:
    peer, _ = filled(100)
    peer.session.open_burst(10_000)
    assert peer.session.outbox.burst_bytes == 900
    ENDS[end](peer)
    assert peer.session.outbox.burst_bytes == 0
    assert peer.session.outbox.queued_bytes == (0 if end == "closed" else 100)


def test_no_burst_is_opened_while_somebody_waits_or_when_it_is_over() -> None:
    peer, _ = filled(100)
    peer.wait_for_room(Sleeper("a", []), weighing(BOUND))
    assert burst_of(peer, 100) == 0
    peer, _ = filled(100)
    peer.session.close_here()
    assert burst_of(peer, 100) == 0


# --- the line against a model


class CreditMachine(RuleBasedStateMachine):
    """Who waits sends in the order of tickets, whatever is taken, and whoever leaves, comes again or is no more."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox(BOUND)
        self.credit = Credit(self.outbox)
        self.woken: list[str] = []
        self.line: list[tuple[int, Sleeper, int]] = []
        """Ticket, waiter and level, in order."""
        self.awake: list[tuple[int, Sleeper]] = []
        self.names = 0

    def add(self, cost: int) -> None:
        self.outbox.add_small(weighing(cost), cost)

    @rule(cost=st.integers(100, 600))
    def queue(self, cost: int) -> None:
        if self.outbox.has_room(cost):
            self.add(cost)

    @rule(count=st.integers(1, 3))
    def take(self, count: int) -> None:
        self.outbox.next_write([])
        in_flight = self.outbox.in_flight
        in_flight.forget_taken(in_flight.gone + min(count, in_flight.messages))
        self.credit.wake_next()

    def join(self, ticket: int, is_there: bool, cost: int) -> None:
        waiter = Sleeper(f"{self.names}", self.woken, is_there=is_there)
        self.names += 1
        need = self.credit.need_for(cost, is_message=True)
        self.credit.join(waiter, need, ticket)
        self.line.append((ticket, waiter, need.level_bytes))
        self.line.sort(key=lambda place: place[0])
        self.credit.wake_next()

    @rule(is_there=st.sampled_from([True, True, True, False]), cost=st.integers(100, 1500))
    def come(self, is_there: bool, cost: int) -> None:
        self.join(self.credit.take_ticket(), is_there, cost)

    @precondition(lambda self: self.awake)
    @rule(has_sent=st.booleans(), cost=st.integers(100, 1500))
    def look(self, has_sent: bool, cost: int) -> None:
        """Whoever was woken sends, or waits on at its place."""
        ticket, waiter = self.awake.pop(0)
        if has_sent:
            self.add(100)
        self.credit.leave(waiter)
        if has_sent:
            self.credit.wake_next()
        else:
            self.join(ticket, True, cost)

    @precondition(lambda self: self.line)
    @rule(place=st.integers(0, 2**16))
    def give_up(self, place: int) -> None:
        _, waiter, _ = self.line.pop(place % len(self.line))
        self.credit.leave(waiter)
        self.credit.wake_next()

    @rule()
    def all_are_to_look(self) -> None:
        self.credit.wake_all()
        for ticket, waiter, _ in self.line:
            if waiter.is_there:
                assert waiter.name == self.woken.pop(0)
                self.awake.append((ticket, waiter))
        self.line.clear()

    @invariant()
    def the_first_is_woken_as_soon_as_there_is_what_it_needs(self) -> None:
        while self.line and not self.awake and self.outbox.queued_bytes <= self.line[0][2]:
            ticket, waiter, _ = self.line.pop(0)
            if waiter.is_there:
                assert self.woken.pop(0) == waiter.name
                self.awake.append((ticket, waiter))
        assert self.woken == []
        assert self.credit.is_wanted == bool(self.line or self.awake)
        assert all(self.credit.is_waiting(waiter) for _, waiter, _ in self.line)
        assert not any(self.credit.is_waiting(waiter) for _, waiter in self.awake)


TestCredit = CreditMachine.TestCase
TestCredit.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
