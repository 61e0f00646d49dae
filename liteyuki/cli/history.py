"""`liteyuki history`: what has happened to the processes, as a table."""

from datetime import datetime
from pathlib import Path
from typing import Final

from liteyuki.cli.table import aligned
from liteyuki.errors import UnknownProcess
from liteyuki.locale import text
from liteyuki.runtime_dir import HISTORY
from liteyuki.supervise.history_entry import HistoryEntry
from liteyuki.supervise.history_reader import read_history, read_processes

__all__ = ["history_lines"]

_INDENT: Final = "    | "


def history_lines(data_dir: Path, process: str | None, count: int, *, with_output: bool) -> list[str]:
    """The last `count` entries of `process`, or of all, one line each below a heading.

    Raises `HistoryUnreadable`; `UnknownProcess` if there are entries, but none of that process.
    """
    path = data_dir / HISTORY
    entries = read_history(path, process, count=count)
    if not entries:
        known = read_processes(path)
        if process is not None and known:
            raise UnknownProcess(process, tuple(known))
        return [text("history.none", path=path)]
    heading, *lines = aligned([_heading(), *map(_row, entries)])
    shown = [heading]
    for line, entry in zip(lines, entries, strict=True):
        shown.append(line)
        if with_output:
            shown += [_INDENT + _printable(printed) for printed in entry.output]
    return shown


def _heading() -> list[str]:
    return [
        text("history.at"),
        text("history.process"),
        text("history.generation"),
        text("history.event"),
        text("history.cause"),
        text("history.end"),
        text("history.lived"),
        text("history.asked_by"),
    ]


def _row(entry: HistoryEntry) -> list[str]:
    return [
        datetime.fromtimestamp(entry.at).strftime("%Y-%m-%d %H:%M:%S"),
        entry.process,
        str(entry.generation),
        text(f"history.kind_{entry.kind.value}"),
        text(f"cause.{entry.cause.value}") if entry.cause is not None else "",
        _end(entry),
        _duration(entry.lived),
        _printable(", ".join(part for part in (entry.asked_by, entry.reason) if part)),
    ]


def _printable(words: str) -> str:
    """On one line, and without what a terminal would take for a command: anybody may have written it."""
    return "".join(character if character.isprintable() else " " for character in words)


def _end(entry: HistoryEntry) -> str:
    if entry.signal is not None:
        return entry.signal
    return text("history.code", code=entry.exit_code) if entry.exit_code is not None else ""


def _duration(seconds: float | None) -> str:
    """`1.2 s`, `3:05`, `26:03:05`."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
