"""What the other side is told of its messages, whatever the order in which they are finished."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from liteyuki.comm.session import Acks
from liteyuki.comm.wire import BEGUN, TAKEN, UNWRITTEN, WANTED
from tests.unit.session.scripted import FakeCounters, fake_counters


class AcksMachine(RuleBasedStateMachine):
    """Of one side, which is told with ROOM what it has `WANTED`; the other one takes and finishes its messages."""

    acks: Acks
    own: FakeCounters
    peer: FakeCounters

    @initialize(is_handled=st.booleans())
    def begin_transport(self, is_handled: bool) -> None:
        self.is_handled = is_handled
        self.own, self.peer = fake_counters()
        self.acks = Acks(self.own)
        self.taken_at_once = 0
        self.running: list[int] = []
        self.finished: set[int] = set()
        self.told: list[int] = []
        """What was `WANTED`, of all that was told."""

    @property
    def taken(self) -> int:
        """All up to the first that is not finished."""
        number = self.taken_at_once
        while number + 1 in self.finished:
            number += 1
        return number

    @precondition(lambda self: not self.is_handled)
    @rule()
    def take(self) -> None:
        self.taken_at_once += 1
        self.check_told(self.acks.take())

    @precondition(lambda self: self.is_handled)
    @rule()
    def begin(self) -> None:
        number = self.acks.begin()
        assert number == len(self.running) + len(self.finished) + 1
        self.running.append(number)

    @precondition(lambda self: self.is_handled and self.running)
    @rule(place=st.integers(0, 2**16))
    def finish(self, place: int) -> None:
        number = self.running.pop(place % len(self.running))
        self.finished.add(number)
        self.check_told(self.acks.finish(number))

    @rule(more=st.integers(0, 4))
    def want(self, more: int) -> None:
        """The other side waits for so many more, and looks what was taken after it has said so."""
        self.peer.own[WANTED] = self.taken + more

    def check_told(self, is_due: bool) -> None:
        wanted = self.peer.own[WANTED]
        is_new = not self.told or self.told[-1] != wanted
        assert is_due == (wanted != 0 and self.taken >= wanted and is_new)
        if is_due:
            self.acks.told()
            self.told.append(wanted)
            assert not self.acks.is_awaited()

    @invariant()
    def the_other_side_sees_what_is_begun_and_taken(self) -> None:
        assert self.peer.peer[BEGUN] == len(self.running) + len(self.finished)
        assert self.peer.peer[TAKEN] == self.acks.taken == self.taken
        assert self.peer.peer[UNWRITTEN] == self.peer.peer[WANTED] == 0


TestAcks = AcksMachine.TestCase
TestAcks.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)


def test_each_wait_is_told_of_once_though_the_number_stays_there() -> None:
    own, peer = fake_counters()
    acks = Acks(own)
    peer.own[WANTED] = 2
    told = []
    for _ in range(5):
        told.append(acks.take())
        if told[-1]:
            acks.told()
    peer.own[WANTED] = 6
    told.append(acks.take())
    assert told == [False, True, False, False, False, True]


def test_who_waits_for_nothing_is_told_nothing() -> None:
    own, peer = fake_counters()
    acks = Acks(own)
    peer.own[WANTED] = 0
    assert [acks.take() for _ in range(3)] == [False] * 3
    assert not acks.is_awaited()


def test_who_has_seen_for_itself_what_was_taken_and_waits_for_more_is_told_of_that() -> None:
    """Between this side's look at what is wanted, and what it tells."""
    own, peer = fake_counters()
    acks = Acks(own)
    peer.own[WANTED] = 2
    assert [acks.take() for _ in range(2)] == [False, True]
    peer.own[WANTED] = 3
    acks.told()
    assert acks.take()
