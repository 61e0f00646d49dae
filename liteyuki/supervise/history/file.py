"""The file of the history, an SQLite database: opening, writing, keeping it small, setting aside what is damaged."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from liteyuki.supervise.cause import Cause
from liteyuki.supervise.events import EventKind
from liteyuki.supervise.history.entry import COLUMNS, Bounds, HistoryEntry

__all__ = ["BUSY_TIMEOUT", "VERSION", "HistoryFile"]

VERSION: Final = 1
"""Of the table's structure, as the file's `user_version`."""

BUSY_TIMEOUT: Final = 2.0
"""Seconds that a connection waits while another one writes."""

_PRUNE_EVERY: Final = 50
_INSERT: Final = f"INSERT INTO history VALUES (NULL{', ?' * len(COLUMNS)})"

# What this file says was running when the main process that wrote it was killed.
_UNFINISHED: Final = f"""
INSERT INTO history (at, process, kind, generation, pid, cause)
SELECT ?, process, '{EventKind.EXITED.value}', generation, pid, '{Cause.MAIN_GONE.value}' FROM history AS started
WHERE kind = '{EventKind.STARTED.value}' AND NOT EXISTS (
    SELECT 1 FROM history WHERE process = started.process AND id > started.id
    AND kind IN ('{EventKind.STARTED.value}', '{EventKind.EXITED.value}')
)"""


class HistoryFile:
    """By one thread at a time. `on_set_aside` is called with the new name of a file that was damaged."""

    def __init__(self, path: Path, on_set_aside: Callable[[Path], None], bounds: Bounds) -> None:
        self._path = path
        self._on_set_aside = on_set_aside
        self._bounds = bounds
        self._database: sqlite3.Connection | None = None
        self._seen: tuple[int, ...] = ()
        """The file as we have left it."""
        self._was_opened = False
        self._until_pruning = 0

    def write(self, entries: Sequence[HistoryEntry]) -> None:
        """Add all of them, or none. Raises `OSError`, whatever the reason.

        When it returns, the system has them: the end of this process takes nothing away.
        """
        try:
            try:
                self._write(entries)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                self._set_aside()
                self._write(entries)
        except sqlite3.Error as error:
            raise OSError(str(error)) from error

    def close(self) -> None:
        """Idempotent, also where the file is gone."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
            self._database = None

    def _write(self, entries: Sequence[HistoryEntry]) -> None:
        if self._database is not None and self._seen != _look_of(self._path):
            self.close()  # somebody has deleted, replaced or overwritten it
        database = self._database = self._database or self._open()
        with _transaction(database):
            database.executemany(_INSERT, [entry.row() for entry in entries])
            self._until_pruning -= len(entries)
            if self._until_pruning <= 0:
                self._prune(database)
        self._seen = _look_of(self._path)

    def _open(self) -> sqlite3.Connection:
        # What a process prints is nobody else's business.
        self._path.touch(mode=0o600)
        database = sqlite3.connect(
            self._path, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=8
        )
        try:
            database.execute("PRAGMA cache_size = -64")
            _check(database)
            # Without this a commit would wait for the disk; a power cut may take the last ones, and damages nothing.
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.execute("PRAGMA journal_size_limit = 1048576")
            with _transaction(database):
                database.execute(f"CREATE TABLE IF NOT EXISTS history (id INTEGER PRIMARY KEY, {', '.join(COLUMNS)})")
                database.execute("CREATE INDEX IF NOT EXISTS history_of_process ON history (process, id)")
                database.execute(f"PRAGMA user_version = {VERSION}")
                if not self._was_opened:
                    database.execute(_UNFINISHED, (time.time(),))
        except BaseException:
            database.close()
            raise
        self._was_opened = True
        self._until_pruning = 0
        return database

    def _prune(self, database: sqlite3.Connection) -> None:
        for (process,) in database.execute("SELECT DISTINCT process FROM history").fetchall():
            database.execute(
                "DELETE FROM history WHERE process = ? AND id <= "
                "(SELECT id FROM history WHERE process = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (process, process, self._bounds.of_process),
            )
        database.execute(
            "DELETE FROM history WHERE id <= (SELECT id FROM history ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (self._bounds.of_all,),
        )
        self._until_pruning = _PRUNE_EVERY

    def _set_aside(self) -> None:
        """Out of the way, under a name that the next damaged one takes over, so that they cannot pile up."""
        self.close()
        aside = self._path.with_name(self._path.name + ".damaged")
        for ending in ("-wal", "-shm"):
            Path(f"{self._path}{ending}").unlink(missing_ok=True)
        self._path.replace(aside)
        self._on_set_aside(aside)


def _look_of(path: Path) -> tuple[int, ...]:
    # By name only: to open it a second time and close that would drop the locks that SQLite has on it. The log is
    # half of the file: one that is damaged goes unnoticed by whoever has it open, and stops everybody else.
    look: tuple[int, ...] = ()
    for part in (path, Path(f"{path}-wal")):
        with contextlib.suppress(OSError):
            found = part.stat()
            look += (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return look


def _check(database: sqlite3.Connection) -> None:
    """Raises `sqlite3.DatabaseError` if the file is damaged, or is none of ours."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    is_empty = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if version != VERSION and not (version == 0 and is_empty):
        raise sqlite3.DatabaseError(f"user_version {version}")
    found = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise sqlite3.DatabaseError(found)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # SQLITE_CORRUPT and SQLITE_NOTADB have no class of their own; a full or read-only disk, a lock have.
    return type(error) is sqlite3.DatabaseError


@contextlib.contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        # A full disk may have ended it already.
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise
