"""Bytes to frames, cut and glued at any place."""

import contextlib
import gc
import os
import sys
import tracemalloc
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki._platform import anonymous_memory_bytes
from liteyuki.codec import RAW
from liteyuki.comm.wire import (
    HANDLES_SHIFT,
    LARGE_HEAD,
    MAX_MESSAGE_BYTES,
    Frame,
    FrameError,
    FrameKind,
    FrameParser,
    Handle,
    pack_frame,
)
from liteyuki.comm.wire.frames import HEADER_BYTES, MAX_FRAME_BYTES

KINDS = [int(kind) for kind in FrameKind]
WHOLE = sorted({*KINDS} - {FrameKind.LARGE, FrameKind.PIECE})
"""Kinds of frames that the parser hands on."""
IN_PIECES = [FrameKind.MESSAGE, FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE, FrameKind.CONTROL]


class OnWire(NamedTuple):
    """One frame on the wire, and what whoever has read it has got."""

    data: bytes
    handles: tuple[Handle, ...]
    completes: Frame | None
    leaves_large: bool
    """Whether pieces of a large frame are still to come after it."""


def frame_of(kind: int, flags: int, body: bytes, handles: int) -> Frame:
    return Frame(kind, flags | handles << HANDLES_SHIFT, body, tuple(Handle(-1) for _ in range(handles)))


def whole(frame: Frame, *, leaves_large: bool = False) -> OnWire:
    return OnWire(pack_frame(frame.kind, frame.flags, bytes(frame.body)), frame.handles, frame, leaves_large)


def in_pieces(frame: Frame, pieces: list[int], between: list[list[Frame]]) -> list[OnWire]:
    """The frames on the wire that make up `frame`, and those of `between` that stand after its head and pieces."""
    body = bytes(frame.body)
    head = pack_frame(FrameKind.LARGE, frame.flags, LARGE_HEAD.pack(frame.kind, frame.flags, len(body)))
    on_wire = [OnWire(head, frame.handles, None, True)]
    for size in [*pieces, len(body)]:
        if not body:
            break
        if between:
            on_wire += (whole(other, leaves_large=True) for other in between.pop(0))
        piece, body = body[:size], body[size:]
        on_wire.append(OnWire(pack_frame(FrameKind.PIECE, 0, piece), (), None if body else frame, bool(body)))
    return on_wire


bodies = st.one_of(st.binary(max_size=30), st.integers(0, 3000).map(bytes))
flags = st.integers(0, 15)
handle_counts = st.one_of(st.just(0), st.integers(0, 15))
small_frames = st.builds(frame_of, st.sampled_from(WHOLE), flags, bodies, handle_counts)
large_frames = st.builds(
    frame_of, st.sampled_from(IN_PIECES), flags, st.binary(min_size=1, max_size=300), handle_counts
)
streams = st.lists(
    st.one_of(
        small_frames.map(lambda frame: [whole(frame)]),
        st.builds(
            in_pieces,
            large_frames,
            st.lists(st.integers(1, 200), max_size=4),
            st.lists(st.lists(small_frames, max_size=2), max_size=5),
        ),
    ),
    max_size=6,
).map(lambda nested: [one for inner in nested for one in inner])


def header(length: int, kind: int = FrameKind.MESSAGE, flags: int = 0) -> bytes:
    return length.to_bytes(4, "little") + bytes([kind, flags])


def large(size: int, kind: int = FrameKind.MESSAGE, flags: int = 0) -> bytes:
    return pack_frame(FrameKind.LARGE, flags, LARGE_HEAD.pack(kind, flags, size))


def joined(stream: list[OnWire]) -> bytes:
    return b"".join(one.data for one in stream)


def feed_in_cuts(parser: FrameParser, stream: list[OnWire], cuts: list[int], received: list[Frame]) -> None:
    """Feed `stream` cut at these places, and every other piece as far as it goes by way of `room`.

    What travels beside it comes with the first byte of its frame, or before.
    """
    data = joined(stream)
    starts = [sum(len(one.data) for one in stream[:number]) for number in range(len(stream))]
    waiting = [(start, one.handles) for start, one in zip(starts, stream, strict=True) if one.handles]
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(data)], strict=True)):
        while waiting and waiting[0][0] < end:
            parser.handles.extend(waiting.pop(0)[1])
        piece = memoryview(data)[start:end]
        if number % 2 and len(room := parser.room()):
            size = min(len(room), len(piece))
            room[:size] = piece[:size]
            parser.came(size, received)
            piece = piece[size:]
        parser.feed(piece if number % 3 else bytes(piece), received)


def same_frames(received: list[Frame], sent: list[Frame]) -> bool:
    """Equal, and with the very handles."""
    return [(*frame[:2], bytes(frame.body), *map(id, frame.handles)) for frame in received] == [
        (*frame[:2], bytes(frame.body), *map(id, frame.handles)) for frame in sent
    ]


