"""What the other side is told of its messages, whatever the order in which they are finished."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from liteyuki.comm.session import acks
from liteyuki.comm.session.acks import NOBODY_WAITS, Receipts
from liteyuki.comm.transport import memory_pair
from liteyuki.comm.wire import BEGUN, COUNTERS, TAKEN, UNWRITTEN
from liteyuki.comm.wire import FrameError


class ReceiptsMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ends = memory_pair()
        self.receipts = Receipts(self.ends[0].own)
        self.running: list[int] = []
        self.finished: set[int] = set()
        self.wants: list[int] = []

    def teardown(self) -> None:
        for end in self.ends:
            end.close()

    @property
    def taken(self) -> int:
        """All up to the first that is not finished."""
        number = 0
        while number + 1 in self.finished:
            number += 1
        return number

    @rule()
    def begin(self) -> None:
        self.receipts.begun += 1
        self.receipts.own[BEGUN] = self.receipts.begun
        self.running.append(self.receipts.begun)

    @precondition(lambda self: self.running)
    @rule(place=st.integers(0, 2**16))
    def finish(self, place: int) -> None:
        number = self.running.pop(place % len(self.running))
        self.finished.add(number)
        is_due = self.receipts.finish(number)
        assert is_due == any(wanted <= self.taken for wanted in self.wants)
        self.tell_if(is_due)

    def tell_if(self, is_due: bool) -> None:
        if is_due:
            self.receipts.told()
            self.wants = [wanted for wanted in self.wants if wanted > self.taken]

    @rule(wanted=st.integers(0, 12))
    def want(self, wanted: int) -> None:
        is_due = self.receipts.want(wanted)
        assert is_due == (wanted <= self.taken)
        self.wants.append(wanted)
        self.tell_if(is_due)

    @invariant()
    def the_other_side_sees_what_is_begun_and_taken(self) -> None:
        peer = self.ends[1].peer
        assert peer[BEGUN] == len(self.running) + len(self.finished)
        assert peer[TAKEN] == self.receipts.taken == self.taken
        assert peer[UNWRITTEN] == 0

    @invariant()
    def the_nearest_of_what_is_wanted_is_told_first(self) -> None:
        assert self.receipts.wanted == min(self.wants, default=NOBODY_WAITS)


TestReceipts = ReceiptsMachine.TestCase
TestReceipts.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)


def test_nobody_may_want_to_be_told_of_more_than_there_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acks, "_MAX_WANTS", 3)
    asked = Receipts([0] * COUNTERS)
    for wanted in (5, 4, 6):
        assert not asked.want(wanted)
    with pytest.raises(FrameError):
        asked.want(7)


def test_what_the_other_side_can_see_as_taken_is() -> None:
    receipts = Receipts([0] * COUNTERS)
    receipts.own[TAKEN] = 2  # by whoever hands out a frame, and has not come to its end
    assert not receipts.want(3)
    assert receipts.want(2)
    receipts.told()
    assert receipts.wanted == 3
