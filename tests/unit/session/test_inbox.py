"""What has come and nobody has taken, against a simple model, whatever it came in and over however many transports."""

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from liteyuki.comm.session import Acks, Inbox
from liteyuki.comm.session.batches import pack_batch
from liteyuki.comm.session.items import REDELIVERED
from liteyuki.comm.wire import HEADER, Frame, FrameKind
from tests.unit.session.scripted import Sleeper, WatchedHandle, decoded, entry_of, fake_counters, message_of

BOUND = 1_000_000


class Came:
    """One value, as the model remembers it."""

    def __init__(self, value: Any, acks: Acks | None, is_redelivered: bool) -> None:
        self.value = value
        self.acks = acks
        self.is_redelivered = is_redelivered


class InboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.inbox = Inbox(BOUND)
        self.woken: list[str] = []
        self.expected: list[Came] = []
        self.frames: list[tuple[int, int, bool, int]] = []
        """Of each frame that nobody has opened: how many bytes, values and handles, and whether it is an earlier
        transport's."""
        self.opened = 0
        """How many values of opened frames are left."""
        self.received_bytes = 0
        self.number = 0
        self.a_transport_comes()

    def a_transport_comes(self) -> None:
        self.acks = Acks(fake_counters()[0])
        self.inbox.expect(0, self.acks)

    @rule()
    def the_transport_goes(self) -> None:
        self.inbox.transport_gone()
        for came in self.expected:
            came.acks = None
        self.frames = [(size, values, True, handles) for size, values, _, handles in self.frames]
        self.a_transport_comes()

    def add(self, frame: Frame, values: list[Any], handle_bytes: int = 0) -> None:
        self.inbox.add(frame)
        size = len(frame.body) + handle_bytes
        self.received_bytes += size
        self.frames.append((size, len(values), False, len(frame.handles)))
        is_redelivered = bool(frame.flags & REDELIVERED)
        self.expected += [Came(value, self.acks, is_redelivered) for value in values]

    @rule(size=st.integers(0, 5000), is_redelivered=st.booleans(), handles=st.integers(0, 3))
    def a_message_comes(self, size: int, is_redelivered: bool, handles: int) -> None:
        value = [self.number, bytes(size)]
        self.number += 1
        flags = (REDELIVERED if is_redelivered else 0) | handles << 4
        sized = tuple(Sized(100 * place) for place in range(handles))
        self.add(message_of(value, flags, sized), [value], sum(each.content_bytes for each in sized))

    @rule(values=st.lists(st.one_of(st.text("ab", max_size=4), st.integers(0, 300)), min_size=2, max_size=80))
    def a_batch_comes(self, values: list[Any]) -> None:
        data = pack_batch([entry_of(value) for value in values])
        self.add(Frame(FrameKind.BATCH, 0, data[HEADER.size :]), values)

    @precondition(lambda self: self.inbox)
    @rule(at_most=st.integers(1, 100))
    def take(self, at_most: int) -> None:
        inbox = self.inbox
        for _ in range(at_most):
            if not inbox.values:
                if not inbox:
                    break
                if not self.opened:
                    self.opened = self.frames.pop(0)[1]
                self.run = inbox.take_run()
                inbox.values.extend(decoded([self.run]))
                first = self.expected[0]
                assert self.run.is_redelivered == first.is_redelivered
                assert self.run.acks is first.acks
            assert inbox.values.popleft() == self.expected.pop(0).value
            self.opened -= 1

    @rule(count=st.integers(1, 3), are_there=st.booleans())
    def somebody_waits(self, count: int, are_there: bool) -> None:
        self.inbox.waiters.extend(Sleeper(f"{n}", self.woken, is_there=are_there) for n in range(count))

    @precondition(lambda self: self.inbox.waiters)
    @rule(all_are=st.booleans())
    def wake(self, all_are: bool) -> None:
        waiters = list(self.inbox.waiters)
        there = [waiter.name for waiter in waiters if waiter.is_there]  # type: ignore[attr-defined]
        if all_are:
            self.inbox.wake_all()
            assert not self.inbox.waiters
            assert self.woken == there
        else:
            self.inbox.wake_one()
            assert self.woken == there[:1]
            assert not there or len(self.inbox.waiters) < len(waiters)
        self.woken.clear()

    @rule()
    def another_takes_its_place(self) -> None:
        if not self.inbox.values:  # nobody has used the one whose place is taken
            other, self.inbox = self.inbox, Inbox(1)
            self.inbox.adopt(other)
            assert not other
            assert (other.queued_bytes, other.entries, other.handles) == (0, 0, 0)

    @invariant()
    def the_books_are_right(self) -> None:
        inbox = self.inbox
        assert bool(inbox) == bool(self.expected)
        assert inbox.queued_bytes == sum(size for size, _, _, _ in self.frames)
        assert inbox.handles == sum(handles for _, _, _, handles in self.frames)
        assert inbox.received_bytes == self.received_bytes
        assert len(self.frames) <= inbox.entries <= len(self.expected)
        assert inbox.holds_too_much == (sum(size for size, _, is_earlier, _ in self.frames if is_earlier) > BOUND)

    def teardown(self) -> None:
        self.inbox.clear()
        assert not self.inbox
        assert (self.inbox.queued_bytes, self.inbox.entries, self.inbox.handles) == (0, 0, 0)


class Sized(WatchedHandle):
    """One of so much memory."""

    def __init__(self, size_bytes: int) -> None:
        super().__init__()
        self.size_bytes = size_bytes

    @property
    def content_bytes(self) -> int:
        return self.size_bytes


TestInbox = InboxMachine.TestCase
TestInbox.settings = settings(deadline=None, max_examples=100, stateful_step_count=40)
