"""The long fuzzing run of the decoder: `python -m tests.fuzz.decoder -max_total_time=600 -rss_limit_mb=512`.

Coverage-guided, by atheris (`pip install atheris`), with libFuzzer's options. It ends only when it has found something:
an exception other than the two that mean bad bytes, a hang, or memory beyond the limit. The unit tests fuzz the same
with hypothesis, for seconds.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["liteyuki"]):
    from liteyuki.codec import CodecError, decode, decode_batch
    from liteyuki.comm.channel import ChannelEnd
    from liteyuki.comm.channel.attachments import unpack
    from liteyuki.comm.session.batches import runs_of
    from liteyuki.comm.wire import COUNT, Frame, FrameError, FrameKind, FrameParser, check_hello

_LIMIT_BYTES = 1024 * 1024


def _open_nothing(end: ChannelEnd) -> object:
    return end


def _decode(frame: Frame) -> None:
    """What a channel does with a frame."""
    if frame.kind == FrameKind.HELLO:
        check_hello(frame)
    elif frame.kind == FrameKind.BATCH:
        for array in runs_of(frame.body):
            decode_batch(array)
    elif frame.kind in (FrameKind.REQUEST, FrameKind.REPLY, FrameKind.FAILURE, FrameKind.CONTROL):
        unpack(frame, _open_nothing, skip_bytes=COUNT.size)
    else:
        unpack(frame, _open_nothing)


def test_one_input(data: bytes) -> None:
    """The first byte says how long the pieces are in which the rest arrives, or the flags of the payload that it is."""
    with contextlib.suppress(CodecError):
        decode(data[0] if data else 0, data[1:])
    parser, frames = FrameParser(_LIMIT_BYTES, _LIMIT_BYTES), list[Frame]()
    step = (data[0] if data else 0) + 1
    with contextlib.suppress(FrameError):
        for at in range(1, len(data), step):
            parser.feed(data[at : at + step], frames)
    for frame in frames:
        with contextlib.suppress(CodecError, FrameError):
            _decode(frame)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
