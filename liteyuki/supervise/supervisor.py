"""The table of processes, and the one path that every request takes."""

import asyncio
import functools
import signal
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

from liteyuki._platform import OomKills, send_signal
from liteyuki.comm.broker import MainBroker
from liteyuki.comm.channel import Channel
from liteyuki.comm.protocol import ConnectionPoint, Origin, ProcessStatus, RestartAnswer, SandboxUsers
from liteyuki.comm.registry import current_registry, shared_memory
from liteyuki.errors import UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause, describe
from liteyuki.supervise.events import TOPIC, Event, EventKind, Listener
from liteyuki.supervise.history import HistoryWriter
from liteyuki.supervise.keeper import Keeper
from liteyuki.supervise.notices import Notices, SuperuserNotices
from liteyuki.supervise.output import Console, LogWriter, transcripts
from liteyuki.supervise.requests import serve_requests
from liteyuki.supervise.spec import ProcessSpec, ProcessState
from liteyuki.supervise.start_order import Turns
from liteyuki.supervise.tree.guard import Guard
from liteyuki.supervise.triggers import Triggers

__all__ = ["Supervisor"]


class _Peers:
    """The processes, as the broker sees them."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._supervisor.names if self._supervisor.keeper(name).channels)

    def generation(self, process: str) -> int | None:
        generation = self._supervisor.keeper(process).generation
        return None if generation is None else generation.number

    def passive(self, process: str) -> Channel[Any]:
        return self._supervisor.keeper(process).channels[f"{process}-passive"]

    def is_core_channel(self, name: str) -> bool:
        return any(name in self._supervisor.keeper(process).channels for process in self._supervisor.names)

    def add_channel(self, process: str, channel: Channel[Any]) -> None:
        generation = self._supervisor.keeper(process).generation
        if generation is not None:
            generation.add_channel(channel)


@dataclass
class _Entry:
    keeper: Keeper
    task: "asyncio.Task[None] | None" = None
    connection_point: ConnectionPoint | None = None


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
        self.notices = Notices()
        self.superuser_notices = SuperuserNotices()
        registry = current_registry()
        self._broker = registry.broker = MainBroker(_Peers(self), registry.table, registry.handler_loop)
        oom_kills = OomKills()  # first: the kernel counts in the cgroup that the guard takes this process out of
        self._guard = Guard()
        self._listener = listener
        self._history = history
        self._sandbox_users: set[str] = set()
        self._is_stopping = False
        self._gave_up = asyncio.Event()
        self._turns = Turns(specs)
        self._entries: dict[str, _Entry] = {}
        registry.subscribers.bind(registry.handler_loop.loop if registry.handler_loop else asyncio.get_running_loop())
        of_process = transcripts(specs, console, log_writer)
        for spec in specs.values():
            keeper = Keeper(
                spec,
                channels=self._make_channels(spec),
                environment=environment,
                transcript=of_process[spec.name],
                guard=self._guard,
                oom_kills=oom_kills,
                listener=self._on_event,
                triggers=Triggers(spec, functools.partial(self._restart_for, spec.name)),
            )
            self._entries[spec.name] = _Entry(keeper)

    def _make_channels(self, spec: ProcessSpec) -> dict[str, Channel[Any]]:
        if not spec.program.has_channels:
            return {}
        channels = {f"{spec.name}-{kind}": Channel[Any](f"{spec.name}-{kind}") for kind in ("active", "passive")}
        for name, channel in channels.items():
            channel.keep_untaken()
            channel.bind(asyncio.get_running_loop())
            channel.handler_loop = current_registry().handler_loop
            current_registry().table.add(name, channel)
        self._broker.serve(spec.name, channels[f"{spec.name}-passive"])
        serve_requests(channels[f"{spec.name}-passive"], self, spec.name)
        return channels

    # --- all of them

    async def start(self, stop_asked: asyncio.Event | None = None) -> None:
        """Launch every process, each in its turn, and all at once as far as that allows.

        Returns when each has been tried once; earlier if one that must run was given up, or `stop_asked` is set.
        """
        for entry in self._entries.values():
            entry.task = asyncio.ensure_future(self._keep(entry.keeper))
        waits: list[Coroutine[Any, Any, object]] = [self._all_tried(), self._gave_up.wait()]
        tasks = [asyncio.ensure_future(wait) for wait in (*waits, *([stop_asked.wait()] if stop_asked else []))]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _all_tried(self) -> None:
        for entry in self._entries.values():
            await entry.keeper.tried.wait()

    async def _keep(self, keeper: Keeper) -> None:
        name = keeper.spec.name
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
        stops = (self._stop_in_turn(entry) for entry in self._entries.values())
        for failure in await asyncio.gather(*stops, return_exceptions=True):
            if isinstance(failure, BaseException):
                raise failure
        await self._guard.finish()

    async def _stop_in_turn(self, entry: _Entry) -> None:
        if entry.task is None:
            return
        name = entry.keeper.spec.name
        generation = entry.keeper.generation
        if generation is None or generation.exited.done():
            entry.keeper.request_stop()  # nothing is started any more
            self._turns.start_now(name)
        await self._turns.until_stop(name)
        entry.keeper.request_stop()
        await entry.task

    def kill(self) -> None:
        """End every process now."""
        for entry in self._entries.values():
            if entry.keeper.generation is not None:
                entry.keeper.generation.kill()
        self._guard.kill_all()

    def resize_terminals(self) -> None:
        """The main process's terminal has another size."""
        for entry in self._entries.values():
            if entry.keeper.generation is not None:
                entry.keeper.generation.resize_terminal()

    def pass_on(self, number: signal.Signals) -> None:
        """Send every process a signal that means nothing to us."""
        for entry in self._entries.values():
            if entry.keeper.generation is not None:
                send_signal(entry.keeper.generation.pid, number)

    # --- one of them

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def _names_like(self, name: str) -> tuple[str, ...]:
        """What may have been meant: the instances of that name, or all."""
        family = [entry.keeper.spec.name for entry in self._entries.values() if entry.keeper.spec.family == name]
        return tuple(family) or self.names

    def keeper(self, name: str) -> Keeper:
        """Raises `UnknownProcess`."""
        if name not in self._entries:
            raise UnknownProcess(name, self._names_like(name))
        return self._entries[name].keeper

    def connection_point(self, name: str) -> ConnectionPoint | None:
        """Where the bot in that process takes OneBot v11 connections; None while it is not ready."""
        entry = self._entries[name]
        return entry.connection_point if entry.keeper.state is ProcessState.READY else None

    def status(self) -> list[ProcessStatus]:
        return [entry.keeper.status() for entry in self._entries.values()]

    def restart(
        self, name: str, *, reason: str, origin: Origin, asked_by: str | None = None, cause: Cause | None = None
    ) -> RestartAnswer:
        """The one path of every restart request.

        `asked_by` is the child that it came from, if any; `cause` what it is put down to, if `origin` does not tell.
        """
        if name not in self._entries:
            logger.warning(text("restart.unknown", name=name, origin=describe(origin)))
            return RestartAnswer("unknown", name, self._names_like(name))
        if self._is_stopping:
            return RestartAnswer("stopping", name)
        if self.notices.is_repeated(origin):
            logger.info(text("restart.repeated", name=name, origin=describe(origin)))
            return RestartAnswer("repeated", name)
        wants_to_answer = origin.target is not None and asked_by == name
        if not self.keeper(name).request_restart(origin, cause=cause, reason=reason, hold=wants_to_answer):
            logger.info(text("restart.already", name=name, origin=describe(origin)))
            return RestartAnswer("already", name)
        logger.info(text("restart.asked", name=name, origin=describe(origin), reason=reason or "-"))
        self._turns.start_now(name)
        if origin.target is not None and asked_by is not None:
            self.notices.add(name, asked_by, origin)
        return RestartAnswer("accepted", name)

    def _restart_for(self, name: str, cause: Cause, details: str) -> None:
        self.restart(name, reason=details, origin=Origin(kind="main", who=cause.value), cause=cause)

    def report(self, name: str, state: ProcessState, connection_point: ConnectionPoint | None) -> None:
        """A child says how far it is."""
        self._entries[name].connection_point = connection_point
        if state is ProcessState.READY and self._sandbox_users:
            self._tell_sandbox_users(name)
        self.keeper(name).report(state)

    # --- sandbox chats

    def set_sandbox_users(self, user_ids: set[str]) -> None:
        """These ids, and no others, are superusers of sandbox chats from now on, in every child."""
        self._sandbox_users = set(user_ids)
        for name in self._entries:
            self._tell_sandbox_users(name)

    def _tell_sandbox_users(self, name: str) -> None:
        self._notify(name, SandboxUsers(sorted(self._sandbox_users)))

    # --- events

    def _on_event(self, event: Event) -> Any:
        if self._history is not None:
            self._history.record(event)
        shared_memory.publish(TOPIC, event.facts())
        self._turns.hear(event)
        if event.kind is EventKind.STARTED:
            self._broker.started(event.process)
        elif event.kind is EventKind.READY:
            for deliverer, notice in self.notices.became_ready(event.process):
                self._notify(deliverer, notice)
            self._tell_superusers(event.process)
        elif event.kind is EventKind.EXITED and self._is_stopping:
            self.keeper(event.process).request_stop()  # whatever ended it, it is not started again
        elif event.kind in (EventKind.GAVE_UP, EventKind.STAYS_STOPPED):
            self.notices.drop(event.process)
        return self._listener(event)

    def _tell_superusers(self, name: str) -> None:
        keeper = self.keeper(name)
        if keeper.generation is not None and (news := keeper.safe_starts.news(keeper.generation)):
            self.superuser_notices.put(name, news)
        if (notice := self.superuser_notices.became_ready(name)) is not None:
            self._notify(name, notice)

    def _notify(self, name: str, value: object) -> None:
        keeper = self.keeper(name)
        channel = keeper.channels.get(f"{name}-passive")
        if channel is not None and keeper.state is not ProcessState.STOPPING:
            channel.tell(value)
