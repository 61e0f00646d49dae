"""The settings `user`, `nice`, `umask` and `rlimits` of a process, checked against this system."""

import re
from typing import Any, Final

from liteyuki._platform import find_user, hard_limit, is_privileged, limit_names
from liteyuki.config.table import Table
from liteyuki.locale import text
from liteyuki.supervise import Conditions

__all__ = ["read_conditions"]

_UNLIMITED: Final = "unlimited"
_LOWEST_NICE, _HIGHEST_NICE = -20, 19
_ALL_BITS: Final = 0o777


def read_conditions(table: Table) -> tuple[Conditions, dict[str, str]]:
    """What a process's table says about these settings, and the variables that go with the user.

    Raises `ConfigError`, also for a user that does not exist or that only root could become.
    """
    user, variables = _user(table)
    limits = table.table("rlimits")
    conditions = Conditions(
        user=user,
        nice=_nice(table),
        umask=_umask(table),
        rlimits={name: _limit(limits, name) for name in limits.names()},
    )
    return conditions, variables


def _user(table: Table) -> tuple[str | None, dict[str, str]]:
    if not table.has("user"):
        return None, {}
    name = table.string("user", "")
    user = find_user(name)
    if user is None:
        raise table.error("user", text("config.takes_user"))
    if not user.is_current and not is_privileged():
        raise table.error("user", text("config.user_needs_root"))
    return user.name, {"HOME": user.home, "USER": user.name, "LOGNAME": user.name}


def _nice(table: Table) -> int | None:
    value = table.anything("nice")
    if value is None:
        return None
    if not _is_whole(value) or not _LOWEST_NICE <= value <= _HIGHEST_NICE:
        raise table.error("nice", text("config.takes_range", least=_LOWEST_NICE, most=_HIGHEST_NICE))
    return int(value)


def _umask(table: Table) -> int | None:
    """TOML reads `0o22` as `18`, and `22` means neither to a person: only digits in quotes are unambiguous."""
    value = table.anything("umask")
    if value is None:
        return None
    if _is_whole(value) and 0 <= value < 8:
        return int(value)  # the same, however it is written
    if not isinstance(value, str) or not re.fullmatch("[0-7]{1,4}", value) or int(value, 8) > _ALL_BITS:
        raise table.error("umask", text("config.takes_umask"))
    return int(value, 8)


def _limit(limits: Table, name: str) -> int | None:
    """The number, or None for no limit."""
    value = limits.anything(name)
    if name not in limit_names():
        raise limits.unknown(name, limit_names())
    most = float("inf") if is_privileged() else hard_limit(name)
    wanted = float("inf") if value == _UNLIMITED else value
    if value != _UNLIMITED and (not _is_whole(value) or value < 0):
        raise limits.error(name, text("config.takes_rlimit", unlimited=_UNLIMITED))
    if wanted > most:
        raise limits.error(name, text("config.limit_too_high", most=most))
    return None if value == _UNLIMITED else int(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
