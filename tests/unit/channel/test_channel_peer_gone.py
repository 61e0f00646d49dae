"""Asking when the other side does not read, or goes."""

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from liteyuki.comm.channel import Channel
from liteyuki.errors import ChannelFull, PeerGone, RemoteError
from tests.unit.channel.answering import answered, beside_loop, fill, serving, without_loop
from tests.unit.channel.optioned import wait_for_sender, with_options
from tests.unit.joined import DEADLINE, Joiner, in_thread, run, soon, until


@pytest.fixture
def small(joiner: Joiner) -> Joiner:
    """Joins channels with a small bound."""
    return with_options(joiner, max_queued_bytes=100_000)


# --- at the bound


def test_a_call_goes_through_although_messages_have_reached_the_bound(joiner: Joiner) -> None:
    async def body() -> None:
        main, child = with_options(joiner, max_queued_bytes=1000).channels()
        child.on_request()(answered)
        main.send(bytes(900))
        with pytest.raises(ChannelFull):
            main.send(bytes(100))
        assert await main.request(1, timeout=DEADLINE) == -1
        assert await soon(in_thread(lambda: main.call(2, timeout=DEADLINE))) == -2

    run(body())


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
def test_a_call_that_had_to_wait_until_it_could_be_sent_is_answered(small: Joiner, has_loop: bool) -> None:
    main, child = small.channels()

    def ask() -> None:
        fill(main)
        calls = [in_thread(lambda: main.call(bytes(80_000), timeout=DEADLINE)) for _ in range(4)]
        wait_for_sender(main)
        with serving(child):
            assert [call.result(DEADLINE) for call in calls] == [bytes(80_000)] * 4

    (beside_loop if has_loop else without_loop)(main, ask)


# --- the other process goes


def _dies(joiner: Joiner, main: Channel[Any], child: Channel[Any]) -> None:
    child.detach()


def _is_restarted(joiner: Joiner, main: Channel[Any], child: Channel[Any]) -> None:
    joiner.child_of(main, 2)


@pytest.mark.parametrize("has_loop", [False, True], ids=["without a loop", "beside a loop"])
@pytest.mark.parametrize("goes", [_dies, _is_restarted], ids=["dies", "is restarted"])
def test_all_callers_learn_that_the_other_process_is_gone(
    joiner: Joiner, goes: Callable[..., None], has_loop: bool
) -> None:
    main = joiner.kept()
    child = joiner.child_of(main, 1)

    def ask() -> None:
        asked = threading.Barrier(4)

        def never(value: object) -> object:
            in_thread(lambda: asked.wait(DEADLINE))
            return asyncio.Event().wait()

        with serving(child, never):
            calls = [in_thread(lambda: main.call(1)) for _ in range(3)]
            asked.wait(DEADLINE)
            begin = time.monotonic()
            goes(joiner, main, child)
            for call in calls:
                with pytest.raises(PeerGone, match="talk-main"):
                    call.result(DEADLINE)
            print(f"PeerGone after {(time.monotonic() - begin) * 1000:.1f} ms")

    (beside_loop if has_loop else without_loop)(main, ask)


def test_where_no_process_is_attached_nobody_answers(joiner: Joiner) -> None:
    main = joiner.kept()
    with pytest.raises(PeerGone):
        main.call(1)
    child = joiner.child_of(main, 1)
    with serving(child):
        assert main.call(1, timeout=DEADLINE) == -1
    child.close()
    with pytest.raises(PeerGone):
        main.call(1, timeout=DEADLINE)
    with pytest.raises(PeerGone):
        main.call(1, timeout=DEADLINE)


def test_those_who_could_not_even_ask_learn_it_too_and_leave_no_error_behind(small: Joiner) -> None:
    complaints: list[Any] = []

    async def body() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        main = small.kept()
        small.child_of(main, 1)
        fill(main)
        asking = asyncio.ensure_future(main.request(bytes(80_000)))
        await until(lambda: main.stats.waits, "the request to wait")
        thread = in_thread(lambda: main.call(bytes(80_000)))
        await asyncio.sleep(0)
        main.detach()
        for asked in asking, asyncio.ensure_future(soon(thread)):
            with pytest.raises(PeerGone):
                await asyncio.wait_for(asked, DEADLINE)
        del asking, asked
        gc.collect()

    run(body())
    gc.collect()
    assert complaints == []


def test_whoever_is_told_that_nobody_answers_has_not_been_heard(small: Joiner) -> None:
    main = small.kept()
    small.child_of(main, 1)
    fill(main)
    call = in_thread(lambda: main.call(bytes(80_000), timeout=DEADLINE))
    wait_for_sender(main)
    lengths: list[int] = []
    # In one go, so that who waits wakes when the next one is there already.
    child = small.child_of(main, 2)
    with serving(child, lambda value: lengths.append(len(value))):
        with contextlib.suppress(PeerGone):
            call.result(DEADLINE)
        main.call(bytes(3), timeout=DEADLINE)
    assert lengths == ([3] if call.exception() else [80_000, 3])


# --- nobody answers over there


def test_requests_that_nobody_gets_to_are_refused_from_the_bound_on(joiner: Joiner, logged: list[str]) -> None:
    main, child = with_options(joiner, max_queued_bytes=2 * 1024 * 1024).channels()
    child.on_request()(answered)
    calls = [in_thread(lambda: main.call(bytes(300_000), timeout=DEADLINE)) for _ in range(10)]
    end = time.monotonic() + DEADLINE
    while sum(call.done() for call in calls) < 4:
        assert time.monotonic() < end
        with contextlib.suppress(TimeoutError):
            child.receive(0.01)
    refused = [call for call in calls if call.done()]
    for call in refused:
        with pytest.raises(RemoteError, match="ChannelFull"):
            call.result()
    assert len(logged) == 1
    with serving(child):
        assert [call.result(DEADLINE) for call in calls if call not in refused] == [bytes(300_000)] * 6
        assert main.call(1, timeout=DEADLINE) == -1
