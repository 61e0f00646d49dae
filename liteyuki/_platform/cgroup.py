"""A control group: a process stays in it with everything that it starts, and all of it ends as one (Linux, cgroups v2).

Unlike a process group or a mark in the environment, a process cannot leave it by itself, and nothing in it can fork
faster than the kernel kills. A process may have one where it can write to its own group: as root almost everywhere but
in containers, and where systemd delegates. See cgroup-v2.rst of the kernel.
"""

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = [
    "OomKills",
    "end_cgroup",
    "enter_cgroup",
    "frozen_cgroup",
    "is_populated",
    "join_cgroup",
    "leave_cgroup",
    "make_cgroup",
    "members_of",
    "own_cgroup",
    "remove_cgroup",
]

_FREEZE_TIMEOUT: Final = 0.5
"""Seconds that the kernel may take until everything is frozen; a process that waits for a disk freezes only afterwards.
"""
_FREEZE_POLL: Final = 0.001
"""Seconds between two looks: the kernel tells nobody when a cgroup is frozen."""


def own_cgroup() -> Path | None:
    """The folder of this process's group; None if the system has no groups, or does not show them."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        # Others may have mounted anything, under names in any encoding.
        told = [os.fsdecode(Path(f"/proc/self/{name}").read_bytes()) for name in ("mountinfo", "cgroup")]
        return _folder(*told)
    except OSError:
        return None


def _folder(mounts: str, groups: str) -> Path | None:
    """What `mountinfo` and `cgroup` of the kernel say (proc(5), cgroups(7)); the last mount lies on top."""
    # Not `splitlines`: a name may contain what that takes for the end of a line, and the kernel does not.
    group = next((line[len("0::") :] for line in groups.split("\n") if line.startswith("0::/")), None)
    if group is None:
        return None
    for mount in reversed(mounts.split("\n")):
        place, _, kind = mount.partition(" - ")
        if not kind.startswith("cgroup2 "):
            continue
        root, point = map(_unescaped, place.split(" ")[3:5])
        # The group is outside of what is mounted, or above the root of this process's namespace, as the kernel writes
        # it.
        if ".." in group.split("/") or not Path(group).is_relative_to(root):
            return None
        return Path(point) / Path(group).relative_to(root)
    return None


def _unescaped(word: str) -> str:
    r"""The path as it is: the file has `\040` for a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def enter_cgroup(name: str) -> Path | None:
    """Move this process into a new group `name` below its own, with everything that it starts from now on.

    It takes some hundredths of a second. Returns None, and changes nothing, if there are no groups or this user may not
    make one. The kernel must have cgroup.kill (Linux 5.14).
    """
    if (own := own_cgroup()) is None:
        return None
    made = own / name
    if not make_cgroup(made):
        return None
    try:
        join_cgroup(made, 0)
    except OSError:
        remove_cgroup(made)
        return None
    return made


def make_cgroup(folder: Path) -> bool:
    """Make an empty group below one that exists; False if there is none afterwards, or it could not be ended."""
    try:
        folder.mkdir()
    except OSError:
        return False
    if (folder / "cgroup.kill").exists():
        return True
    remove_cgroup(folder)
    return False


def join_cgroup(made: Path, pid: int) -> None:
    """Move the process `pid` (0: this one) into the group; what it has started before stays where it is.

    It blocks for some hundredths of a second if nothing was moved lately. Raises `OSError` if it cannot be moved,
    `ProcessLookupError` if it has ended.
    """
    _write(made / "cgroup.procs", str(pid))


def leave_cgroup(made: Path) -> None:
    """Move this process, and what runs beside it, out of the group of `enter_cgroup`, and remove that.

    If that is no longer possible, the process stays there.
    """
    with contextlib.suppress(OSError):
        for pid in (made / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                join_cgroup(made.parent, int(pid))
    remove_cgroup(made)


def end_cgroup(made: Path) -> None:
    """SIGKILL everything in the group, and in those below it. A group that is gone is fine."""
    with contextlib.suppress(OSError):
        _write(made / "cgroup.kill", "1")


@contextlib.contextmanager
def frozen_cgroup(made: Path) -> Iterator[None]:
    """Freeze all of `enter_cgroup`'s group but this process while the block runs; what is frozen can still be killed.

    This process is outside of the group meanwhile. Entering blocks for some hundredths of a second, longer if the group
    is large. Raises `OSError` if it cannot be frozen.
    """
    join_cgroup(made.parent, 0)
    try:
        _write(made / "cgroup.freeze", "1")
        give_up_at = time.monotonic() + _FREEZE_TIMEOUT
        while "frozen 1" not in (made / "cgroup.events").read_text() and time.monotonic() < give_up_at:
            time.sleep(_FREEZE_POLL)
        yield
    finally:
        try:
            _write(made / "cgroup.freeze", "0")
        finally:
            join_cgroup(made, 0)


def is_populated(made: Path) -> bool:
    """Whether anything in the group, or in those below it, still runs. A group that is gone is empty."""
    try:
        return "populated 1" in (made / "cgroup.events").read_text()
    except OSError:
        return False


def members_of(made: Path) -> set[int]:
    """The pids of what runs in the group and in those below it, provided that nothing is moved meanwhile."""
    found: set[int] = set()
    for folder, _, _ in os.walk(made):
        with contextlib.suppress(OSError):
            found.update(map(int, Path(folder, "cgroup.procs").read_text().split()))
    return found


def remove_cgroup(made: Path) -> bool:
    """Remove the group and those below it; False as long as anything in there runs. A group that is gone is fine."""
    for folder, _, _ in os.walk(made, topdown=False):
        try:
            os.rmdir(folder)  # noqa: PTH106
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _write(path: Path, word: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # it was never made: `path` is the kernel's or does not exist.
    try:
        os.write(handle, word.encode())
    finally:
        os.close(handle)


class OomKills:
    """Tells whether the kernel has killed a process for want of memory, or somebody else has.

    Linux with cgroups v2 counts such kills in the cgroup of this process, which its children share (`oom_kill` in
    memory.events, see the kernel's cgroup-v2.rst); it does not tell the pid. So a kill of another process in the same
    cgroup since `forget` may be taken for one of ours. On other systems no kill is ever found. `counts` is the file to
    read.
    """

    def __init__(self, counts: Path | None = None) -> None:
        self._counts = counts or _counts_of_own_cgroup()
        self._claimed = self._count()

    def forget(self) -> None:
        """Disregard all kills up to now; called before a process is launched."""
        self._claimed = self._count()

    def claim(self) -> bool:
        """Whether there was a kill that nobody has claimed; each can be claimed once."""
        if self._count() <= self._claimed:
            return False
        self._claimed += 1
        return True

    def _count(self) -> int:
        if self._counts is None:
            return 0
        try:
            lines = self._counts.read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _counts_of_own_cgroup() -> Path | None:
    if (own := own_cgroup()) is None:
        return None
    counts = own / "memory.events"
    return counts if counts.is_file() else None
