"""Reads the history, whether a main process runs or not."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from liteyuki.errors import HistoryUnreadable
from liteyuki.supervise.history.entry import HistoryEntry
from liteyuki.supervise.history.file import BUSY_TIMEOUT, VERSION

__all__ = ["read_history", "read_processes"]


def read_history(path: Path, process: str | None = None, *, count: int = 20) -> list[HistoryEntry]:
    """The last `count` entries of `process`, or of all processes, the newest last; none if there is no file.

    It reads a file: not on an event loop (`asyncio.to_thread` is for that). Raises `HistoryUnreadable`.
    """
    where = "WHERE process = :process" if process is not None else ""
    rows = _select(
        path, f"SELECT * FROM history {where} ORDER BY id DESC LIMIT :count", {"process": process, "count": count}
    )
    try:
        return [HistoryEntry.from_row(row[1:]) for row in reversed(rows)]
    except ValueError as error:
        raise HistoryUnreadable(path, str(error)) from error


def read_processes(path: Path) -> list[str]:
    """The names of all processes on record. Otherwise as `read_history`."""
    return [row[0] for row in _select(path, "SELECT DISTINCT process FROM history ORDER BY process", {})]


def _select(path: Path, statement: str, values: dict[str, object]) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    # Where nobody has it open, to take no lock leaves no files behind, and needs no permission to write.
    is_in_use = Path(f"{path}-wal").exists()
    address = f"{path.absolute().as_uri()}?mode=ro{'' if is_in_use else '&immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT)) as file:
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version == 0 and not file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                return []  # it is only just being made
            if version != VERSION:
                raise HistoryUnreadable(path, f"user_version {version}")
            return file.execute(statement, values).fetchall()
    except sqlite3.Error as error:
        raise HistoryUnreadable(path, str(error)) from error
