"""Text without escape sequences, wherever the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise.output.escapes import EscapeFilter, without_escapes

SEQUENCES = [
    b"\x1b[0m",
    b"\x1b[38;5;208m",
    b"\x1b[?25l",
    b"\x1b[2K",
    b"\x1b]0;a title\x07",
    b"\x1b]8;;https://example.org\x1b\\",
    b"\x1bPq#0;2;0;0;0\x1b\\",
    b"\x1b(B",
    b"\x1b7",
    b"\x1b=",
]
TEXTS = ["hello", "轻雪", "[0m", "a\nb\n", "\r", "]0;", "🎉", ""]

streams = st.lists(st.sampled_from(SEQUENCES) | st.sampled_from([word.encode() for word in TEXTS]), max_size=20)


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_each_kind_is_taken_out(sequence: bytes) -> None:
    assert without_escapes(b"before" + sequence + b"after") == b"beforeafter"


@given(streams, st.data())
def test_a_stream_in_pieces_gives_the_text_in_it(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts) + b"."
    text = b"".join(part for part in parts if not part.startswith(b"\x1b")) + b"."
    assert without_escapes(stream) == text
    escapes, got = EscapeFilter(), b""
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        got += escapes.feed(stream[:size])
        stream = stream[size:]
    assert got == text


@given(st.binary(max_size=200))
def test_whatever_comes_ends_with_its_line(data: bytes) -> None:
    escapes = EscapeFilter()
    assert escapes.feed(data) + escapes.feed(b"\nplain\n").removesuffix(b"\nplain\n") in without_escapes(data + b"\n")


def test_one_that_never_ends_holds_back_little() -> None:
    escapes = EscapeFilter()
    got = escapes.feed(b"\x1b]0;")
    for _ in range(100):
        got += escapes.feed(b"x" * 1000)
    assert len(got) > 90_000
