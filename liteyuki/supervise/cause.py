"""Why a process is ended without anybody asking."""

from enum import Enum

__all__ = ["Cause"]


class Cause(Enum):
    WATCHDOG = "watchdog"
    """Its event loop did not turn. It is killed, and its policy says what follows."""
    MEMORY_LIMIT = "memory_limit"
    AGE = "age"
    SCHEDULE = "schedule"
    FILE_CHANGE = "file_change"

    @property
    def is_wanted(self) -> bool:
        """Whether a person stands behind it, who has looked: what happened before does not count any more."""
        return self is Cause.FILE_CHANGE
