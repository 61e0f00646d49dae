"""A session whose other side is a script: frames are handed in one by one, and what it would write is read.

Nothing here waits, and no socket, loop or thread is behind it.
"""

import itertools
from collections.abc import Iterable
from typing import Any

import ormsgpack

from liteyuki.codec import decode, decode_batch, encode_plain
from liteyuki.comm.session import Acks, ChannelOptions, Entry, Item, Run, Session, cost_bytes, pack_number
from liteyuki.comm.wire import COUNTERS, Frame, FrameKind, FrameParser, Handle, Write
from liteyuki.comm.wire.frames import PROTOCOL_VERSION

__all__ = [
    "Caller",
    "FakeCounters",
    "Peer",
    "Sleeper",
    "WatchedHandle",
    "decoded",
    "entry_of",
    "fake_counters",
    "greeting",
    "message_of",
    "reply",
    "request",
]


class FakeCounters:
    """What a transport shows of both sides, in two lists."""

    def __init__(self, own: list[int], peer: list[int]) -> None:
        self.own = own
        self.peer = peer


def fake_counters() -> tuple[FakeCounters, FakeCounters]:
    """Those of both sides of one transport."""
    here, there = [0] * COUNTERS, [0] * COUNTERS
    return FakeCounters(here, there), FakeCounters(there, here)


class WatchedHandle(Handle):
    """Tells whether it was closed."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.is_closed = False

    def close(self) -> None:
        self.is_closed = True


class Sleeper:
    """Somebody who waits, and notes in `woken` when it is woken."""

    def __init__(self, name: str, woken: list[str], *, is_there: bool = True) -> None:
        self.name = name
        self._woken = woken
        self.is_there = is_there

    def wake(self) -> bool:
        if self.is_there:
            self._woken.append(self.name)
        return self.is_there


class Caller:
    """Somebody who waits for an answer."""

    def __init__(self) -> None:
        self.answers: list[Frame | None] = []

    def settle(self, answer: Frame | None) -> None:
        self.answers.append(answer)


# --- frames


def greeting(max_queued_bytes: int = 1000, version: object = PROTOCOL_VERSION) -> Frame:
    hello = {"version": version, "generation": 1, "max_queued_bytes": max_queued_bytes}
    return Frame(FrameKind.HELLO, 0, ormsgpack.packb(hello))


def message_of(value: object, flags: int = 0, handles: tuple[Handle, ...] = ()) -> Frame:
    return Frame(FrameKind.MESSAGE, flags, ormsgpack.packb(value), handles)


def request(number: int, value: object = None, kind: FrameKind = FrameKind.REQUEST) -> Frame:
    return Frame(kind, 0, pack_number(number) + ormsgpack.packb(value))


def reply(number: int, value: object = None, kind: FrameKind = FrameKind.REPLY) -> Frame:
    return request(number, value, kind)


def entry_of(value: object) -> Entry:
    """What waits to leave for `value`: text as it is, all else encoded."""
    if isinstance(value, str):
        return value
    payload = encode_plain(value)
    assert payload is not None
    return payload


def decoded(runs: Iterable[Run]) -> list[Any]:
    """The values in `runs`."""
    values: list[Any] = []
    for run in runs:
        if isinstance(run.content, memoryview):
            values += decode_batch(run.content)
        else:
            values.append(decode(run.content.flags, run.content.body))
    return values


# --- one end


class Peer:
    """One end of a channel: a session, and a transport that is a list of frames."""

    def __init__(self, name: str = "talk", **options: Any) -> None:
        self.session = Session(name, ChannelOptions(**options))
        self._generations = itertools.count(1)
        self._parser = FrameParser()
        self._acks: list[tuple[Acks, int]] = []

    def connect(self, counters: FakeCounters) -> None:
        """Another transport; the other side has not greeted."""
        self._parser = FrameParser()
        self.session.connect(counters, next(self._generations))

    def disconnect(self) -> None:
        """The transport is gone, with what was written and not read."""
        self.session.disconnect(WatchedHandle)

    def greeted(self, max_queued_bytes: int = 1000) -> FakeCounters:
        """A transport whose other side is this test, which has greeted; the counters as that side sees them."""
        here, there = fake_counters()
        self.connect(here)
        self.receive(greeting(max_queued_bytes))
        assert [frame.kind for frame in self.written()] == [FrameKind.HELLO]
        return there

    # --- what comes in

    def receive(self, *frames: Frame) -> None:
        self.session.receive(list(frames))

    def take(self) -> Any:
        """The oldest value: decoded, and counted as taken, as a receiving half does."""
        session, inbox = self.session, self.session.inbox
        if not inbox.values:
            self.run = inbox.take_run()
            inbox.values.extend(decoded([self.run]))
        value = inbox.values.popleft()
        if self.run.acks is None:
            pass
        elif session.options.ack == "handled":
            self._acks.append((self.run.acks, self.run.acks.begin()))
        elif self.run.acks.take():
            session.say_taken()
        return value

    def finish(self, place: int = 0) -> None:
        """Whoever has taken a value is done with it."""
        acks, number = self._acks.pop(place)
        if acks.finish(number) and acks is self.session.inbox.acks:
            self.session.say_taken()

    def take_all(self) -> list[Any]:
        values = []
        while self.session.inbox:
            values.append(self.take())
        return values

    # --- what goes out

    def send(self, value: object) -> bool:
        """Whether there was room."""
        return self.session.add_message(entry_of(value))

    def ask(self, value: object = None, kind: FrameKind = FrameKind.REQUEST) -> tuple[int, Caller]:
        """Send a request: its number, and who waits for the answer."""
        caller = Caller()
        number = self.session.calls.begin(caller)
        assert self.session.add_control(Item(kind, 0, [pack_number(number), ormsgpack.packb(value)]))
        return number, caller

    def written(self, at_most: int = 1_000_000) -> list[Frame]:
        """What it would write now, as the other side's parser cuts it into frames; so many writes at most."""
        frames: list[Frame] = []
        for _ in range(at_most):
            queued: list[Write] = []
            if not self.session.outbox.next_write(queued):
                break
            for parts, handles in queued:
                self._parser.handles.extend(handles)
                for part in parts:
                    self._parser.feed(memoryview(part), frames)
        self.session.look_for_room()  # as whoever writes does
        return frames

    def wait_for_room(self, waiter: Sleeper, value: object) -> int:
        """Join the line; the place in it."""
        credit = self.session.credit
        ticket = credit.take_ticket()
        credit.join(waiter, credit.need_for(cost_bytes(entry_of(value)), is_message=True), ticket)
        self.session.look_for_room()
        return ticket
