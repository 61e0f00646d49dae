"""What a process is and how it must be kept: data, made by `liteyuki.config`, read by everybody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

__all__ = [
    "Backoff",
    "Conditions",
    "GiveUp",
    "GiveUpThen",
    "LogFiles",
    "ProcessSpec",
    "ProcessState",
    "Program",
    "ProgramKind",
    "RestartMode",
]


class ProgramKind(Enum):
    APP = "app"
    SCRIPT = "script"
    TARGET = "target"
    COMMAND = "command"


@dataclass(frozen=True)
class Program:
    """What to run. `words`: the app, the script, the target, or the command with its arguments."""

    kind: ProgramKind
    words: tuple[str, ...]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def has_channels(self) -> bool:
        return self.kind is not ProgramKind.COMMAND

    @property
    def runs_nonebot(self) -> bool:
        return self.kind in (ProgramKind.APP, ProgramKind.SCRIPT)


class RestartMode(Enum):
    ALWAYS = "always"
    ON_FAILURE = "on-failure"
    NEVER = "never"


class GiveUpThen(Enum):
    SLOW = "slow"
    STOP = "stop"
    EXIT = "exit"


@dataclass(frozen=True)
class Backoff:
    """Seconds between restarts: 0, base, base*factor, ... up to max, each +- jitter (a share)."""

    base: float = 0.5
    factor: float = 2.0
    max: float = 60.0
    jitter: float = 0.1
    reset_after: float = 60.0


@dataclass(frozen=True)
class GiveUp:
    """After `deaths` within so many seconds: retry once every `slow_every` seconds, stop, or exit."""

    deaths: int = 8
    within: float = 300.0
    then: GiveUpThen = GiveUpThen.SLOW
    slow_every: float = 600.0


@dataclass(frozen=True)
class LogFiles:
    """What is kept on disk of what each process prints: `count` files of at most `max_bytes`."""

    max_bytes: int = 10 * 1024 * 1024
    count: int = 5


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Under what the program runs, as far as that is not the main process's own. POSIX."""

    user: str | None = None
    nice: int | None = None
    umask: int | None = None
    rlimits: Mapping[str, int | None] = field(default_factory=dict)
    """Soft and hard limit by name (`"nofile"`); None is no limit."""

    @property
    def given(self) -> dict[str, Any]:
        """Those that are set."""
        return {name: value for name, value in vars(self).items() if value not in (None, {})}


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """One entry of `[tool.liteyuki.processes]`. All times in seconds."""

    name: str
    program: Program
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    restart: RestartMode = RestartMode.ALWAYS
    backoff: Backoff = field(default_factory=Backoff)
    give_up: GiveUp = field(default_factory=GiveUp)
    start_timeout: float = 0.0
    stop_timeout: float = 10.0
    watchdog: float = 60.0
    """How long the event loop may stand still; 0: for ever. So it is with the limits."""
    memory_limit_bytes: int = 0
    max_age: float = 0.0
    schedule: str = ""
    """A cron expression."""
    watch: tuple[Path, ...] = ()
    """Files and folders whose changes restart it."""
    conditions: Conditions = field(default_factory=Conditions)
    after: tuple[str, ...] = ()
    """The processes that are started before it, and stopped after it."""
    instances: int = 1
    """How many are alike; each has a name with a number."""
    safe_mode: bool = True
    """Whether a NoneBot plugin that keeps it from starting is left out."""

    @property
    def family(self) -> str:
        """What the settings call it: its name, but for an instance's number."""
        return self.name.rpartition("-")[0] if self.instances > 1 else self.name


class ProcessState(Enum):
    """Where a process is. `loaded` lies between starting and ready: its code is imported."""

    QUEUED = "queued"
    """It waits for those that it comes after."""
    STARTING = "starting"
    LOADED = "loaded"
    READY = "ready"
    STOPPING = "stopping"
    WAITING = "waiting"
    STOPPED = "stopped"
