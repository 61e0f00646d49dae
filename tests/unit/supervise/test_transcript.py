"""Prefixed lines, what is remembered, and who is held back when."""

import asyncio
import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from harness import DEADLINE
from liteyuki.supervise.output import KEPT_BYTES, Console, Tail, Transcript
from liteyuki.supervise.output.backpressure import Pressure
from liteyuki.supervise.output.transcript import LinePrefix, prefixes

streams = st.lists(st.sampled_from([b"\n", b"a", b"\r", b"longer", b"\xff", b"\n\n"]), max_size=30).map(b"".join)


def test_one_process_needs_no_prefix_and_several_stand_in_line() -> None:
    assert prefixes(["one"], coloured=True) == {}
    assert prefixes(["one", "three"], coloured=False) == {"one": "one   | ", "three": "three | "}
    coloured = prefixes([f"p{n}" for n in range(30)], coloured=True)
    assert len(coloured) == 30
    assert coloured["p0"] == "\x1b[36mp0  | \x1b[0m"


@given(streams, st.data())
def test_every_line_has_its_prefix_however_it_comes(stream: bytes, data: st.DataObject) -> None:
    prefix, got, rest = LinePrefix(b"> "), b"", stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got += prefix.feed(rest[:size])
        rest = rest[size:]
        assert got == b"" or got.endswith(b"\n")
    got += prefix.end()
    lines = stream.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert got == b"".join(b"> " + line + b"\n" for line in lines)


def test_a_line_without_end_is_shown_in_parts() -> None:
    prefix = LinePrefix(b"> ")
    got = b"".join(prefix.feed(b"x" * 1000) for _ in range(1000))
    assert got.count(b"\n") > 10
    assert (got + prefix.end()).count(b"x") == 1_000_000


@given(st.lists(st.integers(0, 3), max_size=700), st.data())
def test_tail_is_the_same_however_much_comes_at_once(widths: list[int], data: st.DataObject) -> None:
    stream = b"".join(b"%d%s\n" % (number, b"x" * width) for number, width in enumerate(widths)) + b"end"
    tail, rest = Tail(), stream
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        tail.add(rest[:size])
        rest = rest[size:]
    tail.end_line()
    assert tail.last(200) == stream.decode().split("\n")[-200:]


def test_last_words_are_of_this_generation_alone_whatever_is_remembered(tmp_path: Path) -> None:
    tail = Tail()
    (tmp_path / "a.log").write_text("of a main process before\n")
    tail.remember(tmp_path / "a.log")
    tail.start_generation()
    assert tail.last_words() == ()
    tail.add(b"\x1b[31mred\x1b[0m\nunfinished")
    assert tail.last_words() == ("red", "unfinished")
    tail.end_line()
    assert tail.last_words() == ("red", "unfinished")
    tail.start_generation()
    tail.add(b"one\nmore")
    assert tail.last_words() == ("one", "more")
    tail.start_generation()
    assert tail.last(3) == ["unfinished", "one", "more"]
    tail.add(b"".join(b"%d\n" % number for number in range(1000)))
    assert tail.last_words() == tuple(map(str, range(950, 1000)))


def test_all_that_matters_is_kept_up_to_a_bound() -> None:
    tail = Tail()
    tail.add(b"of the one before\n")
    tail.start_generation()
    tail.add(b"".join(b"%d\n" % number for number in range(100)) + b"begun")
    tail.keep_all()
    tail.add(b", ended\n" + b"".join(b"stack %d\n" % number for number in range(1000)) + b"last")
    before = tuple(map(str, range(50, 100)))
    stacks = tuple(f"stack {number}" for number in range(1000))
    assert tail.last_words() == (*before, "begun, ended", *stacks, "last")
    tail.add(b"\n" + b"x" * 99 + b"\n" + b"".join(b"%099d\n" % number for number in range(1000)))
    kept = tail.last_words()
    assert kept[-1] == "999".zfill(99)
    assert KEPT_BYTES - 100 <= sum(len(line) + 1 for line in kept) <= KEPT_BYTES
    tail.start_generation()
    tail.add(b"one more\n")
    assert tail.last_words() == ("one more",)


def test_what_is_no_plain_file_is_not_remembered(tmp_path: Path) -> None:
    tail = Tail()
    tail.remember(tmp_path / "none.log")
    os.mkfifo(tmp_path / "a.log")
    tail.remember(tmp_path / "a.log")
    assert tail.last(1) == []


def test_a_generation_that_ends_within_a_line_ends_it() -> None:
    read_end, write_end = os.pipe()
    console = Console(write_end)
    transcript = Transcript(console, prefix="one | ")
    transcript.write(b"first\nsec")
    transcript.end()
    transcript.end()
    transcript.write(b"third\n")
    console.close()
    assert os.read(read_end, 4096) == b"one | first\none | sec\none | third\n"
    assert transcript.tail.last(9) == ["first", "sec", "third"]
    os.close(read_end)
    os.close(write_end)


def test_pressure_is_on_until_the_writer_has_caught_up() -> None:
    async def main() -> list[bool]:
        pressure, released, is_on = Pressure(), 0, []

        def release() -> None:
            nonlocal released
            released += 1

        pressure.update(10**9)
        is_on.append(pressure.is_on)  # it has no loop yet
        pressure.bind(asyncio.get_running_loop())
        for waiting in (100_000, 200_000, 100_000, 0, 100_000):
            pressure.update(waiting)
            is_on.append(pressure.is_on)
            if waiting == 200_000:
                pressure.hold(release)
        assert released == 1
        return is_on

    assert asyncio.run(main()) == [False, False, True, True, False, False]


def test_pressure_has_an_end_and_begins_anew_only_after_the_writer_has_caught_up() -> None:
    async def main() -> list[bool]:
        pressure, released, is_on = Pressure(), asyncio.Event(), []
        pressure.bind(asyncio.get_running_loop())
        pressure.update(200_000)
        pressure.hold(released.set)
        await asyncio.wait_for(released.wait(), DEADLINE)
        for waiting in (10**9, 0, 200_000, 0):
            pressure.update(waiting)
            is_on.append(pressure.is_on)
        return is_on

    assert asyncio.run(main()) == [False, False, True, False]
