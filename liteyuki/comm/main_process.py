"""What a child asks of the main process."""

from liteyuki.comm.protocol import (
    ANSWER_TIMEOUT,
    LogsRequest,
    Origin,
    ProcessStatus,
    RestartAnswer,
    RestartRequest,
    StatusRequest,
)
from liteyuki.comm.registry import own_channel

__all__ = ["logs", "restart", "status"]


async def restart(process: str | None = None, *, reason: str = "", origin: Origin | None = None) -> RestartAnswer:
    """Ask the main process to restart `process` (None: this one), and return as soon as it has decided.

    It does not wait for the restart, since the caller is about to be stopped: return soon, too. `reason` and `origin`
    (who asked) go into the main process's log. Raises `NoMainProcess` if liteyuki did not start this process,
    `TimeoutError` if the main process does not answer. On the event loop, in a child.
    """
    request = RestartRequest(process, reason, origin or Origin(kind="plugin"))
    answer: RestartAnswer = await own_channel("passive").ask(request, timeout=ANSWER_TIMEOUT)
    return answer


async def status() -> list[ProcessStatus]:
    """The state of every process. Raises as `restart` does."""
    answer: list[ProcessStatus] = await own_channel("passive").ask(StatusRequest(), timeout=ANSWER_TIMEOUT)
    return answer


async def logs(lines: int = 20, *, process: str | None = None) -> list[str]:
    """The last `lines` lines that `process` (None: this one) has printed. Raises as `restart` does."""
    answer: list[str] = await own_channel("passive").ask(LogsRequest(process, lines), timeout=ANSWER_TIMEOUT)
    return answer
