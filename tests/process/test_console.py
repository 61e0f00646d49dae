"""The console never waits, and reports what it left out; the tail keeps the last lines."""

import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from harness import DEADLINE
from liteyuki.supervise.output import Console, Tail


def test_nobody_reads_and_nobody_waits_and_what_is_left_out_is_counted() -> None:
    async def main() -> None:
        read_end, write_end = os.pipe()
        console = Console(write_end)
        console.bind(asyncio.get_running_loop())
        line = b"x" * 99 + b"\n"
        for _ in range(20_000):
            console.write(line)
        os.set_blocking(read_end, False)
        read = bytearray()
        done = asyncio.Event()

        def drain() -> None:
            read.extend(os.read(read_end, 65536))
            if read.count(line) >= 10_000:
                console.write(b"and so on\n")
            if b"and so on\n" in read:
                done.set()

        asyncio.get_running_loop().add_reader(read_end, drain)
        await asyncio.wait_for(done.wait(), DEADLINE)
        asyncio.get_running_loop().remove_reader(read_end)
        console.close()
        os.close(read_end)
        os.close(write_end)
        lines = bytes(read).split(b"and so on\n")[0].decode().splitlines()
        printed = sum(1 for one in lines if one == "x" * 99)
        (gap,) = [one for one in lines if "省略" in one]
        assert f"{20_000 - printed} 行" in gap

    asyncio.run(main())


def test_nobody_is_there_any_more() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    console = Console(write_end)
    console.write(b"into the void\n")
    console.close()
    os.close(write_end)


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\x1b"), max_size=30), max_size=30), st.data()
)
def test_tail_gives_the_last_lines_however_they_come(lines: list[str], data: st.DataObject) -> None:
    whole = "\n".join(lines).encode()
    tail = Tail()
    rest = whole
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        tail.add(rest[:size])
        rest = rest[size:]
    expected = whole.decode().split("\n")
    if expected and not expected[-1]:
        expected.pop()
    assert tail.last(10) == expected[-10:]


def test_tail_is_plain_text() -> None:
    tail = Tail()
    tail.add(b"\x1b[32m11-23\x1b[0m [\x1b[1mINFO\x1b[0m] \x1b]0;title\x07\x1b[38;5;1mhello\x1b[0m\n")
    assert tail.last(1) == ["11-23 [INFO] hello"]
