"""The processes below this one: a list of them, their state, and ending them. Linux asks the kernel (`/proc`, prctl).

On other systems nothing is found or known (None) and nobody is adopted; there, process groups (`kill_group`) have
to do.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Container, Iterator
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

__all__ = [
    "STACKS_SIGNAL",
    "STOP_SIGNAL",
    "RunState",
    "Running",
    "adopt_orphans",
    "anonymous_memory_bytes",
    "ask_for_stacks",
    "child_pids",
    "command_of",
    "ended_child",
    "environment_of",
    "is_ending",
    "is_zombie",
    "kill_group",
    "let_go_on",
    "reap",
    "run_state",
    "running",
    "running_children",
    "running_processes",
    "send_signal",
    "session_of",
    "youngest_pids",
]

STOP_SIGNAL: Final = signal.SIGTERM
"""What asks a child to stop. Not SIGINT: a terminal sends that to the whole group as well, and uvicorn
skips its shutdown hooks when it comes twice."""

_PR_SET_CHILD_SUBREAPER: Final = 36
_PF_EXITING: Final = 0x4
_ENDED: Final = b"ZXx"
_WORD_CHARACTERS: Final = 60


class Running(NamedTuple):
    """A process as the kernel lists it."""

    pid: int
    parent: int
    group: int
    session: int
    has_ended: bool
    """Whether it is a zombie: its parent has not asked for the exit code yet."""
    began: int
    """When it began, in ticks since the system did: no two processes have both this and the pid in common."""


def adopt_orphans(wanted: bool) -> bool:
    """Become, or stop being, the parent of every descendant whose own parent ends; whether the system can do so.

    Linux only (PR_SET_CHILD_SUBREAPER). The first process of a container always is that parent.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, int(wanted), 0, 0, 0) == 0)


def running_processes() -> Iterator[Running]:
    """Every process that this one can see, each read when it is asked for; none if the system does not tell."""
    if not sys.platform.startswith("linux"):
        return
    # The youngest first: they are the likeliest to have moved on to another pid before they are read.
    for name in reversed(os.listdir("/proc")):  # noqa: PTH208 (twice as fast)
        if name.isdecimal() and (process := _read(name)) is not None:
            yield process


def child_pids(parent: int | None = None) -> list[int]:
    """The direct children of `parent`, or of this process, zombies among them, the youngest first."""
    if parent is None:
        parent = os.getpid()
    try:
        # Only some kernels are built with this file; it saves reading all other processes.
        found: list[int] = []
        for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208
            children = Path(f"/proc/{parent}/task/{thread}/children").read_text()
            found += map(int, reversed(children.split()))
    except OSError:
        return [process.pid for process in running_processes() if process.parent == parent]
    return found


def running_children(besides: Container[int]) -> Iterator[Running]:
    """Like `child_pids` without those in `besides`, but each child is read when it is asked for."""
    own = os.getpid()
    for pid in child_pids():
        if pid not in besides and (process := _read(str(pid))) is not None and process.parent == own:
            yield process


def youngest_pids(seconds: float) -> Iterator[int]:
    """Over and over, the pid that was given to a process or thread last; none if the system does not tell.

    No list of processes is as fresh, or as quick to read.
    """
    try:
        handle = os.open("/proc/loadavg", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            yield int(os.pread(handle, 256, 0).split()[-1])
    finally:
        os.close(handle)


def _content(path: str) -> bytes:
    """The content of a file of the kernel; empty if it is gone or somebody else's. Twice as fast as `Path`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    parts = []
    try:
        while part := os.read(handle, 65536):
            parts.append(part)
    except OSError:
        return b""
    finally:
        os.close(handle)
    return b"".join(parts)


def _fields(pid: str) -> list[bytes]:
    line = _content(f"/proc/{pid}/stat")
    # A program may have any name, spaces and parentheses too.
    return line[line.rfind(b")") + 2 :].split()


def _read(pid: str) -> Running | None:
    if not (fields := _fields(pid)):
        return None
    state, parent, group, session = fields[:4]
    return Running(int(pid), int(parent), int(group), int(session), state in _ENDED, int(fields[19]))


def running(pid: int) -> Running | None:
    """The process `pid`; None if there is none, or the system does not tell."""
    return _read(str(pid)) if sys.platform.startswith("linux") else None


def is_ending(pid: int) -> bool:
    """Whether `pid` has ended or is about to: it then has no environment any more, and may still have its children."""
    fields = _fields(str(pid))
    return not fields or fields[0] in _ENDED or bool(int(fields[6]) & _PF_EXITING)


def environment_of(pid: int) -> list[bytes]:
    """The `NAME=value` pairs that `pid` was started with; empty if it is gone or belongs to somebody else."""
    content = _content(f"/proc/{pid}/environ")
    return content.split(b"\0") if content else []


def command_of(pid: int) -> str:
    """The command line of `pid`, for people: one line, long words cut."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode("utf-8", "replace").split("\0")
        if words == [""]:
            words = [Path(f"/proc/{pid}/comm").read_text().strip()]
    except OSError:
        return "?"
    lines = (" ".join(word.split()) for word in words)
    return " ".join(word if len(word) <= _WORD_CHARACTERS else word[:_WORD_CHARACTERS] + "…" for word in lines)


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send the signal; a process that is gone, or that this user may not signal, is left alone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def kill_group(leader_pid: int) -> None:
    """SIGKILL everything in the group that the child `leader_pid` leads. A group that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, signal.SIGKILL)


def session_of(pid: int) -> int:
    """The session that `pid` is in; 0 if it is gone."""
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def ended_child() -> int | None:
    """The pid of the oldest child that has ended and was not reaped; it stays unreaped."""
    try:
        found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return None
    return None if found is None else found.si_pid


def is_zombie(pid: int) -> bool:
    """Whether the child `pid` has ended and was not reaped; it stays unreaped."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False


def reap(pid: int) -> None:
    """Reap the child `pid`, which has ended: take its exit code and forget it."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)


STACKS_SIGNAL: Final = int(signal.SIGRTMIN) + 7 if hasattr(signal, "SIGRTMIN") else int(signal.SIGUSR2)
"""The signal that tells a child to print its threads' stacks: one that nothing else uses, if the system has such."""


class RunState(Enum):
    RUNNING = "running"
    STOPPED = "stopped"
    """Stopped, by SIGSTOP or the like."""
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
    """Resident anonymous memory of `pid` and of all its descendants.

    A leak grows this figure; mapped code, which other processes share, is not in it. None if the system does not tell,
    and when the process is gone.
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
    """`pid` and its descendants; the children of each are read at that moment."""
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
