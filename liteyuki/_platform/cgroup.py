"""A group of the kernel's that whatever is started in it stays in, and that ends as one (Linux, cgroups v2).

Unlike a process group or a mark in the environment, nothing that a process does by itself takes it out of there, and
nothing in it can fork faster than the kernel kills. It can be had where the group of this process may be written to:
by root in most places but containers, and where systemd delegates. See cgroup-v2.rst of the kernel.
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
"""Seconds that the kernel may take until all stands still; what waits for a disk takes as long as that does."""
_FREEZE_POLL: Final = 0.001
"""Seconds between two looks: the kernel wakes nobody when a cgroup stands still."""


def own_cgroup() -> Path | None:
    """The folder of the group that this process is in; None where the system has none, or does not show it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        # Whatever others have mounted, and called in whatever encoding.
        told = [os.fsdecode(Path(f"/proc/self/{name}").read_bytes()) for name in ("mountinfo", "cgroup")]
        return _folder(*told)
    except OSError:
        return None


def _folder(mounts: str, groups: str) -> Path | None:
    """From what the kernel tells in `mountinfo` and `cgroup` (proc(5), cgroups(7)); the last mount lies on top."""
    # Not `splitlines`: names may have in them what that takes for an end of line, and the kernel does not.
    group = next((line[len("0::") :] for line in groups.split("\n") if line.startswith("0::/")), None)
    if group is None:
        return None
    for mount in reversed(mounts.split("\n")):
        place, _, kind = mount.partition(" - ")
        if not kind.startswith("cgroup2 "):
            continue
        root, point = map(_unescaped, place.split(" ")[3:5])
        # Outside of what is mounted, or, as the kernel writes it, above the root of this process's namespace.
        if ".." in group.split("/") or not Path(group).is_relative_to(root):
            return None
        return Path(point) / Path(group).relative_to(root)
    return None


def _unescaped(word: str) -> str:
    r"""A path as it is: a space stands there as `\040`."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)


def enter_cgroup(name: str) -> Path | None:
    """Move this process into a new group `name` below its own, where whatever it starts from now on will be, too.

    It takes some hundredths of a second. None, and nothing has changed, where there are no groups or this user may
    not make one. The kernel must have cgroup.kill (Linux 5.14).
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
    """Make an empty one below one that exists. Whether it is there, and can be ended."""
    try:
        folder.mkdir()
    except OSError:
        return False
    if (folder / "cgroup.kill").exists():
        return True
    remove_cgroup(folder)
    return False


def join_cgroup(made: Path, pid: int) -> None:
    """Move the process `pid` (0: this one) into it; what it has started before stays where it is.

    It blocks for some hundredths of a second if nothing was moved lately. Raises `OSError` where that cannot be,
    `ProcessLookupError` if it has ended.
    """
    _write(made / "cgroup.procs", str(pid))


def leave_cgroup(made: Path) -> None:
    """Move this process, and what runs beside it, back from where `enter_cgroup` took it, and remove the group.

    Where that cannot be done any more it stays there.
    """
    with contextlib.suppress(OSError):
        for pid in (made / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                join_cgroup(made.parent, int(pid))
    remove_cgroup(made)


def end_cgroup(made: Path) -> None:
    """SIGKILL everything in it, and in those below it. One that is gone is fine; whoever calls has other means, too."""
    with contextlib.suppress(OSError):
        _write(made / "cgroup.kill", "1")


@contextlib.contextmanager
def frozen_cgroup(made: Path) -> Iterator[None]:
    """All that `enter_cgroup`'s group has in it stands still meanwhile, and can be killed; but not this process.

    That is outside meanwhile. Entering it blocks for some hundredths of a second, longer where there is a lot. Raises
    `OSError` if it cannot be done.
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
    """Whether anything in it, or in those below it, has not ended. One that is gone is empty."""
    try:
        return "populated 1" in (made / "cgroup.events").read_text()
    except OSError:
        return False


def members_of(made: Path) -> set[int]:
    """The pids of what runs in it and in those below it, as far as nothing is moved meanwhile."""
    found: set[int] = set()
    for folder, _, _ in os.walk(made):
        with contextlib.suppress(OSError):
            found.update(map(int, Path(folder, "cgroup.procs").read_text().split()))
    return found


def remove_cgroup(made: Path) -> bool:
    """Remove it and those below it; False as long as anything in there runs. One that is gone is fine."""
    for folder, _, _ in os.walk(made, topdown=False):
        try:
            os.rmdir(folder)  # noqa: PTH106
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _write(path: Path, word: str) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CLOEXEC)  # never made: `path` is the kernel's or is not there
    try:
        os.write(handle, word.encode())
    finally:
        os.close(handle)


class OomKills:
    """Tells a SIGKILL of the kernel's, for want of memory, from anybody else's.

    Linux with cgroups v2 counts such kills in the cgroup of this process, where its children are, too (`oom_kill` in
    memory.events, see the kernel's cgroup-v2.rst); no pid is told. So a kill that hit something else in the cgroup
    since `forget` can be taken for one of ours. Elsewhere nothing is ever found. `counts` is the file to read.
    """

    def __init__(self, counts: Path | None = None) -> None:
        self._counts = counts or _counts_of_own_cgroup()
        self._claimed = self._count()

    def forget(self) -> None:
        """Kills up to now are none of those to come: before a process is launched."""
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
