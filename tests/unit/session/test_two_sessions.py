"""Two sessions, and processes that come and go: what is taken is what was sent, once and in order, and nothing is left.

Everything that a main process's session and those of its children do happens in an order that hypothesis makes up:
sending, writing, reading, taking, asking, answering, dying in between. A model says what must come of it.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from liteyuki.comm.session import MESSAGE_COST_BYTES, Item
from liteyuki.comm.session.items import REDELIVERED
from liteyuki.comm.wire import BEGUN, TAKEN, WANTED, Frame, FrameKind
from liteyuki.errors import ChannelClosed
from tests.unit.session.scripted import Caller, Peer, Sleeper, WatchedHandle, entry_of, fake_counters, reply

BOUND = 4000


class TwoSessions(RuleBasedStateMachine):
    """The main process's, which is there all the time, and the child's of the moment."""

    @initialize(ack=st.sampled_from(["taken", "handled"]))
    def begin(self, ack: str) -> None:
        self.ack = ack
        self.main = Peer("main", max_queued_bytes=BOUND)
        self.main.session.keeps_untaken = True
        self.child: Peer | None = None
        self.number = 0
        self.expected: list[Any] = []
        """What the main process has sent and no child has taken, in order."""
        self.in_hand: list[Any] = []
        """The first of these that the child is at, in mode "handled"."""
        self.begun: set[int] = set()
        """Those that an earlier child was at."""
        self.sent_back: list[int] = []
        self.came_back: list[int] = []
        self.calls: list[tuple[int, Caller]] = []
        self.way_there: list[Frame] = []
        self.way_back: list[Frame] = []
        self.handles: list[WatchedHandle] = []
        self.woken: list[str] = []
        self.waiting: Sleeper | None = None
        self.waiters = 0

    # --- processes

    @precondition(lambda self: self.child is None)
    @rule()
    def a_child_comes(self) -> None:
        here, there = fake_counters()
        self.here = here
        self.child = Peer("child", max_queued_bytes=BOUND, ack=self.ack)
        self.main.connect(here)
        self.child.connect(there)

    @precondition(lambda self: self.child is not None)
    @rule()
    def the_child_dies(self) -> None:
        """What it has written is still read; what it was sent and has not read is gone."""
        self.the_main_process_reads(1_000_000)
        self.main.disconnect()
        for _, caller in self.calls:
            assert len(caller.answers) == 1, "it is known that nobody answers"
        self.calls.clear()
        self.child = None
        self.begun |= {value[0] for value in self.in_hand}
        self.in_hand.clear()
        self.way_there.clear()
        if self.waiting is not None:
            assert self.waiting.name in self.woken, "whoever waits is to look again"
            self.main.session.credit.leave(self.waiting)
            self.waiting = None

    # --- sending and asking

    @rule(kind=st.sampled_from(["text", "bytes", "item", "handle"]), size=st.integers(0, 1500))
    def send(self, kind: str, size: int) -> None:
        value = [self.number, bytes(size)]
        entry: Any = entry_of(value)
        if kind == "text":
            value = [self.number]  # the number is all that is compared
            entry = f"{self.number}"
        elif kind != "bytes":
            handles = [WatchedHandle()] if kind == "handle" else []
            entry = Item(FrameKind.MESSAGE, 0, [entry], handles)
        queued = self.main.session.outbox.queued_bytes
        if self.main.session.add_message(entry):
            self.expected.append(value)
            self.number += 1
            if kind == "handle":
                self.handles += entry.handles
        else:
            assert queued, "there is room for one at least"

    @precondition(lambda self: self.waiting is None)
    @rule()
    def wait_for_room(self) -> None:
        self.waiters += 1
        self.waiting = Sleeper(f"{self.waiters}", self.woken)
        self.main.wait_for_room(self.waiting, [0, bytes(1000)])

    @precondition(lambda self: self.child is not None)
    @rule()
    def the_child_sends(self) -> None:
        assert self.child is not None
        if self.child.send([len(self.sent_back), bytes(300)]):
            self.sent_back.append(len(self.sent_back))

    @precondition(lambda self: self.child is not None)
    @rule(kind=st.sampled_from([FrameKind.REQUEST, FrameKind.CONTROL]))
    def ask(self, kind: FrameKind) -> None:
        caller = Caller()
        number = self.main.session.calls.begin(caller)
        if self.main.session.add_control(Item(kind, 0, [number.to_bytes(8, "little"), b"\xc0"])):
            self.calls.append((number, caller))
        else:
            self.main.session.calls.forget(number)

    @precondition(lambda self: self.child is not None)
    @rule()
    def answer(self) -> None:
        assert self.child is not None
        session = self.child.session
        for queue in session.requests, session.control:
            if queue:
                asked = queue.take()
                self.child.session.outbox.add_item(Item(FrameKind.REPLY, 0, [reply(asked.number).body]))

    # --- bytes on their way

    @precondition(lambda self: self.child is not None)
    @rule(writes=st.integers(1, 5))
    def write(self, writes: int) -> None:
        assert self.child is not None
        self.way_there += self.main.written(writes)
        self.way_back += self.child.written(writes)

    @precondition(lambda self: self.child is not None)
    @rule(count=st.integers(1, 6))
    def the_child_reads(self, count: int) -> None:
        assert self.child is not None
        frames, self.way_there = self.way_there[:count], self.way_there[count:]
        self.child.receive(*frames)

    @rule(count=st.integers(1, 6))
    def the_main_process_reads(self, count: int) -> None:
        frames, self.way_back = self.way_back[:count], self.way_back[count:]
        if frames:
            self.main.receive(*frames)

    # --- taking

    def number_in(self, value: Any) -> int:
        return int(value) if isinstance(value, str) else int(value[0])

    @precondition(lambda self: self.child is not None and self.child.session.inbox)
    @rule()
    def take(self) -> None:
        assert self.child is not None
        number = self.number_in(self.child.take())
        place = len(self.in_hand)
        assert number == self.expected[place][0]
        is_marked = self.child.run.is_redelivered
        assert is_marked == (number in self.begun)
        if self.ack == "handled":
            self.in_hand.append(self.expected[place])
        else:
            del self.expected[0]

    @precondition(lambda self: self.child is not None and self.in_hand)
    @rule()
    def finish(self) -> None:
        assert self.child is not None
        self.child.finish(0)
        del self.in_hand[0], self.expected[0]

    @precondition(lambda self: self.main.session.inbox)
    @rule()
    def the_main_process_takes(self) -> None:
        self.came_back.append(self.number_in(self.main.take()))

    # --- always

    @invariant()
    def what_came_back_is_what_was_sent_back_without_a_gap(self) -> None:
        # What a child had not written when it died is gone, but nothing else.
        assert self.came_back == sorted(set(self.came_back))
        assert set(self.came_back) <= set(self.sent_back)

    @invariant()
    def the_books_are_right(self) -> None:
        session = self.main.session
        if self.child is not None:
            # Not `look_for_room`: whoever waits is to be woken by what comes, and by nothing else.
            session.outbox.in_flight.forget_taken(self.here.peer[TAKEN])
        assert session.outbox.messages == len(self.expected)
        assert session.outbox.queued_bytes >= sum(MESSAGE_COST_BYTES for _ in self.expected)
        assert session.held.calls == len([caller for _, caller in self.calls if not caller.answers])
        assert all(len(caller.answers) <= 1 for _, caller in self.calls)

    @invariant()
    def whoever_waits_is_woken_when_there_is_room(self) -> None:
        if self.waiting is not None and self.waiting.name in self.woken:
            self.main.session.credit.leave(self.waiting)
            self.waiting = None
        if self.waiting is not None and self.child is not None and self.child.session.has_greeted:
            # The other side knows what it is to tell of, or has told it; or it is this side that must write first.
            is_known = self.here.own[WANTED] > self.here.peer[TAKEN]
            is_told = bool(self.child.session.outbox.urgent) or any(
                frame.kind == FrameKind.ROOM for frame in self.way_back
            )
            assert is_known or is_told or self.main.session.outbox.waiting_bytes

    def teardown(self) -> None:
        """A child that takes everything leaves the main process with nothing for it."""
        if not hasattr(self, "main"):
            return
        if self.child is None:
            self.a_child_comes()
        assert self.child is not None
        for _ in range(200):
            self.write(5)
            self.the_child_reads(1_000_000)
            self.answer()
            while self.child.session.inbox:
                self.take()
            while self.in_hand:
                self.finish()
            self.the_main_process_reads(1_000_000)
            while self.main.session.inbox:
                self.the_main_process_takes()
            self.whoever_waits_is_woken_when_there_is_room()
        assert self.expected == []
        assert self.waiting is None, "there is room, and somebody waits for it"
        assert all(len(caller.answers) == 1 for _, caller in self.calls)
        self.main.session.look_for_room()
        self.child.session.look_for_room()
        assert self.main.session.held == (0, 0, 0, 0)
        assert self.child.session.held == (0, 0, 0, 0)
        assert all(handle.is_closed for handle in self.handles)
        assert self.main.session.close(ChannelClosed("main", "over")) == 0


TestTwoSessions = TwoSessions.TestCase
TestTwoSessions.settings = settings(deadline=None, max_examples=150, stateful_step_count=60)


@pytest.mark.parametrize("ack", ["taken", "handled"])
def test_what_one_session_is_stopped_at_the_other_lets_go_on(ack: str) -> None:
    """A stream over the bound, with nothing but what the two tell each other."""
    here, there = fake_counters()
    main, child = Peer("main", max_queued_bytes=BOUND, ack=ack), Peer("child", max_queued_bytes=BOUND, ack=ack)
    main.connect(here)
    child.connect(there)
    received: list[int] = []
    woken: list[str] = []
    sent = 0
    while len(received) < 300:
        while sent < 300 and not main.session.credit.is_wanted and main.send([sent, bytes(400)]):
            sent += 1
        if sent < 300 and not main.session.credit.is_wanted:
            waiter = Sleeper(f"{sent}", woken)
            main.wait_for_room(waiter, [sent, bytes(400)])
        child.receive(*main.written())
        while child.session.inbox:
            received.append(child.take()[0])
            if ack == "handled":
                child.finish()
        main.receive(*child.written())
        if woken:
            assert woken.pop() == waiter.name
            main.session.credit.leave(waiter)
        assert not main.session.credit.is_wanted, "nobody told that there is room"
    assert received == list(range(300))


def test_a_mark_is_no_part_of_what_the_codec_looks_at() -> None:
    """The flags of messages and the mark of redelivered ones share a byte."""
    peer = Peer()
    peer.greeted()
    peer.receive(Frame(FrameKind.MESSAGE, REDELIVERED, b"\x07"))
    assert peer.take() == 7
    assert peer.run.is_redelivered


def test_counters_begin_anew_with_each_transport() -> None:
    peer = Peer(ack="handled")
    for _ in range(2):
        there = peer.greeted()
        peer.receive(Frame(FrameKind.MESSAGE, 0, b"\x07"))
        peer.take()
        assert (there.peer[BEGUN], there.peer[TAKEN]) == (1, 0)
        peer.finish()
        assert (there.peer[BEGUN], there.peer[TAKEN]) == (1, 1)
        peer.disconnect()
