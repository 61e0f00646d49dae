"""The outbox against a simple model: what goes in comes out once and in order, whatever the other side counts."""

import dataclasses
import itertools
import math
from collections.abc import Callable

import ormsgpack
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from liteyuki.codec import RAW, decode_batch
from liteyuki.comm.session.batches import runs_of
from liteyuki.comm.session.items import (
    BATCH_BYTES,
    MESSAGE_COST_BYTES,
    REDELIVERED,
    TEXT_HEAD_BYTES,
    Item,
    SmallEntry,
    cost_bytes,
    frame_of,
)
from liteyuki.comm.session.outbox import Outbox
from liteyuki.comm.wire import HEADER, LARGE_HEAD, Frame, FrameKind, FrameParser, Handle, Write, pack_frame
from liteyuki.comm.wire.frames import HEADER_BYTES

BOUND = 4_000_000
OPEN_BYTES = 4096
"""How much may leave one by one and share its books."""
SHARES = st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0, 1.2])
"""How much of what was sent the other side says that it has begun or taken; it may lie."""
URGENT = pack_frame(FrameKind.ROOM, 0, b"")


class WatchedHandle(Handle):
    """Tells whether it was closed."""

    is_closed = False

    def close(self) -> None:
        self.is_closed = True


@dataclasses.dataclass
class Sent:
    """One thing that was added, as the model remembers it."""

    payload: bytes
    is_text: bool = False
    flags: int = 0
    is_message: bool = True
    handles: tuple[WatchedHandle, ...] = ()

    @property
    def counted_bytes(self) -> int:
        """Text is not encoded before it leaves, and counts as what it takes at most."""
        return len(ormsgpack.unpackb(self.payload)) + TEXT_HEAD_BYTES if self.is_text else len(self.payload)

    @property
    def cost_bytes(self) -> int:
        return self.counted_bytes + MESSAGE_COST_BYTES


def value_bytes(number: int, size_bytes: int) -> bytes:
    return ormsgpack.packb([number, bytes(size_bytes)])


def add(outbox: Outbox, entry: SmallEntry) -> None:
    """As whoever sends does: without a look as long as a burst is open and there is room in it."""
    left = outbox.burst_bytes - cost_bytes(entry)
    if left >= 0:
        outbox.burst_bytes = left
        outbox.waiting.append(entry)
    else:
        outbox.add_small(entry, cost_bytes(entry))


def add_bytes(outbox: Outbox, number: int, size_bytes: int) -> bytes:
    """Add an encoded message; its payload."""
    payload = value_bytes(number, size_bytes)
    add(outbox, payload)
    return payload


def add_text(outbox: Outbox, number: int, size_bytes: int) -> bytes:
    """The same with a `str`, which is encoded as it leaves."""
    text = str(number).rjust(size_bytes)
    add(outbox, text)
    return ormsgpack.packb(text)


def next_write(outbox: Outbox) -> Write | None:
    """What goes out next."""
    queued: list[Write] = []
    is_any = outbox.next_write(queued)
    assert len(queued) == is_any
    return queued[0] if is_any else None


