"""The table of processes, and the one path that every restart takes."""

import asyncio
import functools
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from liteyuki._platform import OomKills
from liteyuki.comm.protocol import Origin, ProcessStatus, RestartAnswer
from liteyuki.comm.registry import current_registry, shared_memory
from liteyuki.errors import UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause, describe
from liteyuki.supervise.channels import CoreChannels
from liteyuki.supervise.events import TOPIC, Event, EventKind, Listener
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.history import HistoryWriter
from liteyuki.supervise.keeper import Keeper
from liteyuki.supervise.output import Console, LogWriter, transcripts
from liteyuki.supervise.spec import ProcessSpec, ProcessState
from liteyuki.supervise.start_order import Turns
from liteyuki.supervise.tree import Guard
from liteyuki.supervise.triggers import Triggers

__all__ = ["Supervisor"]


class Supervisor:
    """Keeps every process of `specs` running, from `start` to `stop`. On the loop's thread only.

    Making one raises `OSError` if the system has no room for it. The channels exist from construction on, so that
    main-process plugins find them when they are imported.
    """

    def __init__(
        self,
        specs: Mapping[str, ProcessSpec],
        *,
        environment: Mapping[str, str],
        console: Console,
        listener: Listener,
        history: HistoryWriter | None = None,
        log_writer: LogWriter | None = None,
    ) -> None:
        oom_kills = OomKills()  # first: the kernel counts in the cgroup that the guard takes this process out of
        self._guard = Guard()
        self._history = history
        self._listener = listener
        self._others: list[Callable[[Event], None]] = []
        self._is_stopping = False
        self._gave_up = asyncio.Event()
        self._turns = Turns(specs)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.channels = CoreChannels(specs, current_registry())
        of_process = transcripts(specs, console, log_writer)
        self._keepers = {
            name: Keeper(
                spec,
                channels=self.channels.of_process(name),
                environment=environment,
                transcript=of_process[name],
                guard=self._guard,
                oom_kills=oom_kills,
                listener=self._on_event,
                triggers=Triggers(spec, functools.partial(self._restart_for, name)),
            )
            for name, spec in specs.items()
        }

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have `listener` hear of events, too, before the one that is waited for."""
        self._others.append(listener)

    # --- all of them

    async def start(self, stop_asked: asyncio.Event | None = None) -> None:
        """Launch every process, each in its turn, and all at once as far as that allows.

        Returns when each has been tried once; earlier if one that must run was given up, or `stop_asked` is set.
        """
        self._tasks = {name: asyncio.ensure_future(self._keep(name, keeper)) for name, keeper in self._keepers.items()}
        waits: list[Coroutine[Any, Any, object]] = [self._all_tried(), self._gave_up.wait()]
        tasks = [asyncio.ensure_future(wait) for wait in (*waits, *([stop_asked.wait()] if stop_asked else []))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _all_tried(self) -> None:
        for keeper in self._keepers.values():
            await keeper.tried.wait()

    async def _keep(self, name: str, keeper: Keeper) -> None:
        try:
            if self._turns.must_wait(name):
                keeper.state = ProcessState.QUEUED
                await self._turns.until_start(name)
            await keeper.run()
        finally:
            self._turns.ended(name)
        if keeper.gave_up_for_all:
            self._gave_up.set()

    async def until_given_up(self) -> None:
        """Returns when a process that must run was given up."""
        await self._gave_up.wait()

    async def stop(self) -> None:
        """Stop every process within its `stop_timeout`, once those that come after it have ended."""
        self._is_stopping = True
        for failure in await asyncio.gather(*map(self._stop_in_turn, self._tasks), return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure
        await self._guard.finish()

    async def _stop_in_turn(self, name: str) -> None:
        keeper = self._keepers[name]
        if keeper.generation is None or keeper.generation.exited.done():
            keeper.request_stop()  # nothing is started any more
            self._turns.start_now(name)
        await self._turns.until_stop(name)
        keeper.request_stop()
        await self._tasks[name]

    def kill(self) -> None:
        """End every process now. Also from a signal handler."""
        for generation in self._generations():
            generation.kill()
        self._guard.kill_all()

    def resize_terminals(self) -> None:
        """The main process's terminal has another size."""
        for generation in self._generations():
            generation.resize_terminal()

    def pass_on(self, number: signal.Signals) -> None:
        """Send every process a signal that means nothing to us."""
        for generation in self._generations():
            generation.pass_on(number)

    def _generations(self) -> list[Generation]:
        """Those that run."""
        return [keeper.generation for keeper in self._keepers.values() if keeper.generation is not None]

    # --- one of them

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._keepers)

    def _names_like(self, name: str) -> tuple[str, ...]:
        """What may have been meant: the instances of that name, or all."""
        family = [keeper.spec.name for keeper in self._keepers.values() if keeper.spec.family == name]
        return tuple(family) or self.names

    def keeper(self, name: str) -> Keeper:
        """Raises `UnknownProcess`."""
        if name not in self._keepers:
            raise UnknownProcess(name, self._names_like(name))
        return self._keepers[name]

    def status(self) -> list[ProcessStatus]:
        return [keeper.status() for keeper in self._keepers.values()]

    def restart(
        self, name: str, *, reason: str, origin: Origin, cause: Cause | None = None, hold: bool = False
    ) -> RestartAnswer:
        """The one path of every restart request.

        `cause`: what it is put down to, if `origin` does not tell. `hold`: it begins when its keeper is told so, or
        after a moment.
        """
        if name not in self._keepers:
            logger.warning(text("restart.unknown", name=name, origin=describe(origin)))
            return RestartAnswer("unknown", name, self._names_like(name))
        if self._is_stopping:
            return RestartAnswer("stopping", name)
        if not self._keepers[name].request_restart(origin, cause=cause, reason=reason, hold=hold):
            logger.info(text("restart.already", name=name, origin=describe(origin)))
            return RestartAnswer("already", name)
        logger.info(text("restart.asked", name=name, origin=describe(origin), reason=reason or "-"))
        self._turns.start_now(name)
        return RestartAnswer("accepted", name)

    def _restart_for(self, name: str, cause: Cause, details: str) -> None:
        self.restart(name, reason=details, origin=Origin(kind="main", who=cause.value), cause=cause)

    def _on_event(self, event: Event) -> Awaitable[None] | None:
        if self._history is not None:
            self._history.record(event)
        shared_memory.publish(TOPIC, event.facts())
        self._turns.hear(event)
        if event.kind is EventKind.EXITED and self._is_stopping:
            self._keepers[event.process].request_stop()  # whatever ended it, it is not started again
        for listener in self._others:
            listener(event)
        return self._listener(event)
