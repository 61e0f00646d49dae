"""What the core of the main process and a child's say to each other, over the control lane of `{process}-passive`."""

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from liteyuki.codec import message

__all__ = [
    "ANSWER_TIMEOUT",
    "FIRST_SANDBOX_ID",
    "BeginRestart",
    "ClaimNotice",
    "ConnectionPoint",
    "LogsRequest",
    "Notice",
    "Origin",
    "ProcessStatus",
    "RestartAnswer",
    "RestartRequest",
    "SandboxUsers",
    "StateReport",
    "StatusRequest",
]

ANSWER_TIMEOUT: Final = 5.0
"""Seconds that the main process may take to answer a request. It answers at once, unless it is overloaded or stuck."""

FIRST_SANDBOX_ID: Final = 2**62
"""Account numbers from here on belong to sandbox chats; no platform has numbers that long."""

RestartOutcome = Literal["accepted", "already", "repeated", "unknown", "stopping"]


@message(name="liteyuki.Origin")
@dataclass(frozen=True, kw_only=True)
class Origin:
    """Who asked, where and when; `target` is where an answer after the restart is to go, if anywhere."""

    kind: Literal["chat", "plugin", "control", "main"]
    who: str = ""
    where: str = ""
    adapter: str = ""
    self_id: str = ""
    message_id: str = ""
    event_time: float | None = None
    """Seconds since the epoch, as the platform says."""
    target: dict[str, Any] | None = None


@message(name="liteyuki.RestartRequest")
@dataclass(frozen=True)
class RestartRequest:
    """Child to main: restart `process` (None: the one that asks). Answered with `RestartAnswer`."""

    process: str | None
    reason: str
    origin: Origin


@message(name="liteyuki.RestartAnswer")
@dataclass(frozen=True)
class RestartAnswer:
    """`outcome`: accepted; already under way; the same chat message again; no such process (see
    `known`); the main process is stopping."""

    outcome: RestartOutcome
    process: str
    known: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        return self.outcome == "accepted"


@message(name="liteyuki.BeginRestart")
@dataclass(frozen=True)
class BeginRestart:
    """Child to main: the chat has its answer, so the restart that it asked for may begin."""


@message(name="liteyuki.StatusRequest")
@dataclass(frozen=True)
class StatusRequest:
    """Child to main. Answered with a list of `ProcessStatus`."""


@message(name="liteyuki.ProcessStatus")
@dataclass(frozen=True)
class ProcessStatus:
    """`uptime` is in seconds since the running generation was spawned (None if there is none). `memory_bytes` is
    counted as for `memory_limit`; `memory_limit_bytes` is that limit (None if there is none). `restart_for` is who
    asked for a restart whose new generation is not ready yet.
    """

    name: str
    state: str
    pid: int | None
    generation: int
    restarts: int
    uptime: float | None
    memory_bytes: int | None
    memory_limit_bytes: int | None
    restart_for: str | None
    left_out: list[str] = field(default_factory=list)
    """The plugins that safe mode leaves out."""


@message(name="liteyuki.LogsRequest")
@dataclass(frozen=True)
class LogsRequest:
    """Child to main. Answered with the last `lines` lines of output as a list of str."""

    process: str | None
    lines: int


@message(name="liteyuki.ConnectionPoint")
@dataclass(frozen=True)
class ConnectionPoint:
    """Where a OneBot v11 client reaches the bot; `access_token` is empty if the bot wants none."""

    url: str
    access_token: str


@message(name="liteyuki.StateReport")
@dataclass(frozen=True)
class StateReport:
    """Child to main: how far it has come.

    `problems` are sentences for the log, `not_loaded` the plugins that did not load because they need one that is left
    out.
    """

    state: Literal["loaded", "ready", "cannot_start"]
    problems: list[str] = field(default_factory=list)
    connection_point: ConnectionPoint | None = None
    not_loaded: list[str] = field(default_factory=list)


@message(name="liteyuki.SandboxUsers")
@dataclass(frozen=True)
class SandboxUsers:
    """Main to child: these ids, and only these, are superusers of open sandbox chats."""

    user_ids: list[str]


@message(name="liteyuki.Notice")
@dataclass(frozen=True)
class Notice:
    """Main to child: something is to be said, by an account of yours, as soon as that is connected."""

    notice_id: str
    chat: Origin | None
    """Whose chat to say it in, by the account that was asked there; None: to each superuser in private."""
    wait: float
    """How many seconds that account may take to come back."""
    told: list[str]
    """The superusers who have been told already."""


@message(name="liteyuki.ClaimNotice")
@dataclass(frozen=True)
class ClaimNotice:
    """Child to main, right before it says it to `superuser`, or in the chat (""). Answered with the words.

    None: do not; somebody has said it, or it is no longer true.
    """

    notice_id: str
    superuser: str = ""