def arrived_in(frames: list[Frame]) -> list[tuple[bytes, int, tuple[Handle, ...]]]:
    """Payload, flags and handles of each message in `frames`."""
    found: list[tuple[bytes, int, tuple[Handle, ...]]] = []
    for frame in frames:
        if frame.kind == FrameKind.BATCH:
            for array in runs_of(frame.body):
                found += ((ormsgpack.packb(value), 0, ()) for value in decode_batch(array))
        elif frame.kind == FrameKind.MESSAGE:
            found.append((bytes(frame.body), frame.flags & 15, frame.handles))
    return found


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.number = 0
        self.outbox = Outbox(BOUND)
        self.added: list[Sent] = []
        self.dropped = 0
        self.largest_given_bytes = 0
        """Of what counts otherwise by now."""
        self.begin_transport([])

    def begin_transport(self, waiting: list[Sent]) -> None:
        self.waiting = waiting
        self.given: list[Sent] = []
        """Messages of this transport, by number."""
        self.batches: list[int] = []
        """How many messages shared their books, as far as those are not forgotten."""
        self.last_is_open = False
        self.forgotten = self.known_taken = 0
        self.urgent: list[bytes] = []
        self.has_pieces = False
        self.parser = FrameParser()
        self.frames: list[Frame] = []

    # --- what comes in

    def remember(self, sent: Sent) -> None:
        self.waiting.append(sent)
        self.added.append(sent)

    @rule(
        sizes=st.lists(st.one_of(st.integers(0, 300), st.integers(0, BATCH_BYTES - 20)), min_size=1, max_size=30),
        are_text=st.lists(st.booleans(), min_size=1, max_size=3),
    )
    def add_small_messages(self, sizes: list[int], are_text: list[bool]) -> None:
        for size, is_text in zip(sizes, itertools.cycle(are_text)):
            entry = add_text(self.outbox, self.number, size) if is_text else add_bytes(self.outbox, self.number, size)
            self.number += 1
            self.remember(Sent(entry, is_text))

    @rule(
        size=st.one_of(st.integers(0, 60), st.integers(BATCH_BYTES - 40, BATCH_BYTES + 40), st.integers(0, 3_000_000)),
        kind=st.sampled_from([FrameKind.MESSAGE, FrameKind.MESSAGE, FrameKind.REQUEST, FrameKind.CONTROL]),
        flags=st.sampled_from([0, RAW]),
        parts=st.integers(1, 3),
        handles=st.integers(0, 2),
    )
    def add_item(self, size: int, kind: FrameKind, flags: int, parts: int, handles: int) -> None:
        payload = value_bytes(self.number, size)
        self.number += 1
        step = len(payload) // parts + 1
        watched = tuple(WatchedHandle(-1) for _ in range(handles))
        self.outbox.add_item(
            Item(kind, flags, [payload[at : at + step] for at in range(0, len(payload), step)], watched)
        )
        self.remember(Sent(payload, False, flags, kind == FrameKind.MESSAGE, watched))

    @rule(size=st.integers(-1000, 2 * BATCH_BYTES))
    def open_burst(self, size: int) -> None:
        self.outbox.open_burst(size)
        assert self.outbox.burst_bytes == max(0, size)

    @rule()
    def close_burst(self) -> None:
        self.outbox.close_burst()
        assert self.outbox.burst_bytes == 0

    @rule()
    def add_urgent(self) -> None:
        self.outbox.add_urgent(URGENT)
        self.urgent.append(URGENT)

    # --- what goes out

    @rule(writes=st.one_of(st.integers(1, 4), st.just(10_000)))
    def write(self, writes: int) -> None:
        for _ in range(writes):
            write = next_write(self.outbox)
            if write is None:
                assert not self.waiting
                assert not self.urgent
                assert not self.has_pieces
                assert not self.parser.unfinished_bytes
                break
            parts, handles = write
            self.check_write(b"".join(parts), tuple(handles))

    def check_write(self, data: bytes, handles: tuple[Handle, ...]) -> None:
        self.parser.handles.extend(handles)
        before = len(self.frames)
        self.parser.feed(data, self.frames)
        if self.urgent:
            assert data == b"".join(self.urgent)
            self.urgent.clear()
            return
        length, kind, _ = HEADER.unpack_from(data)
        if kind == FrameKind.PIECE:
            assert len(data) == HEADER_BYTES + length
            assert self.has_pieces
            self.has_pieces = len(self.frames) == before
            return
        assert not self.has_pieces
        self.has_pieces = kind == FrameKind.LARGE
        if kind == FrameKind.LARGE:
            kind = LARGE_HEAD.unpack_from(data, HEADER_BYTES)[0]
            count = 1
        else:
            assert len(data) <= 3 * BATCH_BYTES + 64
            count = len(arrived_in(self.frames[before:])) or 1
        given, self.waiting = self.waiting[:count], self.waiting[count:]
        assert all(sent.is_message == (kind in (FrameKind.MESSAGE, FrameKind.BATCH)) for sent in given)
        if given[0].is_message:
            self.given += given
            self.batches.append(count)
            self.last_is_open = False

    @precondition(lambda self: self.outbox.is_idle)
    @rule(size=st.integers(0, 2000), is_text=st.booleans(), is_out=st.booleans())
    def give_one(self, size: int, is_text: bool, is_out: bool) -> None:
        entry = str(self.number).rjust(size) if is_text else value_bytes(self.number, size)
        self.number += 1
        sent = Sent(ormsgpack.packb(entry) if isinstance(entry, str) else entry, is_text)
        queued: list[Write] = []
        self.outbox.give_one(entry, cost_bytes(entry), queued)
        assert queued == [([frame_of(entry)], ())]
        if not is_out:
            self.outbox.in_flight.last_is_not_out()
        self.parser.feed(frame_of(entry), self.frames)
        last = self.given[len(self.given) - self.batches[-1] :] if self.batches else []
        joins = self.last_is_open and is_out and last and sum(one.cost_bytes for one in last) < OPEN_BYTES
        if joins:
            self.batches[-1] += 1
        else:
            self.batches.append(1)
            self.last_is_open = is_out
        self.given.append(sent)
        self.added.append(sent)

    # --- what the other side says

    def taken_by(self, share: float) -> int:
        return round(share * len(self.given))

    @rule(share=SHARES)
    def forget_taken(self, share: float) -> None:
        self.outbox.in_flight.forget_taken(self.taken_by(share))
        self.forget(self.taken_by(share))

    def forget(self, taken: int) -> None:
        self.known_taken = min(taken, len(self.given))
        while self.batches and self.forgotten + self.batches[0] <= taken:
            self.forgotten += self.batches.pop(0)
        self.last_is_open = self.last_is_open and bool(self.batches)

    @rule(taken=SHARES, begun=SHARES)
    def take_back(self, taken: float, begun: float) -> None:
        numbers = self.taken_by(taken), self.taken_by(begun)
        dead_ends: list[WatchedHandle] = []

        def dead_end() -> WatchedHandle:
            dead_ends.append(WatchedHandle(-1))
            return dead_ends[-1]

        self.outbox.take_back(*numbers, dead_end)
        self.forget(numbers[0])
        again = []
        for number, sent in enumerate(self.given):
            if number >= max(self.forgotten, numbers[0]):
                if number < numbers[1]:
                    self.largest_given_bytes = max(self.largest_given_bytes, sent.counted_bytes)
                    sent.flags |= REDELIVERED
                    sent.is_text = False  # it is encoded by itself from now on
                    assert all(handle.is_closed for handle in sent.handles)  # which are over there, and open
                    sent.handles = tuple(dead_ends.pop(0) for _ in sent.handles)
                again.append(sent)
        assert not dead_ends
        self.begin_transport([*again, *(sent for sent in self.waiting if sent.is_message)])

    @precondition(lambda self: self.waiting or self.given)
    @rule()
    def it_is_known_when_there_is_room(self) -> None:
        number, queued = self.forgotten, self.outbox.queued_bytes
        assert self.taken_when_down_to(queued) == number
        for batch in self.batches:
            assert self.taken_when_down_to(queued - 1) == number + batch
            queued -= sum(sent.cost_bytes for sent in self.given[number : number + batch])
            number += batch
            assert self.taken_when_down_to(queued) == number

        with_handles = [number for number, sent in enumerate(self.given, 1) if sent.handles and number > self.forgotten]
        assert self.outbox.in_flight.taken_when_handles_are() == min(with_handles, default=None)

    def taken_when_down_to(self, level_bytes: int) -> int:
        return self.outbox.in_flight.taken_when_down_to(level_bytes, self.outbox.queued_bytes)

    def teardown(self) -> None:
        """Whatever has happened, the end leaves nothing, and tells how many messages are lost by it."""
        is_written_lost = self.number % 2 == 0
        lost = [sent for sent in self.waiting if sent.is_message]
        lost += self.given[max(self.forgotten, self.known_taken) :] if is_written_lost else []
        assert self.outbox.drop_all(is_written_lost=is_written_lost) == len(lost)
        assert next_write(self.outbox) is None
        self.outbox.take_back(len(self.given), 0, lambda: WatchedHandle(-1))
        self.dropped = len(lost)
        self.begin_transport([])
        self.figures_are_exact()
        self.bytes_are_exact()
        self.handles_stay_open_as_long_as_they_are_needed()

    # --- always

    @invariant()
    def what_arrives_is_what_was_added_once_and_in_order(self) -> None:
        expected = [(sent.payload, sent.flags, sent.handles) for sent in self.given]
        arrived = arrived_in(self.frames)
        assert arrived == expected[: len(arrived)]
        assert len(expected) - len(arrived) <= self.has_pieces

    @invariant()
    def figures_are_exact(self) -> None:
        outbox, untaken = self.outbox, self.given[self.forgotten :]
        messages = [sent for sent in self.waiting if sent.is_message]
        assert outbox.in_flight.size_bytes == sum(sent.cost_bytes for sent in untaken)
        assert outbox.messages == len(messages) + len(self.given) - max(self.forgotten, self.known_taken)
        assert outbox.dropped == self.dropped
        assert outbox.is_idle == (not self.waiting and not self.urgent and not self.has_pieces)
        assert bool(outbox.urgent) == bool(self.urgent)
        assert outbox.entries == len(self.waiting) + len(untaken)
        assert outbox.accepted == sum(sent.is_message for sent in self.added)

    @invariant()
    def bytes_are_exact(self) -> None:
        outbox, everything = self.outbox, [sent for sent in self.added if sent.is_message]
        assert outbox.queued_bytes == outbox.waiting_bytes + outbox.in_flight.size_bytes
        assert outbox.waiting_bytes == sum(sent.cost_bytes for sent in self.waiting)
        assert outbox.accepted_bytes == sum(sent.counted_bytes for sent in everything)
        assert outbox.largest_bytes == max((self.largest_given_bytes, *(sent.counted_bytes for sent in everything)))

    @invariant()
    def there_is_room_up_to_the_bound_or_for_one(self) -> None:
        queued = self.outbox.queued_bytes
        assert self.outbox.has_room(BOUND - queued)
        assert self.outbox.has_room(BOUND - queued + 1) == (queued == 0)

    @invariant()
    def handles_stay_open_as_long_as_they_are_needed(self) -> None:
        here = [*self.waiting, *self.given[self.forgotten :]]
        assert self.outbox.handles == sum(len(sent.handles) for sent in here)
        needed = {id(sent) for sent in here}
        for sent in self.added:
            for handle in sent.handles:
                if sent.is_message:
                    assert handle.is_closed == (id(sent) not in needed)
                elif id(sent) in needed:
                    assert not handle.is_closed


