"""Why a process was started, stopped or restarted, or died: one frozen answer that everybody passes on."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from liteyuki.comm.protocol import Origin
from liteyuki.exit_codes import COULD_NOT_START
from liteyuki.supervise.spec import Program, ProgramKind

__all__ = ["Asked", "Cause", "cause_of_exit", "cause_of_origin", "describe"]


class Cause(Enum):
    """The values are what the history and `shared_memory` hold."""

    MAIN_STARTED = "main_started"
    """The first start of a process in the life of the main process."""

    # --- it died
    ENDED = "ended"
    """By itself, with exit code 0."""
    CRASH = "crash"
    SIGNAL = "signal"
    OUT_OF_MEMORY = "out_of_memory"
    START_FAILED = "start_failed"
    """It could not be spawned, or failed before it was ready."""
    START_TIMEOUT = "start_timeout"
    WATCHDOG = "watchdog"

    # --- the main process ended it, by a rule of the settings
    MEMORY_LIMIT = "memory_limit"
    AGE = "age"
    SCHEDULE = "schedule"

    # --- somebody wanted it
    FILE_CHANGE = "file_change"
    CHAT = "chat"
    COMMAND_LINE = "command_line"
    PLUGIN = "plugin"
    MAIN_STOPPING = "main_stopping"

    MAIN_GONE = "main_gone"
    """The main process was killed, so nobody saw how this one ended."""

    @property
    def is_death(self) -> bool:
        """Whether nobody wanted it and no rule but its health was behind it."""
        return self in _DEATHS

    @property
    def is_wanted(self) -> bool:
        """Whether a person stands behind it, who has looked: what happened before does not count any more."""
        return self in _WANTED


_DEATHS: Final = frozenset(
    {
        Cause.ENDED,
        Cause.CRASH,
        Cause.SIGNAL,
        Cause.OUT_OF_MEMORY,
        Cause.START_FAILED,
        Cause.START_TIMEOUT,
        Cause.WATCHDOG,
    }
)
_WANTED: Final = frozenset({Cause.FILE_CHANGE, Cause.CHAT, Cause.COMMAND_LINE, Cause.PLUGIN})


@dataclass(frozen=True)
class Asked:
    """A cause, and who stands behind it, if anybody, in whose words."""

    cause: Cause
    origin: Origin | None = None
    reason: str = ""


def cause_of_origin(origin: Origin) -> Cause:
    """What a restart is to be put down to that `origin` asks for and says no cause of."""
    return {"chat": Cause.CHAT, "control": Cause.COMMAND_LINE, "plugin": Cause.PLUGIN, "main": Cause.PLUGIN}[
        origin.kind
    ]


def cause_of_exit(
    code: int, program: Program, *, ended_for: Cause | None, became_ready: bool, is_out_of_memory: bool
) -> Cause:
    """What an exit is to be put down to.

    `code` is the exit code, or minus the signal's number; `ended_for` why we have ended it, if we have.
    """
    if ended_for is not None:
        return ended_for
    if code < 0:
        return Cause.OUT_OF_MEMORY if is_out_of_memory else Cause.SIGNAL
    if code == 0:
        return Cause.ENDED
    # uvicorn binds its port after the startup hooks, the last of which says that the bot is ready.
    is_bot = program.kind in (ProgramKind.APP, ProgramKind.SCRIPT)
    if not became_ready or (is_bot and code == COULD_NOT_START):
        return Cause.START_FAILED
    return Cause.CRASH


def describe(origin: Origin) -> str:
    """Who, where, for the log and the history."""
    parts = [origin.kind, origin.adapter, origin.who, origin.where]
    return " / ".join(dict.fromkeys(part for part in parts if part))
