"""The part of the transport contract that is about large messages, which come in pieces."""

import pytest

from liteyuki.comm.transport import TransportEnded
from liteyuki.comm.wire import LARGE_HEAD, Frame, FrameError, FrameKind, pack_frame
from tests.contracts.frames import Pair, in_pieces, message, read_to_the_end, receive, write

__all__ = ["PieceContract"]


class PieceContract:
    """See `TransportContract`."""

    @pytest.mark.parametrize(("size", "piece_bytes"), [(1, 1), (100, 7), (300_000, 1000), (5_000_001, 1024 * 1024)])
    def test_a_large_message_arrives_whole(self, pair: Pair, size: int, piece_bytes: int) -> None:
        for data in in_pieces(message(2, size), piece_bytes):
            pair.here.queued.append(([data], ()))
        write(pair.here, message(3))
        assert receive(pair.there, 2, writer=pair.here) == [message(2, size), message(3)]

    def test_what_is_between_the_pieces_comes_before_the_message(self, pair: Pair) -> None:
        between = Frame(FrameKind.ROOM, 0, b"")
        for data in in_pieces(message(1, 100_000), 20_000):
            pair.here.queued.append(([data], ()))
            write(pair.here, between)
        *first, large, last = receive(pair.there, 8, writer=pair.here)
        assert first == [between] * 6
        assert [large, last] == [message(1, 100_000), between]

    def test_the_largest_message_that_is_accepted_may_be_set(self, pair: Pair) -> None:
        pair.there.max_message_bytes = 50_004
        for size in (50_000, 50_001):
            for data in in_pieces(message(1, size), 10_000):
                pair.here.queued.append(([data], ()))
        assert pair.here.flush()
        received, end = read_to_the_end(pair.there)
        assert received == [message(1, 50_000)]
        assert isinstance(end, FrameError)
        assert "50004" in str(end)
        assert "50005" in str(end)

    @pytest.mark.parametrize("cut", [1, 15, 16, 17, 22, 23, 6022, 6023, 6028, 10_031])
    def test_a_large_message_that_was_cut_off_is_reported_at_the_end(self, pair: Pair, cut: int) -> None:
        write(pair.here, message(1))
        pair.here.queued.append(([b"".join(in_pieces(message(2, 10_000), 6000))[:cut]], ()))
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert received == [message(1)]
        assert isinstance(end, TransportEnded)
        assert 0 < end.unfinished_bytes <= cut

    @pytest.mark.parametrize(
        "broken",
        [
            pack_frame(FrameKind.PIECE, 0, b"a piece of nothing"),
            pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(FrameKind.MESSAGE, 0, 10)) * 2,
            pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(FrameKind.HELLO, 0, 10)),
        ],
        ids=["no head", "two heads", "no message"],
    )
    def test_pieces_that_make_up_no_message_are_an_error(self, pair: Pair, broken: bytes) -> None:
        write(pair.here, message(1))
        pair.here.queued.append(([broken], ()))
        assert pair.here.flush()
        received, end = read_to_the_end(pair.there)
        assert received == [message(1)]
        assert isinstance(end, FrameError)
