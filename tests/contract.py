"""What every transport promises: one suite that each of them passes.

A transport's tests subclass `TransportContract` under a name that pytest collects, and say how to make a pair.
"""

import contextlib
import select
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from liteyuki.comm.framing import MAX_FRAME_BYTES, Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.transport import Transport, TransportEnded

__all__ = ["DEADLINE", "Pair", "TransportContract", "is_readable", "message", "receive"]

DEADLINE = 10.0
"""Seconds for anything that must happen at all."""

GARBAGE = b"\xff" * 64
"""No frame begins like this."""


class Pair(NamedTuple):
    here: Transport
    there: Transport


def message(number: int, size: int = 0) -> Frame:
    return Frame(FrameKind.MESSAGE, 0, number.to_bytes(4, "little") + bytes(size))


def write(transport: Transport, *frames: Frame) -> None:
    for frame in frames:
        transport.write(pack_frame(*frame))


def is_readable(transport: Transport, timeout: float = DEADLINE) -> bool:
    poll = select.poll()
    poll.register(transport.fileno(), select.POLLIN)
    return bool(poll.poll(timeout * 1000))


def receive(reader: Transport, count: int, *, writer: Transport | None = None) -> list[Frame]:
    """Exactly `count` frames, with waits in between; `writer` goes on to flush meanwhile."""
    frames: list[Frame] = []
    while len(frames) < count:
        if writer is not None:
            writer.flush()
        assert is_readable(reader), f"{len(frames)} of {count} frames, and nothing to read"
        frames += reader.read()
    assert len(frames) == count
    return frames


def read_to_the_end(reader: Transport) -> tuple[list[Frame], TransportEnded | FrameError]:
    """All frames that come before the end, and the end."""
    frames: list[Frame] = []
    while True:
        assert is_readable(reader), "neither a frame nor the end"
        try:
            frames += reader.read()
        except (TransportEnded, FrameError) as error:
            return frames, error


