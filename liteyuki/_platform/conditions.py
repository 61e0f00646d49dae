"""The user, priority, file mode mask and limits that a program runs with (POSIX)."""

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

__all__ = [
    "User",
    "apply_conditions",
    "find_user",
    "first_out_of_reach",
    "hard_limit",
    "is_privileged",
    "limit_names",
]

_PREFIX: Final = "RLIMIT_"


class User(NamedTuple):
    name: str
    home: str
    is_current: bool
    """Whether this process runs as that user already."""


def find_user(name: str) -> User | None:
    """The user with that name; None if the system knows none."""
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(entry.pw_name, entry.pw_dir, entry.pw_uid == os.geteuid())


def is_privileged() -> bool:
    """Whether this process may become any user."""
    return os.geteuid() == 0


def first_out_of_reach(user: str, folders: Iterable[Path]) -> Path | None:
    """The first of `folders`, or of the folders above them, that `user` cannot read from; None if all can be read.

    This process becomes that user for a moment, which only root can do: call it from the main thread, before there are
    others. None, too, if the system refuses; the process that is to run as that user will say so.
    """
    import pwd

    entry = pwd.getpwnam(user)
    if entry.pw_uid == os.geteuid() or not is_privileged():
        return None
    before = os.getgroups(), os.getegid(), os.geteuid()
    try:
        os.setgroups(os.getgrouplist(user, entry.pw_gid))
        os.setegid(entry.pw_gid)
        os.seteuid(entry.pw_uid)
        return next((path for folder in folders for path in _way_to(folder) if not _is_in_reach(path, folder)), None)
    except OSError:
        return None
    finally:
        os.seteuid(before[2])
        os.setegid(before[1])
        os.setgroups(before[0])


def _way_to(folder: Path) -> tuple[Path, ...]:
    return (*reversed(folder.parents), folder)


def _is_in_reach(path: Path, folder: Path) -> bool:
    """A user who may pass through a folder need not be able to list it."""
    return os.access(path, os.X_OK | (os.R_OK if path == folder else 0), effective_ids=True)


def limit_names() -> tuple[str, ...]:
    """What this system can limit: `"nofile"` for RLIMIT_NOFILE, and so on."""
    import resource

    return tuple(sorted(name.removeprefix(_PREFIX).lower() for name in vars(resource) if name.startswith(_PREFIX)))


def hard_limit(name: str) -> float:
    """The highest value that this process may give that limit, unless it is privileged."""
    import resource

    _, hard = resource.getrlimit(getattr(resource, _PREFIX + name.upper()))
    return math.inf if hard == resource.RLIM_INFINITY else hard


def apply_conditions(
    *,
    user: str | None = None,
    nice: int | None = None,
    umask: int | None = None,
    rlimits: Mapping[str, int | None] | None = None,
) -> None:
    """Apply these to this process, and to what it starts or turns into; a limit of None means no limit.

    Raises `OSError` if the system refuses. The user comes last, since another user may not raise limits or priorities.
    """
    if nice is not None:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    for name, limit in (rlimits or {}).items():
        _limit(name, limit)
    if umask is not None:
        os.umask(umask)
    if user is not None:
        _become(user)


def _limit(name: str, limit: int | None) -> None:
    import resource

    value = resource.RLIM_INFINITY if limit is None else limit
    try:
        resource.setrlimit(getattr(resource, _PREFIX + name.upper()), (value, value))
    except (ValueError, OSError) as error:
        raise OSError(f"rlimits.{name}: {error}") from error


def _become(name: str) -> None:
    import pwd

    try:
        entry: Any = pwd.getpwnam(name)
    except KeyError as error:
        raise OSError(f"user: {name}") from error
    if entry.pw_uid == os.geteuid():
        return
    os.initgroups(name, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
