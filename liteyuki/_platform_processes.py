"""What the operating system knows about other processes; the part of `_platform` that looks at them.

Linux tells all of it (proc(5)); elsewhere the answers are None, which callers take for "not known".
"""

import contextlib
import os
import signal
from enum import Enum
from pathlib import Path
from typing import Final

__all__ = ["STACKS_SIGNAL", "RunState", "anonymous_memory_bytes", "ask_for_stacks", "let_go_on", "run_state"]

STACKS_SIGNAL: Final = int(signal.SIGRTMIN) + 7 if hasattr(signal, "SIGRTMIN") else int(signal.SIGUSR2)
"""What tells a child to print its threads' stacks. One that nobody uses, where there are such."""


class RunState(Enum):
    RUNNING = "running"
    STOPPED = "stopped"
    """By SIGSTOP or the like."""
    TRACED = "traced"
    """Held by a debugger."""


def run_state(pid: int) -> RunState:
    """Whether `pid` may run at all."""
    letter = (_status(pid).get("State") or "R")[0]
    return {"T": RunState.STOPPED, "t": RunState.TRACED}.get(letter, RunState.RUNNING)


def ask_for_stacks(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, STACKS_SIGNAL)


def let_go_on(pid: int) -> None:
    """Continue a process that was stopped."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def anonymous_memory_bytes(pid: int) -> int | None:
    """Resident anonymous memory of `pid` and of everything that it has started and that is still its child.

    That is what a leak grows; the code that is mapped, and shared with others, is not in it. None where the system
    does not tell, and when the process is gone.
    """
    total = None
    for process in _tree(pid):
        kibibytes = _status(process).get("RssAnon", "").removesuffix("kB").strip()
        if kibibytes.isdecimal():
            total = (total or 0) + int(kibibytes) * 1024
        elif process == pid:
            return None
    return total


def _tree(pid: int) -> list[int]:
    """`pid` and its descendants; each reads the list of its children as it is at that moment."""
    found = [pid]
    for process in found:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                with contextlib.suppress(OSError):
                    found += [int(child) for child in (thread / "children").read_text().split()]
    return found


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
