"""Which plugins a NoneBot process is started without. Pure: what has happened in, what to do out.

When three starts in a row have died of plugins, or one has, and no fast restart is left, the plugin that the last one
died of is left out from the next start on, which is made at once. Three, and not all that the policy would try: a bot
that is dead for minutes is worse than one without a plugin. Not three of the same plugin: NoneBot loads them in another
order each time, so that of several that are broken another one is met first. One start is enough for a plugin that was
left out before and is tried again, and as long as the process has not been ready since another one was left out.

What is left out is tried again when its files have changed, at the next start, and when a person restarts the process.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from liteyuki.supervise.policy import Action, Decision, History, forgiven
from liteyuki.supervise.spec import ProcessSpec

__all__ = ["ATTEMPTS", "LeftOut", "SafeMode", "Stamper", "became_ready", "judge", "tried_again", "with_changes"]

ATTEMPTS: Final = 3
"""How many starts in a row may die of plugins."""

Stamper = Callable[[Path | None], int]
"""What tells whether files have changed: the same number, as long as they have not."""


@dataclass(frozen=True)
class LeftOut:
    """A plugin that keeps the process from starting."""

    plugin: str
    why: str
    home: Path | None
    """The file or folder of its code, if that is known."""
    stamp: int
    """That of its files, when it was left out."""


@dataclass(frozen=True)
class SafeMode:
    """What is remembered from start to start."""

    left_out: tuple[LeftOut, ...] = ()
    on_trial: tuple[LeftOut, ...] = ()
    """Those that were left out, and are loaded again, as long as the process has not become ready with them."""
    deaths: int = 0
    """How many starts in a row have died of plugins, since one was left out."""
    is_recovering: bool = False
    """Whether the process has not been ready since something was left out."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(entry.plugin for entry in self.left_out)


def judge(
    mode: SafeMode, spec: ProcessSpec, blamed: LeftOut | None, decision: Decision, history: History
) -> tuple[SafeMode, Decision, History]:
    """What follows when a start has died of `blamed` (None: of no plugin), where the policy alone would decide so.

    `history` is what the policy remembers; it begins anew when something was left out, since the cause is gone.
    """
    if blamed is None or decision.action is Action.STOP or blamed.plugin in mode.names:
        return replace(mode, deaths=0), decision, history
    mode = replace(mode, deaths=mode.deaths + 1)
    is_known = mode.is_recovering or blamed.plugin in {entry.plugin for entry in mode.on_trial}
    if mode.deaths >= ATTEMPTS or is_known or _has_no_fast_restart(decision, history):
        return _leave_out(mode, blamed), Decision(Action.RESTART), forgiven(history)
    if decision.action is Action.RESTART_SLOWLY:
        # It has never run, and the policy would take its time. These few attempts take none.
        decision = Decision(Action.RESTART, 0.0 if mode.deaths == 1 else spec.backoff.base)
    return mode, decision, history


def _has_no_fast_restart(decision: Decision, history: History) -> bool:
    return history.slow or decision.action in (Action.GIVE_UP, Action.GIVE_UP_AND_EXIT)


def _leave_out(mode: SafeMode, blamed: LeftOut) -> SafeMode:
    """And with it, all that is on trial: it has been the cause before. What has changed since is tried again."""
    others = (entry for entry in mode.on_trial if entry.plugin != blamed.plugin)
    return SafeMode(left_out=(*mode.left_out, *others, blamed), is_recovering=True)


def tried_again(mode: SafeMode) -> SafeMode:
    """A person restarts the process: everything is loaded."""
    return SafeMode(on_trial=_merged(mode.on_trial, mode.left_out))


def with_changes(mode: SafeMode, stamp: Stamper) -> SafeMode:
    """It is about to be started: what has changed is loaded."""
    changed = [entry for entry in mode.left_out if stamp(entry.home) != entry.stamp]
    left_out = tuple(entry for entry in mode.left_out if entry not in changed)
    return replace(mode, left_out=left_out, on_trial=_merged(mode.on_trial, changed))


def became_ready(mode: SafeMode) -> SafeMode:
    """With all that is not left out."""
    return SafeMode(left_out=mode.left_out)


def _merged(known: tuple[LeftOut, ...], more: "list[LeftOut] | tuple[LeftOut, ...]") -> tuple[LeftOut, ...]:
    return tuple({entry.plugin: entry for entry in (*known, *more)}.values())
