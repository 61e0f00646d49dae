"""What a child may ask over its passive channel, and who answers."""

from typing import TYPE_CHECKING, Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.protocol import (
    BeginRestart,
    ClaimNotice,
    ClaimTelling,
    LogsRequest,
    NoticeOutcome,
    ProcessStatus,
    RestartAnswer,
    RestartRequest,
    StateReport,
    StatusRequest,
)
from liteyuki.comm.registry import current_registry
from liteyuki.log import logger
from liteyuki.supervise.spec import ProcessState

if TYPE_CHECKING:
    from liteyuki.supervise.supervisor import Supervisor

__all__ = ["MAX_LOG_LINES", "serve_requests"]

MAX_LOG_LINES = 200


def serve_requests(channel: Channel[Any], supervisor: "Supervisor", process: str) -> None:
    """Answer what `process` asks over `channel`. A plugin's own `on_request` handlers stay possible beside."""
    current_registry().storage.serve(channel)

    def restart(request: RestartRequest) -> RestartAnswer:
        return supervisor.restart(
            request.process or process, reason=request.reason, origin=request.origin, asked_by=process
        )

    def begin(request: BeginRestart) -> None:
        supervisor.keeper(process).begin_restart()

    def status(request: StatusRequest) -> list[ProcessStatus]:
        return supervisor.status()

    def logs(request: LogsRequest) -> list[str]:
        count = max(1, min(request.lines, MAX_LOG_LINES))
        return supervisor.keeper(request.process or process).tail.last(count)

    def report(request: StateReport) -> None:
        for problem in request.problems:
            logger.error(problem)
        generation = supervisor.keeper(process).generation
        if request.state != "cannot_start":
            if generation is not None and request.not_loaded:
                generation.not_loaded = tuple(request.not_loaded)
            supervisor.report(process, ProcessState(request.state), request.connection_point)
        elif generation is not None:
            generation.problem = "; ".join(request.problems)

    def claim(request: ClaimNotice) -> float | None:
        return supervisor.notices.claim(request.notice_id)

    def claim_telling(request: ClaimTelling) -> bool:
        return supervisor.superuser_notices.claim(request.notice_id, request.superuser)

    def ended(request: NoticeOutcome) -> None:
        supervisor.notices.ended(request)

    channel.on_control(RestartRequest, restart)
    channel.on_control(BeginRestart, begin)
    channel.on_control(StatusRequest, status)
    channel.on_control(LogsRequest, logs)
    channel.on_control(StateReport, report)
    channel.on_control(ClaimNotice, claim)
    channel.on_control(ClaimTelling, claim_telling)
    channel.on_control(NoticeOutcome, ended)
