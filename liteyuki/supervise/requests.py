"""What children ask over their passive channels, and what they are told there: who answers, and who tells."""

import asyncio
import functools
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any, Final

from liteyuki.comm.broker import MainBroker
from liteyuki.comm.protocol import (
    BeginRestart,
    ClaimNotice,
    LogsRequest,
    ProcessStatus,
    RestartAnswer,
    RestartRequest,
    SandboxUsers,
    StateReport,
    StatusRequest,
)
from liteyuki.comm.registry import current_registry
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import describe
from liteyuki.supervise.events import Event, EventKind
from liteyuki.supervise.notices import Notices
from liteyuki.supervise.spec import ProcessState
from liteyuki.supervise.supervisor import Supervisor

__all__ = ["RequestServer"]

_MAX_LOG_LINES: Final = 200
_REMEMBERED_MESSAGES: Final = 512


class RequestServer:
    """Serves every child of `supervisor`, over all its generations. On the main loop, from construction on."""

    def __init__(self, supervisor: Supervisor, broker: MainBroker) -> None:
        self._supervisor = supervisor
        self._broker = broker
        self._notices = Notices()
        self._acted_on: OrderedDict[tuple[str, str, str, str], None] = OrderedDict()
        """The chat messages that have led to a restart."""
        self._sandbox_users: list[str] = []
        registry = current_registry()
        registry.subscribers.bind(registry.handler_loop.loop if registry.handler_loop else asyncio.get_running_loop())
        for process in supervisor.channels.names:
            self._serve(process)
        supervisor.listen(self._on_event)

    def _serve(self, process: str) -> None:
        passive = self._supervisor.channels.passive(process)
        self._broker.serve(process, passive)
        current_registry().storage.serve(passive)
        answers: dict[type, Callable[[str, Any], object]] = {
            RestartRequest: self._restart,
            BeginRestart: self._begin_restart,
            StatusRequest: self._status,
            LogsRequest: self._logs,
            StateReport: self._report,
            ClaimNotice: self._claim,
        }
        for question, answer in answers.items():
            passive.on_control(question, functools.partial(answer, process))

    def _tell(self, process: str, value: object) -> None:
        """Lost if nobody is there to hear it, or is about to go."""
        if (
            process in self._supervisor.channels.names
            and self._supervisor.keeper(process).state is not ProcessState.STOPPING
        ):
            self._supervisor.channels.passive(process).tell(value)

    # --- what they ask

    def _restart(self, process: str, request: RestartRequest) -> RestartAnswer:
        name, origin = request.process or process, request.origin
        message = (origin.adapter, origin.self_id, origin.where, origin.message_id)
        if origin.message_id and message in self._acted_on:
            # Telegram delivers a message again that was not acknowledged before the bot went down.
            logger.info(text("restart.repeated", name=name, origin=describe(origin)))
            return RestartAnswer("repeated", name)
        has_chat = origin.target is not None
        # Who wants to answer in a chat of the very process that is to go gets the time for that.
        answer = self._supervisor.restart(name, reason=request.reason, origin=origin, hold=has_chat and name == process)
        if answer.outcome in ("accepted", "already") and origin.message_id:
            self._remember(message)
        if answer.accepted and has_chat:
            self._notices.add_restart(name, process, origin)
        return answer

    def _remember(self, message: tuple[str, str, str, str]) -> None:
        self._acted_on[message] = None
        if len(self._acted_on) > _REMEMBERED_MESSAGES:
            self._acted_on.popitem(last=False)

    def _begin_restart(self, process: str, request: BeginRestart) -> None:
        self._supervisor.keeper(process).begin_restart()

    def _status(self, process: str, request: StatusRequest) -> list[ProcessStatus]:
        return self._supervisor.status()

    def _logs(self, process: str, request: LogsRequest) -> list[str]:
        count = max(1, min(request.lines, _MAX_LOG_LINES))
        return self._supervisor.keeper(request.process or process).tail.last(count)

    def _report(self, process: str, report: StateReport) -> None:
        if report.state == "ready" and self._sandbox_users:
            self._tell(process, SandboxUsers(self._sandbox_users))
        self._supervisor.keeper(process).report(report)

    def _claim(self, process: str, request: ClaimNotice) -> str | None:
        return self._notices.claim(request.notice_id, request.superuser)

    # --- what they are told

    def set_sandbox_users(self, user_ids: Iterable[str]) -> None:
        """These ids, and no others, are superusers of sandbox chats from now on, in every child."""
        self._sandbox_users = sorted(user_ids)
        for process in self._supervisor.channels.names:
            self._tell(process, SandboxUsers(self._sandbox_users))

    def _on_event(self, event: Event) -> None:
        if event.kind is EventKind.STARTED:
            self._broker.started(event.process)
        elif event.kind is EventKind.READY:
            if news := self._supervisor.keeper(event.process).news_for_superusers():
                self._notices.put_for_superusers(event.process, news)
            for teller, notice in self._notices.became_ready(event.process):
                self._tell(teller, notice)
        elif event.kind in (EventKind.GAVE_UP, EventKind.STAYS_STOPPED):
            self._notices.drop_restarts(event.process)
