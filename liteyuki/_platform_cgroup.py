"""A group of the kernel's that whatever is started in it stays in, and that ends as one (Linux, cgroups v2).

Unlike a process group or a mark in the environment, nothing that a process does by itself takes it out of there, and
nothing in it can fork faster than the kernel kills. It can be had where the group of this process may be written to:
by root in most places but containers, and where systemd delegates. See cgroup-v2.rst of the kernel.
"""

import contextlib
import os
import re
import sys
from pathlib import Path

__all__ = ["end_cgroup", "enter_cgroup", "leave_cgroup", "own_cgroup", "remove_cgroup"]


def own_cgroup() -> Path | None:
    """The folder of the group that this process is in; None where the system has none, or does not show it."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        return _folder(Path("/proc/self/mountinfo").read_text(), Path("/proc/self/cgroup").read_text())
    except OSError:
        return None


def _folder(mounts: str, groups: str) -> Path | None:
    """From what the kernel tells in `mountinfo` and `cgroup` (proc(5), cgroups(7)); the last mount lies on top."""
    group = next((line[len("0::") :] for line in groups.splitlines() if line.startswith("0::/")), None)
    if group is None:
        return None
    for mount in reversed(mounts.splitlines()):
        place, _, kind = mount.partition(" - ")
        if not kind.startswith("cgroup2 "):
            continue
        root, point = map(_unescaped, place.split(" ")[3:5])
        below = os.path.relpath(group, root)
        return None if below.startswith("..") else Path(point, below)
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
    try:
        made.mkdir()
        if (made / "cgroup.kill").exists():
            _write(made / "cgroup.procs", "0")
            return made
    except OSError:
        pass
    with contextlib.suppress(OSError):
        made.rmdir()
    return None


def leave_cgroup(made: Path) -> None:
    """Move this process, and what runs beside it, back from where `enter_cgroup` took it, and remove the group.

    Where that cannot be done any more it stays there.
    """
    with contextlib.suppress(OSError):
        for pid in (made / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                _write(made.parent / "cgroup.procs", pid)
    remove_cgroup(made)


def end_cgroup(made: Path) -> None:
    """SIGKILL everything in it, and in those below it. One that is gone is fine."""
    with contextlib.suppress(FileNotFoundError):
        _write(made / "cgroup.kill", "1")


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
