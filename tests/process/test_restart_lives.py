"""Random lives of a real process that is killed and restarted by hand: the keeper does what the policy promises."""

import os
import signal
import time

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from liteyuki.comm.protocol import Origin
from liteyuki.supervise import Backoff, Cause, Event, EventKind, GiveUp
from tests.process.test_supervisor import Watched, command, run, supervised

BACKOFF = Backoff(base=0.1, factor=3.0, jitter=0.0, reset_after=1000.0)
DEATHS = 4
PAUSES = (0.0, 0.1, 0.3)
"""The pauses after the first, second and third death; the fourth death is one too many."""
ALICE = Origin(kind="chat", who="alice")


class Life:
    """Leads one process through its life, and notes when each event was reported."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.deaths = 0
        """The deaths since the last restart that was asked for."""

    def count(self, kind: EventKind) -> int:
        return sum(event.kind is kind for event in self.watched.events)

    async def kill(self) -> None:
        pid = self.watched.supervisor.keeper("a").status().pid
        if pid is None:
            return
        ended = self.count(EventKind.EXITED)
        os.kill(pid, signal.SIGKILL)
        await self.watched.until_event(EventKind.EXITED, ended + 1)
        self.deaths += 1

    async def wait(self) -> None:
        """Wait until the policy has brought it back, if it should."""
        if self.deaths < DEATHS:
            await self.watched.until_event(EventKind.STARTED, self.count(EventKind.EXITED) + 1)

    async def ask(self) -> None:
        started = self.count(EventKind.STARTED)
        assert self.watched.supervisor.restart("a", reason="", origin=ALICE).accepted
        event = await self.watched.until_event(EventKind.STARTED, started + 1)
        assert (event.cause, event.origin) == (Cause.CHAT, ALICE)
        self.deaths = 0


def check(told: list[tuple[float, Event]]) -> None:
    """No start came earlier than the policy allows, and there were not too many."""
    deaths, died_at = 0, 0.0
    for at, event in told:
        if event.kind is EventKind.EXITED and event.cause is Cause.SIGNAL:
            deaths, died_at = deaths + 1, at
        elif event.kind is EventKind.RESTART_ASKED:
            deaths = 0
        elif event.kind is EventKind.STARTED and event.cause is Cause.SIGNAL:
            assert deaths < DEATHS
            assert at - died_at >= PAUSES[deaths - 1] * 0.99


@settings(max_examples=8, deadline=None, phases=[Phase.generate])  # shrinking would take minutes
@given(st.lists(st.sampled_from(["kill", "wait", "ask", "kill and wait"]), min_size=1, max_size=12))
def test_whatever_happens_it_keeps_the_pace_and_obeys_people(acts: list[str]) -> None:
    async def main() -> None:
        told: list[tuple[float, Event]] = []
        spec = command("a", "sleep", "1000", backoff=BACKOFF, give_up=GiveUp(DEATHS, within=1000.0, slow_every=1000.0))
        async with supervised(spec, hear=lambda event: told.append((time.monotonic(), event))) as watched:
            life = Life(watched)
            for act in acts:
                for word in act.split(" and "):
                    await {"kill": life.kill, "wait": life.wait, "ask": life.ask}[word]()
            await life.ask()
            assert watched.supervisor.keeper("a").status().state == "ready"
        check(told)

    run(main())
