"""Bytes <-> frames, cut and glued at any place."""

import contextlib
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.comm.framing import HEADER_BYTES, MAX_FRAME_BYTES, Frame, FrameError, FrameKind, FrameParser, pack_frame

KINDS = [int(kind) for kind in FrameKind]

frames = st.lists(
    st.builds(
        Frame,
        st.sampled_from(KINDS),
        st.integers(0, 255),
        st.one_of(st.binary(max_size=30), st.integers(0, 3000).map(bytes)),
    ),
    max_size=8,
)


def packed(sent: list[Frame]) -> bytes:
    return b"".join(pack_frame(*frame) for frame in sent)


def header(length: int, kind: int = FrameKind.MESSAGE) -> bytes:
    return length.to_bytes(4, "little") + bytes([kind, 0])


@given(frames, st.data())
@settings(deadline=None)
def test_frames_arrive_however_the_stream_is_cut(sent: list[Frame], data: st.DataObject) -> None:
    stream = packed(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    parser, received = FrameParser(), list[Frame]()
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        piece = stream[start:end]
        parser.feed(memoryview(piece) if data.draw(st.booleans()) else piece, received)
    assert received == sent
    assert parser.unfinished_bytes == 0


@given(frames)
@settings(deadline=None, max_examples=30)
def test_frames_arrive_byte_by_byte(sent: list[Frame]) -> None:
    parser, received = FrameParser(), list[Frame]()
    for byte in packed(sent):
        parser.feed(bytes([byte]), received)
    assert received == sent


@given(frames, st.integers(1, HEADER_BYTES + 40), st.data())
@settings(deadline=None)
def test_a_cut_frame_is_unfinished(sent: list[Frame], missing: int, data: st.DataObject) -> None:
    last = pack_frame(FrameKind.MESSAGE, 0, bytes(40))
    stream = packed(sent) + last[: len(last) - missing]
    cut = data.draw(st.integers(0, len(stream)))
    parser, received = FrameParser(), list[Frame]()
    parser.feed(stream[:cut], received)
    parser.feed(stream[cut:], received)
    assert received == sent
    assert parser.unfinished_bytes == len(last) - missing


@given(
    frames, st.sampled_from([header(MAX_FRAME_BYTES + 1), header(2**32 - 1), header(0, 0), header(3, 200)]), st.data()
)
@settings(deadline=None)
def test_the_frames_before_a_broken_one_still_come(sent: list[Frame], broken: bytes, data: st.DataObject) -> None:
    stream = packed(sent) + broken + b"what follows is not read"
    end_of_broken = len(packed(sent)) + HEADER_BYTES
    cut = data.draw(st.integers(0, end_of_broken - 1))
    parser, received = FrameParser(), list[Frame]()
    parser.feed(stream[:cut], received)
    with pytest.raises(FrameError):
        parser.feed(stream[cut:], received)
    assert received == sent


@pytest.mark.parametrize("claimed", [2**32 - 1, MAX_FRAME_BYTES + 1])
def test_a_header_over_the_limit_is_refused_before_anything_is_allocated(claimed: int) -> None:
    received: list[Frame] = []
    data = header(claimed) + b"abcd"
    tracemalloc.start()
    try:
        with pytest.raises(FrameError, match=rf"{claimed}.*{MAX_FRAME_BYTES}"):
            FrameParser().feed(data, received)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert received == []


def test_a_header_within_the_limit_allocates_only_what_has_come() -> None:
    parser, received = FrameParser(), list[Frame]()
    tracemalloc.start()
    try:
        parser.feed(header(MAX_FRAME_BYTES) + b"abcd", received)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert parser.unfinished_bytes == HEADER_BYTES + 4


def test_the_limit_itself_is_allowed() -> None:
    parser, received = FrameParser(8), list[Frame]()
    parser.feed(pack_frame(FrameKind.MESSAGE, 0, bytes(8)), received)
    assert received == [Frame(FrameKind.MESSAGE, 0, bytes(8))]
    with pytest.raises(FrameError):
        parser.feed(pack_frame(FrameKind.MESSAGE, 0, bytes(9)), received)


@pytest.mark.parametrize("kind", sorted({*range(256)} - {*KINDS})[::25])
def test_a_kind_that_is_none_is_refused(kind: int) -> None:
    with pytest.raises(FrameError, match=str(kind)):
        FrameParser().feed(header(0, kind), [])


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_frames_or_refused(pieces: list[bytes]) -> None:
    parser = FrameParser()
    received: list[Any] = []
    with contextlib.suppress(FrameError):
        for piece in pieces:
            parser.feed(piece, received)
    assert all(frame.kind in KINDS for frame in received)
