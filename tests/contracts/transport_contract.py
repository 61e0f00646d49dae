"""What every transport promises: one suite that each of them passes.

class TestMine(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        return my_pair()
"""

import contextlib
from collections.abc import Iterator

import pytest

from liteyuki.comm.transport import TransportEnded
from liteyuki.comm.wire import BEGUN, COUNTERS, TAKEN, UNWRITTEN, WANTED, Frame, FrameError, FrameKind
from liteyuki.comm.wire.frames import MAX_FRAME_BYTES
from tests.contracts.frames import (
    GARBAGE,
    Pair,
    is_readable,
    message,
    packed,
    read_to_the_end,
    receive,
    write,
)
from tests.contracts.handle_contract import HandleContract
from tests.contracts.piece_contract import PieceContract

__all__ = ["TransportContract"]

OF_THEIR_OWN = frozenset({FrameKind.PAGE, FrameKind.LARGE, FrameKind.PIECE})
"""Kinds of frames that a transport or its parser handles itself."""


class TransportContract(PieceContract, HandleContract):
    """A transport's tests subclass this, under a name that pytest collects, and say how to `make` a pair."""

    @pytest.fixture
    def pair(self) -> Iterator[Pair]:
        pair = Pair(*self.make())
        with contextlib.closing(pair.here), contextlib.closing(pair.there):
            # Whatever a transport must learn from the other side comes before the first frame.
            for one, other in (pair, pair[::-1]):
                write(one, Frame(FrameKind.HELLO, 0, b""))
                assert one.flush()
                assert receive(other, 1) == [Frame(FrameKind.HELLO, 0, b"")]
            yield pair

    # --- frames

    def test_frames_arrive_in_order_in_both_directions(self, pair: Pair) -> None:
        there = [message(number) for number in range(10)]
        back = [Frame(kind, 13, bytes([kind])) for kind in FrameKind if kind not in OF_THEIR_OWN]
        write(pair.here, *there)
        write(pair.there, *back)
        assert pair.here.flush()
        assert pair.there.flush()
        assert receive(pair.there, len(there)) == there
        assert receive(pair.here, len(back)) == back

    def test_the_very_first_read_brings_what_was_sent(self) -> None:
        here, there = self.make()
        with contextlib.closing(here), contextlib.closing(there):
            write(here, message(1), message(2))
            assert here.flush()
            assert is_readable(there)
            assert there.read() == [message(1), message(2)]

    def test_what_was_read_is_in_hand_until_it_is_passed_on(self, pair: Pair) -> None:
        def has_in_hand(*, after_passing_on: bool) -> bool:
            if after_passing_on:
                pair.there.passed_on()
            return pair.there.has_in_hand

        assert not has_in_hand(after_passing_on=True)
        assert pair.there.read() == []
        assert not has_in_hand(after_passing_on=False)
        write(pair.here, message(1))
        assert pair.here.flush()
        assert receive(pair.there, 1) == [message(1)]
        assert has_in_hand(after_passing_on=False)
        assert not has_in_hand(after_passing_on=True)

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

    def test_the_parts_of_a_write_arrive_joined_whatever_they_are(self, pair: Pair) -> None:
        frames = [message(number, number) for number in range(200)]
        stream = b"".join(map(packed, frames))
        pair.here.queued.append(([bytearray(stream[:1000]), b"", memoryview(stream)[1000:2000], stream[2000:]], ()))
        pair.here.queued.append(([stream[at : at + 7] for at in range(0, len(stream), 7)], ()))
        assert receive(pair.there, 400, writer=pair.here) == frames * 2

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

    # --- the end

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

    def test_a_frame_that_was_cut_off_is_reported_at_the_end(self, pair: Pair) -> None:
        write(pair.here, message(1))
        pair.here.queued.append(([packed(message(2, 100))[:50]], ()))
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
        pair.here.queued.append(([packed(message(3, 100))[:50]], ()))
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

    def test_closing_is_idempotent(self, pair: Pair) -> None:
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

    # --- what is no frame

    def test_garbage_is_an_error_after_the_good_frames(self, pair: Pair) -> None:
        write(pair.here, message(1), message(2))
        pair.here.queued.append(([GARBAGE], ()))
        assert pair.here.flush()
        assert pair.there.read() == [message(1), message(2)]
        with pytest.raises(FrameError):
            pair.there.read()

    def test_whoever_waits_learns_of_an_error_behind_good_frames(self, pair: Pair) -> None:
        write(pair.here, message(1))
        pair.here.queued.append(([GARBAGE], ()))
        assert pair.here.flush()
        assert is_readable(pair.there)
        assert pair.there.read() == [message(1)]
        assert is_readable(pair.there, 0)

    def test_garbage_alone_is_an_error(self, pair: Pair) -> None:
        pair.here.queued.append(([GARBAGE], ()))
        assert pair.here.flush()
        received, end = read_to_the_end(pair.there)
        assert received == []
        assert isinstance(end, FrameError)

    def test_a_frame_over_the_limit_is_an_error(self, pair: Pair) -> None:
        pair.here.queued.append(([(MAX_FRAME_BYTES + 1).to_bytes(4, "little") + bytes([FrameKind.MESSAGE, 0])], ()))
        assert pair.here.flush()
        with pytest.raises(FrameError):
            pair.there.read()

    # --- counters

    def test_each_side_sees_what_the_other_has_counted(self, pair: Pair) -> None:
        assert [list(one.own) for one in pair] == [list(one.peer) for one in pair] == [[0] * COUNTERS] * 2
        for number in range(1, 4):
            for place in (UNWRITTEN, BEGUN, TAKEN, WANTED):
                pair.here.own[place] = 10 * number + place
                pair.there.own[place] = 2**40 * number + place
                assert pair.there.peer[place] == 10 * number + place
                assert pair.here.peer[place] == 2**40 * number + place
        assert list(pair.here.own) == list(pair.there.peer) == [30, 31, 32, 33]

    @pytest.mark.parametrize("first", [0, 1])
    def test_what_was_counted_is_known_after_both_sides_have_closed(self, pair: Pair, first: int) -> None:
        one, other = pair[first], pair[1 - first]
        other.own[UNWRITTEN], other.own[BEGUN], other.own[TAKEN], other.own[WANTED] = 7, 6, 4, 9
        one.own[TAKEN] = 2
        other.close()
        assert list(one.peer) == [7, 6, 4, 9]
        assert list(other.peer) == [0, 0, 2, 0]
        with pytest.raises(TransportEnded):
            one.read()
        assert list(one.peer) == [7, 6, 4, 9]
        one.close()
        assert list(one.peer) == [7, 6, 4, 9]
        assert list(one.own) == list(other.peer) == [0, 0, 2, 0]
