"""Why a process is ended without anybody asking."""

from enum import Enum

__all__ = ["RestartCause"]


class RestartCause(Enum):
    WATCHDOG = "watchdog"
    """Its event loop did not turn. It is killed, and its policy says what follows."""
    MEMORY_LIMIT = "memory limit"
    AGE = "age"
    SCHEDULE = "schedule"
    FILE_CHANGE = "file change"