def frames_in(stream: list[OnWire]) -> list[Frame]:
    return [one.completes for one in stream if one.completes is not None]


# --- however it is cut


@given(streams, st.data())
@settings(deadline=None, max_examples=300)
def test_frames_arrive_however_the_stream_is_cut(stream: list[OnWire], data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(joined(stream))), max_size=20)))
    parser, received = FrameParser(), list[Frame]()
    feed_in_cuts(parser, stream, cuts, received)
    assert same_frames(received, frames_in(stream))
    assert parser.unfinished_bytes == 0
    assert not parser.handles


@given(streams)
@settings(deadline=None, max_examples=50)
def test_frames_arrive_byte_by_byte(stream: list[OnWire]) -> None:
    parser, received = FrameParser(), list[Frame]()
    feed_in_cuts(parser, stream, list(range(1, len(joined(stream)))), received)
    assert same_frames(received, frames_in(stream))


@given(streams.filter(bool), st.data())
@settings(deadline=None, max_examples=300)
def test_a_stream_that_ends_anywhere_has_brought_its_whole_frames_and_tells_of_the_cut_one(
    stream: list[OnWire], data: st.DataObject
) -> None:
    number = data.draw(st.integers(0, len(stream) - 1))
    came = data.draw(st.integers(0, len(stream[number].data)))
    before = stream[:number]
    cut = stream[number]._replace(data=stream[number].data[:came])
    parser, received = FrameParser(), list[Frame]()
    feed_in_cuts(parser, [*before, cut], [], received)
    is_all = came == len(stream[number].data)
    assert same_frames(received, frames_in(stream[: number + is_all]))
    last = stream[number] if is_all else before[-1] if before else None
    is_between_frames = (is_all or not came) and not (last is not None and last.leaves_large)
    assert (parser.unfinished_bytes == 0) == is_between_frames
    assert parser.unfinished_bytes <= sum(len(one.data) for one in before) + came


def test_a_large_body_is_given_away_without_a_copy() -> None:
    frame = frame_of(FrameKind.MESSAGE, RAW, b"abcdef", 0)
    parser, received = FrameParser(), list[Frame]()
    feed_in_cuts(parser, in_pieces(frame, [2], []), [], received)
    assert type(received[0].body) is bytes
    plain = frame_of(FrameKind.MESSAGE, 0, b"abcdef", 0)
    feed_in_cuts(parser, in_pieces(plain, [2], []), [], received)
    assert isinstance(received[1].body, memoryview)
    assert not received[1].body.readonly


def test_what_holds_a_large_body_may_be_collected_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", complaints.append)
    parser, received = FrameParser(), list[Frame]()
    feed_in_cuts(parser, in_pieces(frame_of(FrameKind.MESSAGE, 0, b"abcdef", 0), [2], []), [], received)
    circle: list[object] = [received.pop().body]
    circle.append(circle)
    del circle
    gc.collect()
    assert complaints == []


# --- what is no frame


BROKEN = {
    "a length over the limit": header(MAX_FRAME_BYTES + 1),
    "the greatest length": header(2**32 - 1),
    "kind 0": header(0, 0),
    "kind 200": header(3, 200),
    "handles that have not come": pack_frame(FrameKind.MESSAGE, 1 << HANDLES_SHIFT, b""),
    "a piece without a head": header(1, FrameKind.PIECE),
    "an empty piece": large(5) + header(0, FrameKind.PIECE),
    "a piece of more than is missing": large(5) + header(6, FrameKind.PIECE),
    "a piece after the last one": large(1) + pack_frame(FrameKind.PIECE, 0, b"x") + header(1, FrameKind.PIECE),
    "a second head": large(5) + large(5),
    "a head that is too short": pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(2, 0, 5)[:-1]),
    "a head that is too long": pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(2, 0, 5) + b"\0"),
    "a large nothing": large(0),
    "a large batch": large(5, FrameKind.BATCH),
    "a large head": large(5, FrameKind.LARGE),
    "a large frame of no kind": large(5, 200),
    "a message over the limit": large(MAX_MESSAGE_BYTES + 1),
    "the greatest message": large(2**64 - 1),
    "a head that brings other handles than its frame": pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(2, 16, 5)),
    "a large frame whose handles have not come": large(5, flags=16),
}


