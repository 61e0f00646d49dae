"""Kills at random moments, under a stream of messages in both directions.

`LITEYUKI_KILLS=300` makes it a long run, `LITEYUKI_SEED` repeats one.
"""

import asyncio
import contextlib
import itertools
import os
import random
from pathlib import Path
from typing import Any

import pytest

from harness import DEADLINE
from liteyuki.comm.channel import Channel
from liteyuki.errors import PeerGone
from tests.process.channel_roles import stream
from tests.process.numbers import (
    STREAM_BOUND,
    Record,
    check_handled,
    check_handled_in_any_order,
    check_taken,
    number_of,
    numbered,
    read_records,
)
from tests.process.peers import Peer, peer_of

KILLS = int(os.environ.get("LITEYUKI_KILLS", "30"))
pytestmark = pytest.mark.timeout(120 + 10 * KILLS)
LAST = 2_000
"""How many messages go in each direction when nobody is killed any more."""


class Main:
    """The side that lives: it sends numbers, checks those that come, and asks questions."""

    def __init__(self, channel: Channel[Any], chance: random.Random) -> None:
        self.channel = channel
        self.sent = 0
        self.received = 0
        self.answered = 0
        self.wrong: list[object] = []
        self.generation = 0
        """That of the process that is there."""
        self._chance = chance
        self._asked = asyncio.Event()
        channel.on_receive()(self._receive)
        channel.on_request()(self._go_on_from)

    def _receive(self, message: Any) -> None:
        if number_of(message) != self.received:
            self.wrong.append((self.generation, "came", number_of(message), "not", self.received))
        self.received += 1

    def _go_on_from(self, question: str) -> int:
        self._asked.set()
        return self.received

    async def send(self) -> None:
        for number in itertools.count():
            await self.channel.asend(numbered(number))
            self.sent = number + 1

    async def ask(self) -> None:
        for question in itertools.count():
            generation = self.generation
            try:
                answer = await self.channel.request(question)
            except PeerGone:
                await asyncio.sleep(0.001)
                continue
            self.answered += 1
            if answer != (question, generation):
                self.wrong.append((question, generation, "was answered", answer))

    def start(self, style: str, ack: str, path: Path) -> Peer:
        """The next process."""
        self.generation += 1
        self._asked.clear()
        return peer_of(self.channel, stream, style, ack, str(path), generation=self.generation)

    async def kill_one(self, style: str, ack: str, path: Path) -> None:
        """Start a process, and end it at some moment: while it starts, or while it sends and receives."""
        with self.start(style, ack, path) as peer:
            if self._chance.random() < 0.8:
                await _until(self._asked.is_set, peer)
                await asyncio.sleep(self._chance.random() * 0.05)
            else:
                await asyncio.sleep(self._chance.random() * 0.3)
            peer.kill()
        # The main process may learn of it by the end of the stream, or by the exit, in any order.
        if self._chance.random() < 0.5:
            await asyncio.sleep(0.001)
        if self._chance.random() < 0.5:
            self.channel.detach()

    async def let_one_live(self, style: str, ack: str, path: Path) -> None:
        """Until so many messages have gone in each direction; then nothing more is sent, and all is recorded."""
        with self.start(style, ack, path) as peer:
            await _until(self._asked.is_set, peer)
            sent, received = self.sent, self.received
            await _until(lambda: self.sent > sent + LAST and self.received > received + LAST, peer)
            self.sending.cancel()
            await asyncio.gather(self.sending, return_exceptions=True)
            last = f" {self.sent - 1} ".encode()
            await _until(lambda: self.channel.stats.queued == 0 and last in path.read_bytes()[-(2**16) :], peer)
            peer.kill()

    async def run(self, styles: list[str], ack: str, path: Path) -> None:
        self.sending = asyncio.ensure_future(self.send())
        asking = asyncio.ensure_future(self.ask())
        for _ in range(KILLS):
            await self.kill_one(self._chance.choice(styles), ack, path)
            assert not self.sending.done()
            assert not asking.done()
            assert self.wrong == []
        await self.let_one_live(styles[0], ack, path)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        assert self.wrong == []


async def _until(condition: Any, peer: Peer) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE
    while not condition():
        assert loop.time() < end, peer.text
        await asyncio.sleep(0.001)


def _stream_under_kills(path: Path, ack: Any, styles: list[str]) -> list[Record]:
    seed = int(os.environ.get("LITEYUKI_SEED", random.randrange(2**32)))
    print("LITEYUKI_SEED", seed)
    channel = Channel[Any]("talk-main", ack=ack, max_queued_bytes=STREAM_BOUND)
    channel.keep_untaken()
    main: Main | None = None

    async def body() -> Main:
        main = Main(channel, random.Random(seed))
        await main.run(styles, ack, path)
        return main

    try:
        main = asyncio.run(body())
    finally:
        channel.detach()
        with contextlib.suppress(TimeoutError):
            channel.close(0)
    print(f"{KILLS} kills; {main.sent} there, {main.received} back, {main.answered} answers")
    records = read_records(path.read_bytes())
    assert max(record.number for record in records) == main.sent - 1
    return records


def test_none_is_missing_that_no_killed_process_had_in_hand(tmp_path: Path) -> None:
    records = _stream_under_kills(tmp_path / "numbers", "taken", ["handlers", "threads"])
    print("in hand at a kill, and recorded by nobody:", check_taken(records))


def test_none_at_all_is_missing_that_was_to_be_handled(tmp_path: Path) -> None:
    records = _stream_under_kills(tmp_path / "numbers", "handled", ["handlers", "threads"])
    print("in hand at a kill, and recorded again:", check_handled(records))


def test_none_at_all_is_missing_that_coroutines_were_to_handle(tmp_path: Path) -> None:
    records = _stream_under_kills(tmp_path / "numbers", "handled", ["coroutines"])
    print("in hand at a kill, and recorded again:", check_handled_in_any_order(records))
