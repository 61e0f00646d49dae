"""What is left out is counted, whole lines where possible, and told where it would have stood."""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from liteyuki.supervise.output.backpressure import Gap, Intake

LIMIT = 200


def say(lines: int) -> str:
    return f"[{lines} missing]"


def test_what_fits_is_passed_on_as_it_is() -> None:
    intake = Intake(LIMIT, say)
    data = b"half a line"
    assert intake.admit(data, 0) is data
    assert intake.admit(b"x" * LIMIT, 0) == b"x" * LIMIT
    assert intake.tell() == b""


def test_a_line_that_was_begun_is_finished_and_the_next_one_kept_begins_a_line() -> None:
    intake = Intake(LIMIT, say)
    assert intake.admit(b"one\ntw", 0) == b"one\ntw"
    assert intake.admit(b"o\nthree\nfo", LIMIT) == b"o\n"
    assert intake.admit(b"ur\nfive\nsi", LIMIT) == b""
    assert intake.admit(b"x\nseven\n", LIMIT // 2 - 20) == b"[4 missing]\nseven\n"
    assert not intake.has_gap


def test_the_count_is_told_when_nothing_more_comes() -> None:
    intake = Intake(LIMIT, say)
    assert intake.admit(b"one\ntwo", LIMIT) == b""
    assert intake.tell() == b"[2 missing]\n"
    assert intake.tell() == b""
    assert intake.admit(b" goes on\nthree\n", 0) == b"three\n"


def test_lines_between_those_of_the_stream_do_not_end_its_gap() -> None:
    intake = Intake(LIMIT, say)
    assert intake.admit(b"one\ntw", LIMIT) == b""
    assert intake.admit(b"between\n", 0, starts_line=True) == b"[2 missing]\nbetween\n"
    assert intake.admit(b"o\nthree\n", 0) == b"three\n"


def numbered(count: int, widths: list[int]) -> list[bytes]:
    return [b"%d:%s\n" % (number, b"x" * widths[number % len(widths)]) for number in range(count)]


@given(
    st.integers(0, 60),
    st.lists(st.integers(0, 60), min_size=1, max_size=5),
    st.lists(st.integers(1, 90), min_size=1, max_size=10),
    st.lists(st.integers(0, 120), min_size=1, max_size=10),
)
@example(3, [0], [1], [0])
def test_lines_kept_and_lines_counted_are_all_lines(
    count: int, widths: list[int], pieces: list[int], written: list[int]
) -> None:
    lines = numbered(count, widths)
    stream, kept, waiting, turn = b"".join(lines), b"", 0, 0
    intake = Intake(LIMIT, say)
    while stream:
        size = pieces[turn % len(pieces)]
        taken = intake.admit(stream[:size], waiting)
        kept += taken
        waiting = max(0, waiting + len(taken) - written[turn % len(written)])
        stream = stream[size:]
        turn += 1
        assert waiting <= LIMIT + max(pieces) + len(say(count)) + 2
    kept += intake.tell()
    shown = kept.splitlines(keepends=True)
    whole = [line for line in shown if line in lines]
    missing = [int(found) for found in re.findall(rb"^\[(\d+) missing\]$", kept, re.MULTILINE)]
    assert len(whole) + sum(missing) == count
    # In order, each count where its lines would have stood.
    position = 0
    for line in shown:
        if found := re.fullmatch(rb"\[(\d+) missing\]\n", line):
            position += int(found[1])
        elif line in lines:
            assert line == lines[position]
            position += 1
    assert position == count


def test_a_gap_counts_each_line_once() -> None:
    gap = Gap()
    for part in (b"a", b"b\nc", b"d\n", b"e"):
        gap.add(part)
    assert gap.tell() == 3
    assert gap.cut(b" still e") == b""
    assert gap.cut(b" and still\nf\n") == b"f\n"
    assert gap.lines == 0