@given(streams, st.sampled_from(sorted(BROKEN)), st.data())
@settings(deadline=None, max_examples=300)
def test_a_broken_frame_is_refused_as_soon_as_it_is_there_and_those_before_it_still_come(
    stream: list[OnWire], broken: str, data: st.DataObject
) -> None:
    end_of_good = len(joined(stream))
    stream = [*stream, OnWire(BROKEN[broken], (), None, False)]
    cuts = sorted(data.draw(st.lists(st.integers(0, end_of_good + HEADER_BYTES - 1), max_size=8)))
    parser, received = FrameParser(), list[Frame]()
    with pytest.raises(FrameError):
        feed_in_cuts(parser, stream, cuts, received)
    good = received[:-1] if broken == "a piece after the last one" else received
    assert same_frames(good, frames_in(stream))


@given(streams, st.data())
@settings(deadline=None, max_examples=500)
def test_a_damaged_stream_is_frames_or_refused_and_never_more_than_came(
    stream: list[OnWire], data: st.DataObject
) -> None:
    damaged = bytearray(joined(stream))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(damaged)))
        damaged[start : start + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    cut = data.draw(st.integers(0, len(damaged)))
    parser, received = FrameParser(), list[Frame]()
    parser.handles.extend(handle for one in stream for handle in one.handles)
    with contextlib.suppress(FrameError):
        parser.feed(bytes(damaged[:cut]), received)
        parser.feed(bytes(damaged[cut:]), received)
    assert all(frame.kind in WHOLE for frame in received)
    assert sum(len(frame.body) for frame in received) + parser.unfinished_bytes <= len(damaged)
    assert all(len(frame.handles) == frame.flags >> HANDLES_SHIFT for frame in received)


@given(st.lists(st.binary(max_size=60), max_size=6))
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_frames_or_refused(pieces: list[bytes]) -> None:
    parser, received = FrameParser(), list[Frame]()
    with contextlib.suppress(FrameError):
        for piece in pieces:
            parser.feed(piece, received)
    assert all(frame.kind in WHOLE for frame in received)


@pytest.mark.parametrize("kind", sorted({*range(256)} - {*KINDS})[::25])
def test_a_kind_that_is_none_is_refused(kind: int) -> None:
    with pytest.raises(FrameError, match=str(kind)):
        FrameParser().feed(header(0, kind), [])


# --- limits


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


@pytest.mark.parametrize(
    "data",
    [
        header(MAX_FRAME_BYTES) + b"abcd",
        large(MAX_MESSAGE_BYTES) + header(MAX_FRAME_BYTES, FrameKind.PIECE) + b"abcd",
        large(MAX_MESSAGE_BYTES) + pack_frame(FrameKind.PIECE, 0, b"abcd") * 100,
    ],
    ids=["frame", "piece", "pieces"],
)
def test_a_claim_within_the_limit_allocates_only_what_has_come(data: bytes) -> None:
    parser, received = FrameParser(), list[Frame]()
    before = anonymous_memory_bytes(os.getpid())
    tracemalloc.start()
    try:
        parser.feed(data, received)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    after = anonymous_memory_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before < 8 * 1024 * 1024
    assert received == []
    assert 0 < parser.unfinished_bytes <= len(data)


def test_a_message_that_memory_has_no_room_for_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(size: int) -> None:
        raise MemoryError

    monkeypatch.setattr("liteyuki.comm.wire.parser.fresh_memory", none_left)
    with pytest.raises(FrameError, match="1000000"):
        FrameParser().feed(large(1_000_000), [])


def test_the_limits_themselves_are_allowed() -> None:
    def piece(size: int) -> bytes:
        return pack_frame(FrameKind.PIECE, 0, bytes(size))

    parser, received = FrameParser(max_frame_bytes=5000, max_message_bytes=8000), list[Frame]()
    parser.feed(pack_frame(FrameKind.MESSAGE, 0, bytes(5000)), received)
    parser.feed(large(8000) + piece(5000) + piece(3000), received)
    assert [len(frame.body) for frame in received] == [5000, 8000]
    with pytest.raises(FrameError, match=r"5001.*5000"):
        FrameParser(5000, 8000).feed(pack_frame(FrameKind.MESSAGE, 0, bytes(5001)), received)
    with pytest.raises(FrameError, match=r"8001.*8000"):
        FrameParser(5000, 8000).feed(large(8001), received)
    with pytest.raises(FrameError, match=r"5001.*5000"):
        FrameParser(5000, 8000).feed(large(8000) + piece(5001), received)
    assert len(received) == 2


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_message_over_the_limit_is_refused_in_one_frame_too(is_alone: bool) -> None:
    received: list[Frame] = []
    stream = pack_frame(FrameKind.MESSAGE, 0, bytes(20)) + (b"" if is_alone else pack_frame(FrameKind.STOP, 0, b""))
    FrameParser(max_message_bytes=20).feed(stream, received)
    assert len(received[0].body) == 20
    with pytest.raises(FrameError, match=r"20.*19"):
        FrameParser(max_message_bytes=19).feed(stream, received)
