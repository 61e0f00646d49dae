"""Streams of numbers over channels that are made at run time, while their processes die again and again."""

import asyncio
from pathlib import Path

import pytest

from harness import DEADLINE
from liteyuki.comm import Channel, get_channel_async, set_channel
from liteyuki.comm.session import Ack
from tests.process.broker_processes import Obeying, child, until, until_recorded
from tests.process.numbers import STREAM_BOUND, check_handled, check_taken, numbered, read_records
from tests.process.test_supervisor import run, supervised


@pytest.mark.parametrize("ack", ["taken", "handled"])
@pytest.mark.parametrize("who", ["main", "child"])
def test_numbers_for_a_child_that_dies_again_and_again(tmp_path: Path, who: str, ack: Ack) -> None:
    path, total = tmp_path / "numbers", 4000

    async def main() -> None:
        spec = child("a", "record_numbers", "numbers", str(path), None, ack, who == "child")
        async with supervised(spec) as watched:
            a = Obeying(watched, "a")
            if who == "main":
                set_channel("numbers", Channel("numbers", ack=ack, max_queued_bytes=STREAM_BOUND))
            numbers = await get_channel_async("numbers", timeout=DEADLINE)
            assert numbers.options.ack == ack

            async def send() -> None:
                for number in range(total):
                    await numbers.asend(numbered(number))

            sending = asyncio.ensure_future(send())
            for step in range(1, 9):
                await until_recorded(path, step * total // 20)
                await (a.restart() if step % 4 == 0 else a.kill())
            await sending
            await until_recorded(path, total - 1)

    run(main())
    records = read_records(path.read_bytes())
    check = check_taken if ack == "taken" else check_handled
    assert check(records) <= 8
    assert records[-1].generation == 9


def test_numbers_from_a_child_that_dies_again_and_again() -> None:
    async def main() -> None:
        async with supervised(child("a", "send_numbers", "numbers", None)) as watched:
            a = Obeying(watched, "a")
            numbers = await get_channel_async("numbers", timeout=DEADLINE)
            seen: list[tuple[int, int]] = []

            async def hear() -> None:
                async for generation, number in numbers:
                    seen.append((generation, number))

            async def until_heard_of(generation: int) -> None:
                await until(lambda: seen and seen[-1][0] == generation, f"numbers of {generation}")

            hearing = asyncio.ensure_future(hear())
            for generation in range(1, 6):
                await until_heard_of(generation)
                await (a.restart() if generation == 3 else a.kill())
            await until_heard_of(6)
            hearing.cancel()
        # Of each generation the first so many, each once, one generation after the other.
        for generation in range(1, 7):
            of_it = [number for sender, number in seen if sender == generation]
            assert of_it == list(range(len(of_it)))
        assert [sender for sender, _ in seen] == sorted(sender for sender, _ in seen)

    run(main())


@pytest.mark.parametrize("ack", ["taken", "handled"])
def test_numbers_from_one_child_to_another_that_dies_again_and_again(tmp_path: Path, ack: Ack) -> None:
    path, total = tmp_path / "numbers", 3000

    async def main() -> None:
        receiver = child("b", "record_numbers", "numbers", str(path), "a", ack, True)
        async with supervised(child("a", "send_numbers_on_loop", "numbers", "b", ack), receiver) as watched:
            b = Obeying(watched, "b")
            for step in range(1, 7):
                await until_recorded(path, step * total // 14)
                await (b.restart() if step % 3 == 0 else b.kill())
            await until_recorded(path, total)

    run(main())
    records = read_records(path.read_bytes())
    check = check_taken if ack == "taken" else check_handled
    assert check(records) <= 6
    assert records[-1].generation == 7
