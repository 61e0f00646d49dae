"""Keeps one process running: one asyncio task, one explicit state."""

import asyncio
import dataclasses
import time
from collections.abc import Mapping
from typing import Final

from liteyuki._platform import OomKills, anonymous_memory_bytes, signal_name
from liteyuki.comm.protocol import ConnectionPoint, Origin, ProcessStatus, StateReport
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Asked, Cause, cause_of_exit, cause_of_origin
from liteyuki.supervise.channels import ProcessChannels
from liteyuki.supervise.events import EventKind, Listener, Teller
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.output import Transcript
from liteyuki.supervise.policy import Action, Decision, Exit, History, decide, forgiven
from liteyuki.supervise.safe_mode import SafeStarts
from liteyuki.supervise.spec import ProcessSpec, ProcessState
from liteyuki.supervise.tree import Guard
from liteyuki.supervise.triggers import Triggers

__all__ = ["Keeper"]

_WARN_AFTER: Final = 60.0
"""Seconds without becoming ready after which the log says what is waited for."""
_HOLD: Final = 2.0
"""Seconds that whoever asked in a chat has to answer there before its process is stopped."""


class Keeper:
    """One entry of the supervisor's table. On the loop's thread only."""

    def __init__(
        self,
        spec: ProcessSpec,
        *,
        channels: ProcessChannels,
        environment: Mapping[str, str],
        transcript: Transcript,
        guard: Guard,
        oom_kills: OomKills,
        listener: Listener,
        triggers: Triggers,
    ) -> None:
        self.spec = spec
        self.state = ProcessState.STOPPED
        self.channels = channels
        self.tail = transcript.tail
        self.generation: Generation | None = None
        self.safe_starts = SafeStarts(spec)
        self.tried = asyncio.Event()
        """Set when its first generation was launched, or could not be."""
        self.gave_up_for_all = False
        """Whether the main process is to end because of this one."""
        self._environment = environment
        self._transcript = transcript
        self._guard = guard
        self._oom_kills = oom_kills
        self._connection_point: ConnectionPoint | None = None
        self._teller = Teller(spec.name, listener)
        self._triggers = triggers
        self._history = History()
        self._generations = 0
        self._asked: Asked | None = None
        """Who asked for the restart that is under way."""
        self._start_for = Asked(Cause.MAIN_STARTED)
        """Why the next generation is started."""
        self._next: Decision | None = None
        """What follows the last exit; None for a start at once, as somebody asked."""
        self._stop_is_due = False
        self._stopping = False
        self._is_held = False
        self._hold_timer: asyncio.TimerHandle | None = None
        self._nudged = asyncio.Event()

    # --- what others ask

    @property
    def restart_is_under_way(self) -> bool:
        """Asked for, and the new generation still on its way up; one that hangs on it does not count."""
        if self._restart_is_due:
            return True
        if self._asked is None or self.state in (ProcessState.WAITING, ProcessState.STOPPED):
            return False
        return self.generation is None or self.generation.uptime < _WARN_AFTER

    def request_restart(
        self, origin: Origin, *, cause: Cause | None = None, reason: str = "", hold: bool = False
    ) -> bool:
        """Restart it, whatever it does now. False if that is under way already.

        `cause`: what it is put down to, if `origin` does not tell. `hold`: do not begin before `begin_restart`, or
        two seconds have passed.
        """
        if cause is Cause.FILE_CHANGE:
            # One that starts may have read the old files; one that is still to be started has not.
            if self._restart_is_due:
                return False
        elif self.restart_is_under_way:
            return False
        self._asked = self._start_for = Asked(cause or cause_of_origin(origin), origin, reason)
        self._is_held = hold
        if hold:
            self._hold_timer = asyncio.get_running_loop().call_later(_HOLD, self.begin_restart)
        else:
            self._stop_is_due = True
        if self._asked.cause.is_wanted:
            self._history = forgiven(self._history)
        self.safe_starts.asked(self._asked.cause)
        self._teller.tell_soon(EventKind.RESTART_ASKED, self.generation or self._generations, self._asked)
        self._nudged.set()
        return True

    def begin_restart(self) -> None:
        """A restart that was held may begin now. Without one, this does nothing."""
        if self._is_held:
            self._is_held = False
            if self._hold_timer is not None:
                self._hold_timer.cancel()
            self._stop_is_due = True
            self._nudged.set()

    def request_stop(self) -> None:
        """Stop it for good; its task ends when it is gone."""
        self._stopping = True
        self._nudged.set()

    def report(self, report: StateReport) -> None:
        """The child says how far it is."""
        for problem in report.problems:
            logger.error(problem)
        generation = self.generation
        if generation is None:
            return
        if report.state == "cannot_start":
            generation.problem = "; ".join(report.problems)
            return
        if report.not_loaded:
            generation.not_loaded = tuple(report.not_loaded)
        self._connection_point = report.connection_point
        if self.state in (ProcessState.STARTING, ProcessState.LOADED):
            self.state = ProcessState(report.state)
            if self.state is ProcessState.READY:
                self._became_ready(generation)

    @property
    def connection_point(self) -> ConnectionPoint | None:
        """Where the bot in it takes OneBot v11 connections, if it does; None while it is not ready."""
        return self._connection_point if self.state is ProcessState.READY else None

    def news_for_superusers(self) -> str:
        """What they are to be told, once, of what the generation that has become ready does without."""
        return self.safe_starts.news(self.generation) if self.generation is not None else ""

    def status(self) -> ProcessStatus:
        generation = self.generation
        return ProcessStatus(
            name=self.spec.name,
            state=self.state.value,
            pid=generation.pid if generation else None,
            generation=self._generations,
            restarts=max(0, self._generations - 1),
            uptime=generation.uptime if generation else None,
            memory_bytes=anonymous_memory_bytes(generation.pid) if generation else None,
            memory_limit_bytes=self.spec.memory_limit_bytes or None,
            restart_for=self._asked.origin.who if self._asked and self._asked.origin else None,
            left_out=list(self.safe_starts.left_out),
        )

    @property
    def _restart_is_due(self) -> bool:
        """Whether a restart was accepted and has not begun."""
        return self._stop_is_due or self._is_held

    # --- its life

    async def run(self) -> None:
        """Keep it until it is to stop, or its policy says so."""
        self._triggers.begin()
        while await self._is_to_start():
            generation = self._start()
            self.tried.set()
            if generation is None:
                self._next = self._decide(Exit(code=1, became_ready=False, ready_for=0.0))
            else:
                await self._watch(generation)
            if self._next is not None and not await self._follow(self._next):
                break
        self._triggers.close()
        self.state = ProcessState.STOPPED
        self.tried.set()

    async def _is_to_start(self) -> bool:
        if not self._stopping:
            await self._teller.tell(EventKind.BEFORE_START, self._generations + 1, self._start_for)
        return not self._stopping

    def _start(self) -> Generation | None:
        self._nudged.clear()
        self._stop_is_due = self._is_held = False
        self._generations += 1
        self.tail.start_generation()
        self._oom_kills.forget()
        generation = Generation(
            self.spec,
            self._generations,
            guard=self._guard,
            channels=self.channels,
            transcript=self._transcript,
            leave_out=self.safe_starts.starting(),
        )
        try:
            generation.spawn(self._environment)
        except OSError as error:
            self._start_for = Asked(Cause.START_FAILED, reason=str(error))
            self._teller.tell_soon(EventKind.EXITED, self._generations, self._start_for)
            logger.error(text("process.cannot_spawn", name=self.spec.name, error=error))
            return None
        self.generation = generation
        # Before anybody who waits for it goes on, and in one turn: a restart that is asked for comes before or after.
        generation.exited.add_done_callback(lambda exited: self._has_exited(generation, exited.result()))
        generation.exited.add_done_callback(lambda _: self._nudged.set())
        self.state = ProcessState.STARTING
        self._teller.tell_soon(EventKind.STARTED, generation, self.safe_starts.explained(self._start_for))
        key = "process.started" if generation.number == 1 else "process.started_again"
        logger.info(text(key, name=self.spec.name, pid=generation.pid, what=generation.describe()))
        if not self.channels.of_core:
            self.state = ProcessState.READY
            self._became_ready(generation)
        return generation

    async def _watch(self, generation: Generation) -> None:
        """Until it has exited, by itself or because it was asked to, and what follows is decided."""
        warned = False
        while self.generation is generation:
            if self._stopping or self._stop_is_due:
                await self._stop(generation)
                break
            limit = self._time_to_become_ready(generation, warned)
            if not await self._is_nudged_within(limit) and generation.ready_at is None:
                warned = await self._is_late(generation, warned)

    async def _is_nudged_within(self, timeout: float | None) -> bool:
        """Wait until something happens; False if nothing has for `timeout` seconds."""
        try:
            await asyncio.wait_for(self._nudged.wait(), timeout)
        except asyncio.TimeoutError:
            return False
        finally:
            self._nudged.clear()
        return True

    def _time_to_become_ready(self, generation: Generation, warned: bool) -> float | None:
        if generation.ready_at is not None:
            return None
        limits = [self.spec.start_timeout] if self.spec.start_timeout else []
        if not warned:
            limits.append(_WARN_AFTER)
        return max(0.0, min(limits) - generation.uptime) if limits else None

    async def _is_late(self, generation: Generation, warned: bool) -> bool:
        timeout = self.spec.start_timeout
        if timeout and generation.uptime >= timeout:
            logger.error(text("process.start_timeout", name=self.spec.name, seconds=timeout))
            self.state = ProcessState.STOPPING  # it is too late to become ready now
            generation.kill(Cause.START_TIMEOUT)
            await asyncio.wait({generation.exited})
        elif not warned:
            last = (self.tail.last(1) or [""])[0]
            logger.warning(text("process.slow_start", name=self.spec.name, seconds=_WARN_AFTER, last=last))
        return True

    async def _stop(self, generation: Generation) -> None:
        self.state = ProcessState.STOPPING
        asked = self._asked if self._asked and not self._stopping else Asked(Cause.MAIN_STOPPING)
        self._triggers.ended()
        kind = EventKind.BEFORE_SHUTDOWN if self._stopping else EventKind.BEFORE_RESTART
        await self._teller.tell(kind, generation, asked)
        went = await generation.stop(asked.cause)
        if went and not generation.was_killed:
            logger.info(text("process.stopped", name=self.spec.name, pid=generation.pid))
        else:
            key = "process.killed" if not went else "process.ended_now"
            logger.warning(text(key, name=self.spec.name, pid=generation.pid, seconds=self.spec.stop_timeout))

    def _became_ready(self, generation: Generation) -> None:
        generation.mark_ready()
        self._nudged.set()  # nobody waits for this any longer, so no timer needs to wake this process
        self._triggers.ready(generation)
        self.safe_starts.became_ready()
        asked: Asked | None = None
        if not self._restart_is_due:  # or what was asked for is the next start
            asked, self._asked = self._asked, None
        seconds = generation.uptime
        self._teller.tell_soon(EventKind.READY, generation, asked, lived=seconds)
        logger.success(text("process.ready", name=self.spec.name, pid=generation.pid, seconds=seconds))
        if generation.number > 1:
            self._teller.tell_soon(EventKind.RESTARTED, generation, asked)

    # --- after an exit

    def _has_exited(self, generation: Generation, code: int) -> None:
        """Its end is on record before it is logged, and counted before anybody can ask for the next start."""
        self._triggers.ended()
        self.generation = self._next = None
        if generation.ready_at is not None:
            self._history = dataclasses.replace(self._history, was_ever_ready=True)
        try:
            self._tell_exit(generation, code)
        finally:
            if not generation.was_asked_to_stop:
                self._log_exit(generation, code)
                if not self._restart_is_due:
                    self._next = self._after_exit(generation, code)
                    self.state = ProcessState.WAITING if self._next.is_restart else ProcessState.STOPPED

    def _tell_exit(self, generation: Generation, code: int) -> None:
        signal = signal_name(-code) if code < 0 else None
        cause = cause_of_exit(
            code,
            self.spec.program,
            ended_for=generation.ended_for,
            became_ready=generation.ready_at is not None,
            is_out_of_memory=signal == "SIGKILL" and not generation.was_killed and self._oom_kills.claim(),
        )
        asked = self._asked if self._asked and self._asked.cause is cause else Asked(cause, reason=generation.problem)
        if not self._restart_is_due:
            self._start_for = asked
        self._teller.tell_soon(
            EventKind.EXITED,
            generation,
            asked,
            exit_code=code if code >= 0 else None,
            signal=signal,
            lived=generation.uptime,
            output=self.tail.last_words() if cause.is_death else (),
        )

    def _log_exit(self, generation: Generation, code: int) -> None:
        how = text("process.by_signal", signal=signal_name(-code)) if code < 0 else text("process.by_code", code=code)
        key = "process.exited" if code == 0 else "process.died"
        log = logger.info if code == 0 else logger.error
        log(text(key, name=self.spec.name, pid=generation.pid, how=how, seconds=generation.uptime))

    def _after_exit(self, generation: Generation, code: int) -> Decision:
        ready_for = time.monotonic() - generation.ready_at if generation.ready_at is not None else 0.0
        decision = self._decide(Exit(code=code, became_ready=generation.ready_at is not None, ready_for=ready_for))
        decision, self._history = self.safe_starts.judge(generation, code, self.tail, decision, self._history)
        return decision

    def _decide(self, ended: Exit) -> Decision:
        decision, self._history = decide(self.spec, self._history, ended, time.monotonic())
        return decision

    async def _follow(self, decision: Decision) -> bool:
        """Wait as decided; whether it is to start again. A request cuts the waiting short."""
        if self._stopping:
            return False
        if self._restart_is_due:
            return True
        self._nudged.clear()  # of what came before the decision
        if decision.is_restart:
            if decision.after:
                self._say_waiting(decision)
            self.state = ProcessState.WAITING
            await self._is_nudged_within(decision.after)
            return not self._stopping
        self.state = ProcessState.STOPPED
        self.gave_up_for_all = decision.action is Action.GIVE_UP_AND_EXIT
        if decision.action is Action.STOP:
            logger.info(text("process.stays_stopped", name=self.spec.name, mode=self.spec.restart.value))
            self._teller.tell_soon(EventKind.STAYS_STOPPED, self._generations, self._start_for)
        else:
            key = "process.gave_up_for_all" if self.gave_up_for_all else "process.gave_up"
            logger.critical(text(key, name=self.spec.name, deaths=len(self._history.deaths)))
            self._teller.tell_soon(EventKind.GAVE_UP, self._generations, self._start_for)
        if self.gave_up_for_all:
            return False
        await self._is_nudged_within(None)
        return not self._stopping

    def _say_waiting(self, decision: Decision) -> None:
        if decision.action is Action.RESTART:
            key = "process.waits"
        else:
            key = "process.waits_slowly" if self._history.slow else "process.did_not_start"
        logger.warning(text(key, name=self.spec.name, seconds=decision.after))
