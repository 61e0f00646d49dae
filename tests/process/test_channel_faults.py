"""What goes wrong between real processes, and what it may not do to the others."""

import asyncio
import contextlib
import gc
import hashlib
import os
import random
import re
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from harness import DEADLINE, is_alive, open_handles, wait_until, wait_until_gone
from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.errors import ChannelClosed, ChannelFull, PeerGone
from liteyuki.log import logger
from tests.process import channel_fault_roles as roles
from tests.process.numbers import number_of
from tests.process.peers import peer_of


@pytest.fixture
def channel() -> Iterator[Channel[Any]]:
    """This process's end, which ends when its child does."""
    made = Channel[Any]("talk-main")
    yield made
    made.detach()
    with contextlib.suppress(TimeoutError):
        made.close(0)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """The lines that are logged during the test, WARNING and above."""
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{level} {message}")
    yield lines
    logger.remove(handler)


# --- forks


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no forks here")
@pytest.mark.parametrize("how", ["os.fork", "multiprocessing"])
def test_a_forked_copy_leaves_the_channel_to_its_parent(channel: Channel[Any], how: str) -> None:
    with peer_of(channel, roles.fork_copies, how) as peer:
        channel.send("fork")
        copy = int(peer.wait_for(r"copy (\d+) lives on")[1])
        *said, _ = re.findall(rf"copy {copy} (.*)", peer.text)
        assert said.count("ends") == 1  # the iteration
        assert sum("fork" in words for words in said) == len(said) - 1, said
        for number in range(100):
            channel.send(number)
            assert channel.receive(DEADLINE) == ("parent", number)
        # The copy has none of the handles that would keep the channel open.
        os.kill(peer.pid, signal.SIGKILL)
        with pytest.raises(ChannelClosed, match="已结束"):
            channel.receive(DEADLINE)
        assert is_alive(copy)
        os.kill(copy, signal.SIGKILL)
        wait_until_gone(copy)


@pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="no forks here")
def test_a_loop_goes_on_beside_a_forked_copy(channel: Channel[Any]) -> None:
    async def body() -> None:
        channel.on_request()(lambda value: "fork")
        with peer_of(channel, roles.fork_beside_loop) as peer:
            assert await asyncio.wait_for(channel.async_receive(), DEADLINE) == "forked"
            for number in range(100):
                assert await channel.request(number, timeout=DEADLINE) == ("parent", number)
            assert "fork" in peer.wait_for(r"copy \d+ says (.*)")[1]

    asyncio.run(body())


# --- handles


def test_a_process_without_handles_says_so_and_lives_on(channel: Channel[Any], logged: list[str]) -> None:
    with peer_of(channel, roles.run_out_of_handles) as peer:
        peer.wait_for("ready")
        channel.send("begin")
        assert "EMFILE" in peer.wait_for("no handles left: (.*)")[1]
        now, near = channel.receive(DEADLINE)
        assert now == "now"
        near.send("hello")
        assert peer.wait_for("near got (.*)")[1] == "hello"
        assert channel.receive(DEADLINE) == "no more"
        sent = Channel[Any]("sent")
        channel.send(sent)
        said = peer.wait_for("receive says (.*)")[1]
        assert said.startswith("ChannelBroken")
        assert "ulimit -n" in said
        # Only that channel is closed.
        assert near.receive(DEADLINE) == "still alive"
        with pytest.raises(ChannelClosed):
            channel.receive(DEADLINE)
        near.close()
        sent.close()


# --- silence and garbage


def test_one_that_connects_and_says_nothing_holds_nobody_up() -> None:
    channel = Channel[Any]("talk-main", max_queued_bytes=100_000)
    with peer_of(channel, roles.say_nothing) as peer:
        peer.wait_for("silent")
        with pytest.raises(TimeoutError):
            channel.receive(0.01)
        with pytest.raises(TimeoutError):
            channel.call(1, timeout=0.01)
        with pytest.raises(TimeoutError):
            asyncio.run(channel.request(1, timeout=0.01))
        with pytest.raises(ChannelFull):
            [channel.send(bytes(50_000), timeout=0) for _ in range(100)]  # type: ignore[func-returns-value]
        calling = threading.Timer(0.05, peer.kill)
        calling.start()
        with pytest.raises(PeerGone):
            channel.call(1, timeout=DEADLINE)
        calling.join(DEADLINE)
        with pytest.raises(ChannelClosed):
            channel.send(1)
    channel.close()


