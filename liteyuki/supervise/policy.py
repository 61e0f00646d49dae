"""What follows an exit: restart after n seconds, slowly, or not at all. Pure: history and clock in, decision out."""

import random
from dataclasses import dataclass, replace
from enum import Enum, auto

from liteyuki.supervise.spec import GiveUpThen, ProcessSpec, RestartMode

__all__ = ["Action", "Decision", "Exit", "History", "decide", "forgiven"]


@dataclass(frozen=True, kw_only=True)
class Exit:
    """One run's end, which nobody asked for. `code` is the exit code, or minus the signal's number."""

    code: int
    became_ready: bool
    ready_for: float
    """Seconds from ready to the end; 0 if it never was."""

    @property
    def is_failure(self) -> bool:
        return self.code != 0


@dataclass(frozen=True)
class History:
    """What a decision depends on. Times are of one monotonic clock, in seconds."""

    deaths: tuple[float, ...] = ()
    """When it died, as far back as `give_up.within` reaches."""
    quick: int = 0
    """How many restarts in a row did not lead to a healthy time."""
    slow: bool = False
    """Whether the limit was reached and no healthy time has followed."""
    was_ever_ready: bool = False


class Action(Enum):
    RESTART = auto()
    RESTART_SLOWLY = auto()
    STOP = auto()
    """It has ended and is to stay so."""
    GIVE_UP = auto()
    """It died too often: leave it stopped."""
    GIVE_UP_AND_EXIT = auto()
    """It died too often: end the main process, with code 70."""


@dataclass(frozen=True)
class Decision:
    action: Action
    after: float = 0.0
    """Seconds to wait before the restart."""

    @property
    def is_restart(self) -> bool:
        return self.action in (Action.RESTART, Action.RESTART_SLOWLY)


def decide(
    spec: ProcessSpec, history: History, ended: Exit, now: float, *, chance: float | None = None
) -> tuple[Decision, History]:
    """The decision on an exit at `now`, and the history to remember.

    `chance` in [0, 1) sets the jitter; it is random unless given. A restart that somebody asked for is no exit in
    this sense: it neither waits nor counts, and what was before it is `forgiven`.
    """
    if spec.restart is RestartMode.NEVER or (spec.restart is RestartMode.ON_FAILURE and not ended.is_failure):
        return Decision(Action.STOP), history
    healthy = ended.became_ready and ended.ready_for >= spec.backoff.reset_after
    deaths = (*[death for death in history.deaths if now - death < spec.give_up.within], now)
    history = replace(history, deaths=deaths, was_ever_ready=history.was_ever_ready or ended.became_ready)
    if healthy:
        history = replace(history, quick=0, slow=False)
    if history.slow or len(deaths) >= spec.give_up.deaths:
        return _limit_reached(spec, history)
    if not history.was_ever_ready and spec.give_up.then is GiveUpThen.SLOW:
        # It has never run: most likely it cannot, until somebody changes something. Where giving up is wanted, such
        # pauses would keep it below the limit for ever.
        return Decision(Action.RESTART_SLOWLY, spec.backoff.max), history
    delay = _delay(spec, history.quick, random.random() if chance is None else chance)
    return Decision(Action.RESTART, delay), replace(history, quick=history.quick + 1)


def forgiven(history: History) -> History:
    """What counts on when a person restarts the process: they have looked at it, and perhaps fixed it."""
    return History(was_ever_ready=history.was_ever_ready)


def _limit_reached(spec: ProcessSpec, history: History) -> tuple[Decision, History]:
    if spec.give_up.then is GiveUpThen.SLOW:
        return Decision(Action.RESTART_SLOWLY, spec.give_up.slow_every), replace(history, slow=True)
    if spec.give_up.then is GiveUpThen.EXIT:
        return Decision(Action.GIVE_UP_AND_EXIT), history
    return Decision(Action.GIVE_UP), history


def _delay(spec: ProcessSpec, quick: int, chance: float) -> float:
    if quick == 0:
        return 0.0
    backoff = spec.backoff
    try:
        delay = backoff.base * backoff.factor ** (quick - 1)
    except OverflowError:
        delay = backoff.max if backoff.base else 0.0
    return min(delay, backoff.max) * (1.0 + backoff.jitter * (2.0 * chance - 1.0))
