"""What tests and benchmarks share: real main processes, the other end of their bots, and deadlines for both.

It imports `liteyuki`; neither `tests` nor `benchmarks`. `chaos` strikes a running tree of processes at random.
"""

from harness.onebot import OneBot
from harness.project import ONEBOT, MainProcess, Project
from harness.system import (
    DEADLINE,
    free_port,
    is_alive,
    listening,
    open_handles,
    resident_kib,
    wait_until,
    wait_until_gone,
)

__all__ = [
    "DEADLINE",
    "ONEBOT",
    "MainProcess",
    "OneBot",
    "Project",
    "free_port",
    "is_alive",
    "listening",
    "open_handles",
    "resident_kib",
    "wait_until",
    "wait_until_gone",
]