def test_one_that_says_nothing_and_lives_does_not_hold_up_the_close() -> None:
    channel = Channel[Any]("talk-main")
    with peer_of(channel, roles.say_nothing) as peer:
        peer.wait_for("silent")
        for _ in range(50):
            channel.send(bytes(100_000))
        with pytest.raises(TimeoutError):
            channel.close(0.05)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("after", [0, 1, 600])
def test_garbage_breaks_its_channel_after_what_came_before_and_no_other(
    channel: Channel[Any], logged: list[str], seed: int, after: int
) -> None:
    one, other = pipe_pair()
    fine, fine_peer = Channel[Any]("fine"), Channel[Any]("fine-peer")
    fine.attach(PipeTransport(one))
    fine_peer.attach(PipeTransport(other))

    async def body() -> list[int]:
        received = []
        with contextlib.suppress(ChannelClosed):
            async for message in channel:
                received.append(number_of(message))
                fine.send(received[-1])
                assert await asyncio.wait_for(fine_peer.async_receive(), DEADLINE) == received[-1]
        return received

    with peer_of(channel, roles.write_garbage, seed, after) as peer:
        assert asyncio.run(asyncio.wait_for(body(), DEADLINE)) == list(range(after))
        assert peer.wait() == 0
    # By chance it may look like the beginning of a frame that was cut.
    assert len([line for line in logged if "talk-main" in line]) == 1, logged
    for end in fine, fine_peer:
        end.close()


# --- many at once


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
def test_what_many_threads_send_at_once_is_never_mixed_up(channel: Channel[Any], has_loop: bool) -> None:
    threads, count = 8, 60
    with peer_of(channel, roles.send_from_threads, threads, count, has_loop) as peer:
        received = [channel.receive(DEADLINE) for _ in range(threads * count)]
        for _, _, filling, digest in received:
            assert hashlib.md5(filling).hexdigest() == digest
        for sender in range(threads):
            assert [number for thread, number, _, _ in received if thread == sender] == list(range(count))
        assert peer.wait() == 0


# --- what is lost, and what is not


def test_a_value_that_no_channel_carries_is_not_even_half_sent(channel: Channel[Any]) -> None:
    with peer_of(channel, roles.send_half_of_a_value) as peer:
        for expected in range(50):
            number, error = channel.receive(DEADLINE)
            assert number == expected
            assert "builtins.object" in error
            assert "['deep'][0]" in error
        assert peer.wait() == 0


@pytest.mark.parametrize(("place", "code"), [("thread", 0), ("loop", 0), ("sys.exit", 3), ("error", 1)])
def test_one_that_sends_and_ends_at_once_loses_nothing(channel: Channel[Any], place: str, code: int) -> None:
    with peer_of(channel, roles.send_and_exit, place, 3000) as peer:
        assert [number_of(value) for value in channel] == list(range(3000))
        assert peer.wait() == code


@pytest.mark.parametrize("is_kept", [False, True], ids=["ends", "waits for the next"])
def test_what_a_killed_one_had_sent_and_not_written_is_told(
    channel: Channel[Any], logged: list[str], is_kept: bool
) -> None:
    if is_kept:
        channel.keep_untaken()
    with peer_of(channel, roles.send_without_being_read, 100) as peer:
        peer.wait_for("sent")
        peer.kill()
        received = []
        with contextlib.suppress(ChannelClosed, TimeoutError):
            while True:
                received.append(channel.receive(0.05)[0])
    assert received == list(range(len(received)))
    assert len(received) < 100
    told = [line for line in logged if "talk-main" in line and ("没有到达" in line or "丢失" in line)]
    assert told, logged


def test_nothing_is_told_of_one_that_has_written_all(channel: Channel[Any], logged: list[str]) -> None:
    with peer_of(channel, roles.send_and_exit, "thread", 500):
        assert [number_of(value) for value in channel] == list(range(500))
    assert not [line for line in logged if "talk-main" in line], logged


def test_no_handle_is_left_of_processes_that_came_and_went() -> None:
    channel = Channel[Any]("talk-main")
    channel.keep_untaken()
    chance = random.Random(1)
    counts: list[int] = []
    for generation in range(1, 8):
        with peer_of(channel, roles.say_nothing, generation=generation) as peer:
            channel.send([generation, bytes(chance.choice([1, 100_000]))])
            peer.wait_for("silent")
        channel.detach()
        gc.collect()
        counts.append(open_handles())
    assert counts[1:] == counts[:-1]
    with pytest.raises(TimeoutError, match=" 7 "):
        channel.close(0)
    wait_until(lambda: open_handles() <= counts[0], "the handles of the channel")
