"""Safe mode of one process: finds out what a start has died of, and remembers what to leave out."""

from dataclasses import replace

from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Asked, Cause
from liteyuki.supervise.events import as_text
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.output import Tail
from liteyuki.supervise.policy import Decision, History
from liteyuki.supervise.safe_mode.decision import SafeMode, became_ready, judge, tried_again, with_changes
from liteyuki.supervise.spec import ProcessSpec

__all__ = ["SafeStarts"]


class SafeStarts:
    """For a process that has safe mode; for others it never says anything. On the loop's thread only."""

    def __init__(self, spec: ProcessSpec) -> None:
        self._spec = spec
        self._is_on = spec.safe_mode and spec.program.runs_nonebot
        self._mode = SafeMode()
        self._running_without: tuple[str, ...] = ()
        """What the last generation that became ready was started without."""
        self._is_news = False

    @property
    def left_out(self) -> tuple[str, ...]:
        """The plugins that the running generation does without, or that the next one will."""
        return tuple(map(as_text, self._mode.names))

    def asked(self, cause: Cause) -> None:
        """A restart is asked for."""
        if cause.is_wanted:
            self._mode = tried_again(self._mode)

    def starting(self) -> tuple[str, ...] | None:
        """What to leave out of the generation that is about to be started; None where safe mode is off."""
        if not self._is_on:
            return None
        if self._mode.left_out:
            from liteyuki.supervise.safe_mode.plugin_files import stamp_of

            self._mode = with_changes(self._mode, stamp_of)
        if self._mode.left_out:
            logger.warning(text("safe_mode.starts_without", name=self._spec.name, plugins=", ".join(self.left_out)))
        return self._mode.names

    def explained(self, start: Asked) -> Asked:
        """Why a generation is started, and without what, for the history."""
        if not self._mode.left_out:
            return start
        without = text("safe_mode.started_without", plugins=", ".join(self.left_out))
        return replace(start, reason="; ".join(part for part in (start.reason, without) if part))

    # --- a generation has ended, and nobody has asked it to

    def judge(
        self, generation: Generation, code: int, tail: Tail, decision: Decision, history: History
    ) -> tuple[Decision, History]:
        """What is to follow, where the policy alone has decided so and remembers that."""
        if not self._is_on or generation.ready_at is not None:
            return decision, history
        # Not before: a process that starts well needs none of it.
        from liteyuki.supervise.safe_mode.blame import blame

        blamed = blame(generation, code, tail)
        before = self._mode
        self._mode, decision, history = judge(before, self._spec, blamed, decision, history)
        if blamed is not None and self._mode.left_out != before.left_out:
            self._is_news = True
            logger.error(
                text("safe_mode.left_out", name=self._spec.name, plugin=as_text(blamed.plugin), why=blamed.why)
            )
        return decision, history

    # --- it runs

    def became_ready(self) -> None:
        if self._is_on:
            self._mode = became_ready(self._mode)

    def news(self, generation: Generation) -> str:
        """What superusers are to be told now that `generation` is ready; empty if they know it."""
        if not self._is_on:
            return ""
        without, before = self._mode.names, self._running_without
        self._running_without = without
        is_news, self._is_news = self._is_news, False
        if not without:
            return self._all_back(before) if before else ""
        if not is_news and without == before:
            return ""
        lines = [
            text("safe_mode.without", plugin=as_text(entry.plugin), why=entry.why) for entry in self._mode.left_out
        ]
        if generation.not_loaded:
            lines.append(text("safe_mode.dependents", plugins=", ".join(generation.not_loaded)))
        return "\n".join(
            [
                text("safe_mode.notice", name=self._spec.name),
                *lines,
                text("safe_mode.way_back", name=self._spec.name),
            ]
        )

    def _all_back(self, before: tuple[str, ...]) -> str:
        plugins = ", ".join(map(as_text, before))
        sentence = text("safe_mode.all_back", name=self._spec.name, plugins=plugins)
        logger.success(sentence)
        return sentence