TestOutbox = OutboxMachine.TestCase
TestOutbox.settings = settings(deadline=None, max_examples=150, stateful_step_count=40)


@pytest.mark.parametrize("count", [1, 2, 1000])
@pytest.mark.parametrize("add", [add_bytes, add_text])
def test_small_messages_leave_together(add: Callable[[Outbox, int, int], bytes], count: int) -> None:
    outbox = Outbox(BOUND)
    added = [add(outbox, number, 3) for number in range(count)]
    frames: list[Frame] = []
    write = next_write(outbox)
    assert write is not None
    FrameParser().feed(b"".join(write[0]), frames)
    assert next_write(outbox) is None
    assert len(frames) == 1
    if count > 1:
        # Containers come a few to a run, text as it likes.
        assert len(runs_of(frames[0].body)) == (1 if add is add_text else math.ceil(count / 32))
    assert [payload for payload, _, _ in arrived_in(frames)] == added
    assert outbox.largest_bytes == (max(map(len, added)) if add is add_bytes else 3 + TEXT_HEAD_BYTES)


@pytest.mark.parametrize("size", [0, 1, 31, 32, 255, 256, BATCH_BYTES - TEXT_HEAD_BYTES])
def test_text_counts_as_what_it_takes_at_most(size: int) -> None:
    outbox = Outbox(BOUND)
    payload = add_text(outbox, 0, size)
    counted = outbox.waiting_bytes - MESSAGE_COST_BYTES
    assert counted - TEXT_HEAD_BYTES < len(payload) <= counted


def test_a_frame_of_small_messages_is_small_though_something_else_waits_behind_them() -> None:
    outbox = Outbox(BOUND)
    for number in range(60):
        add_bytes(outbox, number, number * 1000)
    outbox.add_item(Item(FrameKind.REQUEST, 0, [bytes(10)]))
    while (write := next_write(outbox)) is not None:
        assert sum(map(len, write[0])) <= 3 * BATCH_BYTES + 64
    assert outbox.is_idle
