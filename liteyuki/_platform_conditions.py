"""Under which user, priority, file mode mask and limits a program runs: asked of a POSIX system."""

import math
import os
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["User", "apply_conditions", "find_user", "hard_limit", "is_privileged", "limit_names"]

_PREFIX: Final = "RLIMIT_"


class User(NamedTuple):
    name: str
    home: str
    is_current: bool
    """Whether this process runs as that user already."""


def find_user(name: str) -> User | None:
    """The user of that name; None if the system knows none."""
    import pwd

    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return User(entry.pw_name, entry.pw_dir, entry.pw_uid == os.geteuid())


def is_privileged() -> bool:
    """Whether this process may become any user."""
    return os.geteuid() == 0


def limit_names() -> tuple[str, ...]:
    """What this system can limit: `"nofile"` for RLIMIT_NOFILE, and so on."""
    import resource

    return tuple(sorted(name.removeprefix(_PREFIX).lower() for name in vars(resource) if name.startswith(_PREFIX)))


def hard_limit(name: str) -> float:
    """The most that this process may set that limit to, unless it is privileged."""
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
    """Let this process, and what it turns into or starts, run like that; a limit of None is none.

    Raises `OSError` if the system refuses. The user comes last, as another may not raise limits or priorities.
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
