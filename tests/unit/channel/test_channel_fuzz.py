"""Frames that make no sense, at any moment: the channel breaks, or makes something of them, and that is all."""

import asyncio
import contextlib
import struct
from collections.abc import Iterator
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.comm.wire import HANDLES_SHIFT, LARGE_HEAD, RUN_HEAD, Frame, FrameKind, pack_frame
from liteyuki.errors import ChannelClosed, ChannelError
from tests.unit.joined import DEADLINE, Joiner, hello, run, until

VALUE = ormsgpack.packb([1, "a"])
ARRAY = b"\xdd\0\0\0\2\1\2"
BATCH = RUN_HEAD.pack(len(ARRAY)) + ARRAY

bodies = st.one_of(
    st.sampled_from([b"", b"\0", b"\x90", VALUE, ARRAY, b"\xdd\0\0\0\0", b"\xdd\0\0\0\1", b"\x91", b"\xc1", bytes(8)]),
    st.sampled_from([BATCH, BATCH[:-1], BATCH + BATCH, BATCH + b"\0", RUN_HEAD.pack(0), RUN_HEAD.pack(2**32 - 1)]),
    st.builds(lambda array: RUN_HEAD.pack(len(array)) + array, st.binary(max_size=8)),
    st.builds(struct.pack, st.just("<Q"), st.sampled_from([0, 1, 2**63, 2**64 - 1])),
    st.builds(lambda number: struct.pack("<Q", number) + VALUE, st.integers(0, 3)),
    st.builds(
        lambda kind, flags, size: LARGE_HEAD.pack(kind, flags, size),
        st.sampled_from(list(FrameKind)),
        st.integers(0, 31),
        st.sampled_from([0, 1, 5, 2**40]),
    ),
    st.binary(max_size=20),
)
frames = st.builds(
    pack_frame, st.one_of(st.sampled_from(list(FrameKind)), st.integers(0, 255)), st.integers(0, 31), bodies
)
sensible = st.sampled_from(
    [
        pack_frame(FrameKind.MESSAGE, 0, VALUE),
        pack_frame(FrameKind.BATCH, 0, BATCH),
        pack_frame(FrameKind.REQUEST, 0, struct.pack("<Q", 1) + VALUE),
        pack_frame(FrameKind.REPLY, 0, struct.pack("<Q", 1) + VALUE),
        pack_frame(FrameKind.FAILURE, 0, struct.pack("<Q", 1) + VALUE),
        pack_frame(FrameKind.CONTROL, 0, struct.pack("<Q", 0) + VALUE),
        pack_frame(FrameKind.CONTROL, 0, struct.pack("<Q", 1) + VALUE),
        pack_frame(FrameKind.ROOM, 0, b""),
        pack_frame(FrameKind.STOP, 0, b""),
        pack_frame(FrameKind.LARGE, 0, LARGE_HEAD.pack(FrameKind.MESSAGE, 0, len(VALUE))),
        pack_frame(FrameKind.PIECE, 0, VALUE[:2]),
        pack_frame(FrameKind.PIECE, 0, VALUE[2:]),
    ]
)
streams = st.lists(st.one_of(sensible, sensible, frames), max_size=12)


@contextlib.contextmanager
def fuzzed(**options: Any) -> Iterator[tuple[Channel[Any], Transport]]:
    """A channel, and the bare end that nonsense comes from."""
    joiner = Joiner()
    try:
        child, raw = joiner.transports()
        yield joiner.channel("talk", child, **options), raw
    finally:
        joiner.close()


def write(raw: Transport, stream: list[bytes], *, greets: bool) -> None:
    """What fits is written; the other side may have hung up."""
    with contextlib.suppress(TransportEnded):
        for frame in [hello(), *stream] if greets else stream:
            raw.queued.append(([frame], ()))
            raw.flush()


def read(raw: Transport) -> list[Frame]:
    with contextlib.suppress(TransportEnded):
        return raw.read()
    return []


@given(stream=streams, greets=st.booleans(), ack=st.sampled_from(["taken", "handled"]))
@settings(deadline=None, max_examples=150)
def test_a_thread_gets_values_or_errors_of_ours(stream: list[bytes], greets: bool, ack: str) -> None:
    with fuzzed(ack=ack) as (channel, raw):
        channel.on_control(list, lambda value: None)
        write(raw, stream, greets=greets)
        for _ in range(40):
            try:
                channel.receive(timeout=0)
            except (ChannelClosed, TimeoutError):
                break
        with contextlib.suppress(ChannelClosed):
            channel.send(1)
        raw.close()
        with contextlib.suppress(ChannelError, TimeoutError):
            channel.call(1, timeout=0)
        with pytest.raises(ChannelClosed):
            [channel.receive(DEADLINE) for _ in range(40)]


@given(stream=streams, ack=st.sampled_from(["taken", "handled"]))
@settings(deadline=None, max_examples=150)
def test_a_loop_complains_of_nothing(stream: list[bytes], ack: str) -> None:
    complaints: list[Any] = []

    async def body() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        channel.on_control(list, lambda value: None)
        channel.on_request()(lambda value: value)
        channel.on_receive()(lambda value: None)
        asking = asyncio.ensure_future(channel.request("number 1"))
        await asyncio.sleep(0)
        write(raw, stream, greets=True)
        for _ in range(4):
            await asyncio.sleep(0)
            read(raw)
        raw.close()
        with contextlib.suppress(ChannelError):
            await asking
        await until(lambda: channel.closed is not None, "the end")

    with fuzzed(ack=ack) as (channel, raw):
        run(body())
    assert complaints == []


def test_handles_that_belong_to_no_frame_break_the_channel() -> None:
    for flags in 1 << HANDLES_SHIFT, 15 << HANDLES_SHIFT:
        with fuzzed() as (channel, raw):
            write(raw, [pack_frame(FrameKind.MESSAGE, flags, VALUE)], greets=True)
            with pytest.raises(ChannelClosed):
                channel.receive(DEADLINE)
