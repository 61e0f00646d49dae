"""The page of a pulse: how it is handed over, and a heartbeat that ends with its loop."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.vitals import Pulse, heartbeat, inherit_pulse, make_pulse, offer_pulse, start_heartbeat
from liteyuki.vitals.pulse import take_pulse


@pytest.fixture
def main_side(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pulse]:
    """This process is also a child whose main process has this page."""
    pulse, handle = make_pulse(60.0)
    monkeypatch.setattr(heartbeat, "_heart", heartbeat._Heart())
    for name, value in offer_pulse(handle).items():
        monkeypatch.setenv(name, value)
    inherit_pulse("a")
    yield pulse
    assert "LITEYUKI_PULSE" not in os.environ


@given(st.integers(0, 2**64 - 1), st.booleans(), st.floats(0.001, 1e6))
def test_both_sides_see_the_same(turns: int, is_watched: bool, limit: float) -> None:
    ours, handle = make_pulse(limit)
    environment = offer_pulse(handle)
    theirs = take_pulse(environment)
    assert theirs is not None
    assert not environment
    theirs.turns = turns
    ours.is_watched = is_watched
    assert (ours.turns, theirs.is_watched) == (turns, is_watched)
    assert theirs.limit == pytest.approx(limit, abs=0.001)


@given(st.text(max_size=12) | st.integers(-(2**70), 2**70).map(str))
def test_what_is_no_page_is_none(written: str) -> None:
    # Handles that this test process has open must not be closed, or mistaken for a page.
    if not (written.isdecimal() and int(written) < 4096):
        environment = {"LITEYUKI_PULSE": written}
        assert take_pulse(environment) is None
        assert not environment


def test_a_pipe_is_no_page() -> None:
    reader, writer = os.pipe()
    try:
        assert take_pulse({"LITEYUKI_PULSE": str(reader)}) is None
    finally:
        os.close(reader)
        os.close(writer)


def test_the_loop_is_seen_to_turn_from_the_start_to_its_end(main_side: Pulse) -> None:
    async def main() -> None:
        start_heartbeat()
        assert main_side.turns == 1
        start_heartbeat()
        await asyncio.sleep(0)
        assert main_side.turns == 2

    asyncio.run(main())
    assert main_side.turns == 0


def test_the_next_loop_is_seen_as_well(main_side: Pulse) -> None:
    async def main() -> None:
        start_heartbeat()
        assert main_side.turns == 1

    asyncio.run(main())
    asyncio.run(main())


def test_a_heartbeat_that_was_cancelled_leaves_nothing_to_judge(main_side: Pulse) -> None:
    async def main() -> None:
        start_heartbeat()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()  # before it has begun
        await asyncio.sleep(0.01)
        assert main_side.turns == 0

    asyncio.run(main())


def test_where_nobody_looks_nothing_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_heart", heartbeat._Heart())

    async def main() -> Any:
        start_heartbeat()
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert not asyncio.run(main())
