"""Checked values out of a table of settings, with errors that name the file, the key and what it takes."""

import re
import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple, TypeVar

from liteyuki.errors import ConfigError
from liteyuki.locale import text

__all__ = ["Setting", "Table", "layered", "parse_size", "written"]

E = TypeVar("E", bound=Enum)
N = TypeVar("N", int, float)

_SIZE: Final = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,15}))? ?(?:([KMGT])(I?))?B", re.ASCII | re.IGNORECASE)


class Setting(NamedTuple):
    """A raw value and where it was written."""

    value: Any
    source: str


class Table:
    """A view of one table of settings. A key that was read counts as known, and `finish` refuses all others."""

    def __init__(self, entries: Mapping[str, Any], path: str, source: str) -> None:
        self._entries = entries
        self._path = path
        self._source = source
        self._known: list[str] = []

    def _take(self, key: str) -> Setting | None:
        self._known.append(key)
        found = self._entries.get(key)
        if found is None or isinstance(found, Setting):
            return found
        return Setting(found, self._source)

    def _full(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def error(self, key: str, expected: str) -> ConfigError:
        """The error for a bad value of `key`."""
        found = self._take(key)
        if found is None:
            return ConfigError(self._source, self._full(key), expected)
        value = written(found.value)
        return ConfigError(
            found.source, self._full(key), text("config.bad_value", value=repr(value), expected=expected)
        )

    def has(self, key: str) -> bool:
        return self._take(key) is not None

    def string(self, key: str, default: str, *, may_be_empty: bool = False) -> str:
        found = self._take(key)
        if found is None:
            return default
        if not isinstance(found.value, str) or not (found.value or may_be_empty):
            raise self.error(key, text("config.takes_string"))
        return found.value

    def boolean(self, key: str, default: bool) -> bool:
        found = self._take(key)
        if found is None:
            return default
        if not isinstance(found.value, bool):
            raise self.error(key, text("config.takes_boolean"))
        return found.value

    def number(self, key: str, default: N, *, at_least: float = 0.0, whole: bool = False) -> N:
        found = self._take(key)
        if found is None:
            return default
        value = found.value
        if not _is_number(value) or (whole and not isinstance(value, int)) or value < at_least:
            raise self.error(key, text("config.takes_whole" if whole else "config.takes_number", least=at_least))
        return type(default)(value)

    def seconds(self, key: str, default: float) -> float:
        found = self._take(key)
        if found is not None and not (_is_number(found.value) and found.value >= 0.0):
            raise self.error(key, text("config.takes_seconds"))
        return default if found is None else float(found.value)

    def size(self, key: str, default: int, *, at_least: str, or_none: bool = False) -> int:
        """A number of bytes: a string such as "512 MiB", or a whole number. With `or_none`, 0 means no limit."""
        found = self._take(key)
        if found is None:
            return default
        size = parse_size(found.value)
        is_none = or_none and size == 0
        if size is None or (size < (parse_size(at_least) or 0) and not is_none):
            raise self.error(key, text("config.takes_limit" if or_none else "config.takes_size", least=at_least))
        return size

    def choice(self, key: str, default: str, choices: Iterable[str]) -> str:
        choices = tuple(choices)
        found = self._take(key)
        if found is None:
            return default
        if found.value not in choices:
            raise self.error(key, text("config.takes_one_of", choices=", ".join(choices)))
        return str(found.value)

    def member(self, key: str, default: E) -> E:
        """One of an enum's values."""
        kind = type(default)
        return kind(self.choice(key, default.value, [str(member.value) for member in kind]))

    def strings(self, key: str) -> tuple[str, ...]:
        found = self._take(key)
        if found is None:
            return ()
        if not isinstance(found.value, list) or not all(isinstance(item, str) for item in found.value):
            raise self.error(key, text("config.takes_strings"))
        return tuple(found.value)

    def items(self, key: str) -> tuple[Any, ...]:
        """A list of anything."""
        found = self._take(key)
        if found is None:
            return ()
        if not isinstance(found.value, list):
            raise self.error(key, text("config.takes_list"))
        return tuple(found.value)

    def cron(self, key: str) -> str:
        """A cron expression that occurs at least once; `""` if there is none."""
        expression = self.string(key, "", may_be_empty=True)
        if expression:
            from cronsim import CronSim, CronSimError

            try:
                next(CronSim(expression, datetime.now()))
            except (CronSimError, StopIteration, AssertionError):
                raise self.error(key, text("config.takes_cron")) from None
        return expression

    def table(self, key: str) -> "Table":
        """The table under `key`; an empty one if there is none."""
        found = self._take(key)
        if found is None:
            return Table({}, self._full(key), self._source)
        if not isinstance(found.value, Mapping):
            raise self.error(key, text("config.takes_table"))
        return Table(found.value, self._full(key), found.source)

    def anything(self, key: str) -> Any:
        """The value as it is written."""
        found = self._take(key)
        return None if found is None else written(found.value)

    def names(self) -> tuple[str, ...]:
        """The keys that are there, for a table whose keys the user chooses."""
        self._known.extend(self._entries)
        return tuple(self._entries)

    def finish(self) -> None:
        """Raises `ConfigError` for the first key that was not read."""
        for key in self._entries:
            if key not in self._known:
                found = self._entries[key]
                source = found.source if isinstance(found, Setting) else _first_source(found) or self._source
                raise self._unknown(key, source, self._known)

    def unknown(self, key: str, known: Iterable[str]) -> ConfigError:
        """The error for a `key` that is not among `known`."""
        found = self._take(key)
        return self._unknown(key, self._source if found is None else found.source, known)

    def _unknown(self, key: str, source: str, known: Iterable[str]) -> ConfigError:
        expected = text("config.unknown_key", known=", ".join(sorted(set(known))))
        return ConfigError(source, self._full(key), expected)


def _is_number(value: object) -> bool:
    """Whether a float can hold it, and it is finite."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def parse_size(size: object) -> int | None:
    """`"512 MiB"` -> 536870912; None if it is no size. B, KB, KiB, ... TiB; a whole number is in bytes."""
    if isinstance(size, int) and not isinstance(size, bool):
        return size if size >= 0 else None
    parts = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if parts is None:
        return None
    whole, fraction, letter, binary = parts.groups(default="")
    unit: int = (1024 if binary else 1000) ** (" KMGT".index(letter.upper()) if letter else 0)
    parts_of_unit: int = 10 ** len(fraction)
    return int(whole + fraction) * unit // parts_of_unit


def layered(layers: Iterable[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """One table out of several, in which later ones win; leaves become `Setting`s with their source."""
    merged: dict[str, Any] = {}
    for source, table in layers:
        _merge(merged, table, source)
    return merged


def _merge(into: dict[str, Any], table: Mapping[str, Any], source: str) -> None:
    for key, value in table.items():
        if not isinstance(value, Mapping):
            into[key] = Setting(value, source)
            continue
        below = into.get(key)
        if not isinstance(below, dict):
            below = into[key] = {}
        _merge(below, value, source)


def _first_source(table: Any) -> str | None:
    if isinstance(table, Setting):
        return table.source
    if isinstance(table, Mapping):
        return next((source for item in table.values() if (source := _first_source(item))), None)
    return None


def written(value: Any) -> Any:
    """A table or leaf without its sources."""
    if isinstance(value, Mapping):
        return {key: written(item) for key, item in value.items()}
    return value.value if isinstance(value, Setting) else value