class TransportContract(ABC):
    @abstractmethod
    def make(self) -> tuple[Transport, Transport]:
        """Two connected ends; the suite closes them."""

    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = Pair(*self.make())
        with contextlib.closing(pair.here), contextlib.closing(pair.there):
            # The first frame of a side may carry what the other needs, as a channel's greeting does.
            for one, other in (pair, pair[::-1]):
                write(one, Frame(FrameKind.HELLO, 0, b""))
                assert one.flush()
                assert receive(other, 1) == [Frame(FrameKind.HELLO, 0, b"")]
            yield pair

    def test_frames_arrive_in_order_in_both_directions(self, pair: Pair) -> None:
        there = [message(number) for number in range(10)]
        back = [Frame(kind, 200, bytes([kind])) for kind in FrameKind]
        write(pair.here, *there)
        write(pair.there, *back)
        assert pair.here.flush()
        assert pair.there.flush()
        assert receive(pair.there, len(there)) == there
        assert receive(pair.here, len(back)) == back

    def test_directions_may_alternate(self, pair: Pair) -> None:
        for number in range(20):
            one, other = (pair.here, pair.there) if number % 2 else (pair.there, pair.here)
            write(one, message(number))
            assert one.flush()
            assert receive(other, 1) == [message(number)]

    def test_nothing_leaves_before_the_flush(self, pair: Pair) -> None:
        write(pair.here, message(1))
        assert not is_readable(pair.there, 0)
        assert pair.there.read() == []
        assert pair.here.flush()
        assert receive(pair.there, 1) == [message(1)]

    def test_a_flush_of_nothing_is_done(self, pair: Pair) -> None:
        assert pair.here.flush()
        assert pair.there.read() == []

    def test_many_small_frames_arrive_in_order(self, pair: Pair) -> None:
        frames = [message(number, number % 7) for number in range(20_000)]
        write(pair.here, *frames)
        assert receive(pair.there, len(frames), writer=pair.here) == frames
        assert pair.here.flush()

    @pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 5_000_001])
    def test_a_frame_of_any_size_arrives(self, pair: Pair, size: int) -> None:
        frames = [message(1), message(2, size), message(3)]
        write(pair.here, *frames)
        assert receive(pair.there, 3, writer=pair.here) == frames

    def test_a_flush_that_could_not_finish_goes_on_later(self, pair: Pair) -> None:
        frames = [message(number, 1_000_000) for number in range(8)]
        write(pair.here, *frames)
        first = pair.here.flush()
        write(pair.here, message(8))
        received = receive(pair.there, 9, writer=pair.here)
        assert received == [*frames, message(8)]
        assert first or pair.here.flush()

    def test_a_read_of_nothing_is_empty(self, pair: Pair) -> None:
        assert pair.here.read() == []
        assert pair.there.read() == []

    def test_the_handle_is_readable_exactly_while_there_is_something(self, pair: Pair) -> None:
        assert not is_readable(pair.there, 0)
        for number in range(3):
            write(pair.here, message(number))
            assert pair.here.flush()
        assert is_readable(pair.there)
        receive(pair.there, 3)
        assert not is_readable(pair.there, 0)
        assert not is_readable(pair.here, 0)

    def test_the_end_comes_after_all_frames(self, pair: Pair) -> None:
        frames = [message(number, 100) for number in range(50)]
        write(pair.here, *frames)
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert received == frames
        assert isinstance(end, TransportEnded)
        assert end.unfinished_bytes == 0
        with pytest.raises(TransportEnded):
            pair.there.read()

    def test_a_frame_that_was_cut_off_is_told_of_at_the_end(self, pair: Pair) -> None:
        write(pair.here, message(1))
        pair.here.write(pack_frame(*message(2, 100))[:50])
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert received == [message(1)]
        assert isinstance(end, TransportEnded)
        assert end.unfinished_bytes == 50

    def test_the_end_is_the_same_when_the_other_side_had_not_read_all(self, pair: Pair) -> None:
        write(pair.there, message(1))
        assert pair.there.flush()
        write(pair.here, message(2))
        pair.here.write(pack_frame(*message(3, 100))[:50])
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert received == [message(2)]
        assert isinstance(end, TransportEnded)
        assert end.unfinished_bytes == 50

    def test_what_was_sent_before_the_end_is_read_though_writing_has_failed(self, pair: Pair) -> None:
        write(pair.here, message(1))
        assert pair.here.flush()
        pair.here.close()
        write(pair.there, message(2))
        with pytest.raises(TransportEnded):
            pair.there.flush()
        received, end = read_to_the_end(pair.there)
        assert received == [message(1)]
        assert isinstance(end, TransportEnded)

    def test_garbage_is_an_error_after_the_good_frames(self, pair: Pair) -> None:
        write(pair.here, message(1), message(2))
        pair.here.write(GARBAGE)
        assert pair.here.flush()
        assert pair.there.read() == [message(1), message(2)]
        with pytest.raises(FrameError):
            pair.there.read()

    def test_whoever_waits_learns_of_an_error_behind_good_frames(self, pair: Pair) -> None:
        write(pair.here, message(1))
        pair.here.write(GARBAGE)
        assert pair.here.flush()
        assert is_readable(pair.there)
        assert pair.there.read() == [message(1)]
        assert is_readable(pair.there, 0)

    def test_garbage_alone_is_an_error(self, pair: Pair) -> None:
        pair.here.write(GARBAGE)
        assert pair.here.flush()
        received, end = read_to_the_end(pair.there)
        assert received == []
        assert isinstance(end, FrameError)

    def test_a_frame_over_the_limit_is_an_error(self, pair: Pair) -> None:
        pair.here.write((MAX_FRAME_BYTES + 1).to_bytes(4, "little") + bytes([FrameKind.MESSAGE, 0]))
        assert pair.here.flush()
        with pytest.raises(FrameError):
            pair.there.read()

    def test_each_side_knows_what_the_other_has_taken(self, pair: Pair) -> None:
        for one, other, count in ((pair.here, pair.there, 3), (pair.there, pair.here, 5)):
            assert one.taken_by_peer() == 0
            for taken in range(1, count + 1):
                other.mark_taken()
                assert one.taken_by_peer() == taken
        assert pair.here.taken_by_peer() == 3

    @pytest.mark.parametrize("first", [0, 1])
    def test_what_was_taken_is_known_after_both_sides_have_closed(self, pair: Pair, first: int) -> None:
        one, other = pair[first], pair[1 - first]
        for _ in range(4):
            other.mark_taken()
        other.close()
        assert one.taken_by_peer() == 4
        with pytest.raises(TransportEnded):
            one.read()
        assert one.taken_by_peer() == 4
        one.close()
        assert one.taken_by_peer() == 4

    def test_closing_twice_is_harmless(self, pair: Pair) -> None:
        for transport in pair:
            transport.close()
            transport.close()

    def test_a_closed_end_gives_its_handle_back(self, pair: Pair) -> None:
        pair.here.close()
        assert pair.here.fileno() == -1

    def test_what_was_not_flushed_is_lost_with_the_end(self, pair: Pair) -> None:
        write(pair.here, message(1))
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert received == []
        assert isinstance(end, TransportEnded)
