"""Messages that leave together, in one frame."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.codec import CodecError, decode_batch, encode
from liteyuki.comm.session.batches import pack_batch, runs_of
from liteyuki.comm.session.items import SmallEntry
from liteyuki.comm.wire import RUN_HEAD, Frame, FrameKind, FrameParser

values = st.one_of(
    st.text(max_size=5),
    st.integers(0, 9),
    st.lists(st.integers(0, 9), max_size=3),
    st.tuples(st.integers(0, 9)),
)


def entry_of(value: Any) -> SmallEntry:
    """What waits for it to leave."""
    if type(value) is str and value.isascii():
        return value
    return encode(value)[1]


def frame_in(data: bytes) -> Frame:
    """The one frame that `data` is."""
    frames: list[Frame] = []
    FrameParser().feed(data, frames)
    (frame,) = frames
    return frame


@given(st.lists(values, min_size=2, max_size=200))
def test_a_batch_arrives_as_it_was_sent(sent: list[Any]) -> None:
    frame = frame_in(pack_batch([entry_of(value) for value in sent]))
    assert frame.kind == FrameKind.BATCH
    arrived = [value for run in runs_of(frame.body) for value in decode_batch(run[1])]
    assert arrived == sent
    assert list(map(type, arrived)) == list(map(type, sent))


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=3), st.integers(0, 255))
def test_runs_are_cut_out_of_their_frame(bodies: list[bytes], flags: int) -> None:
    joined = b"".join(RUN_HEAD.pack(len(body), flags) + body for body in bodies)
    assert runs_of(joined) == [(flags, memoryview(body)) for body in bodies]


@given(st.lists(values, min_size=2, max_size=40), st.data())
def test_a_frame_that_ends_within_a_run_is_refused(sent: list[Any], data: st.DataObject) -> None:
    body = frame_in(pack_batch([entry_of(value) for value in sent])).body
    last = len(body) - len(runs_of(body)[-1][1]) - RUN_HEAD.size
    end = data.draw(st.integers(last + 1, len(body) - 1))
    with pytest.raises(CodecError):
        runs_of(body[:end])


@pytest.mark.parametrize(
    "body",
    [b"", bytes(4), RUN_HEAD.pack(0, 0), RUN_HEAD.pack(1, 0), RUN_HEAD.pack(2**32 - 1, 0) + b"\x90"],
    ids=bytes.hex,
)
def test_what_does_not_consist_of_runs_is_refused(body: bytes) -> None:
    with pytest.raises(CodecError):
        runs_of(body)
