"""What has happened to the processes, as a table for a terminal."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from liteyuki.cli.table import aligned, width_of, wrapped
from liteyuki.errors import UnknownProcess
from liteyuki.locale import SENTENCES, text
from liteyuki.runtime_dir import HISTORY
from liteyuki.supervise import Cause, EventKind
from liteyuki.supervise.history import HistoryEntry, read_history, read_processes

__all__ = ["history_lines"]

_INDENT: Final = "    "
_OUTPUT: Final = "| "
_LEAST_WIDTH: Final = 20


def history_lines(
    data_dir: Path, process: str | None, count: int, *, with_output: bool, width: int | None = None
) -> list[str]:
    """A heading, and below it the last `count` entries of `process`, or of all processes.

    One line each; if there is a `width`, longer entries are wrapped. Raises `HistoryUnreadable`; `UnknownProcess` if
    there are entries, but none of that process.
    """
    path = data_dir / HISTORY
    entries = read_history(path, process, count=count)
    if not entries:
        known = read_processes(path)
        if process is not None and known:
            raise UnknownProcess(process, tuple(known))
        return [text("history.none", path=path)]
    heading, *rows = aligned([_heading(), *_rows(entries)], width)
    shown = list(heading)
    for lines, entry, details in zip(rows, entries, _details(entries), strict=True):
        shown += _with_details(lines, details, width)
        if with_output:
            shown += [_INDENT + _OUTPUT + _printable(printed) for printed in entry.output]
    return shown


def _heading() -> list[str]:
    return [
        text("history.at"),
        text("history.process"),
        text("history.generation"),
        text("history.event"),
        text("history.lived"),
        text("history.cause"),
    ]


def _rows(entries: Sequence[HistoryEntry]) -> Iterator[list[str]]:
    this_year = datetime.now().year
    is_of_this_year = all(datetime.fromtimestamp(entry.at).year == this_year for entry in entries)
    for entry in entries:
        yield [
            datetime.fromtimestamp(entry.at).strftime("%m-%d %H:%M:%S" if is_of_this_year else "%Y-%m-%d %H:%M:%S"),
            entry.process,
            str(entry.generation),
            text(f"history.kind_{entry.kind.value}"),
            _duration(entry.lived),
            _why(entry),
        ]


def _why(entry: HistoryEntry) -> str:
    """The cause, with the exit code or signal if they tell more."""
    if entry.cause is None or entry.kind is EventKind.READY:
        return ""
    cause = text(f"cause.{entry.cause.value}")
    is_as_asked = not entry.cause.is_death and (entry.signal == "SIGTERM" or entry.exit_code == 0)
    end = "" if is_as_asked or entry.cause is Cause.ENDED else _end(entry)
    return f"{cause} ({end})" if end else cause


def _details(entries: Sequence[HistoryEntry]) -> Iterator[str]:
    """Who asked, and in which words; said once, although every entry that follows from the request has it on record."""
    told: dict[str, str] = {}
    for entry in entries:
        details = _printable(", ".join(part for part in (_asked_by(entry), _reason(entry)) if part))
        yield "" if details == told.get(entry.process) or entry.kind is EventKind.READY else details
        told[entry.process] = details


def _asked_by(entry: HistoryEntry) -> str:
    """Who asked, without what the cause says already."""
    kind, *others = entry.asked_by.split(" / ")
    if kind == "main":
        return ""
    return " / ".join(others) if entry.cause in (Cause.CHAT, Cause.COMMAND_LINE, Cause.PLUGIN) else entry.asked_by


def _reason(entry: HistoryEntry) -> str:
    """The reason, in the language of its time; empty if it only says that it was a chat command, as the cause does."""
    return "" if entry.cause is Cause.CHAT and entry.reason in SENTENCES["chat.reason"] else entry.reason


def _with_details(lines: list[str], details: str, width: int | None) -> list[str]:
    if not details:
        return lines
    joined = f"{lines[-1]}: {details}"
    if width is None or width_of(joined) <= width:
        return [*lines[:-1], joined]
    return [*lines, *(_INDENT + part for part in wrapped(details, max(_LEAST_WIDTH, width - len(_INDENT))))]


def _printable(words: str) -> str:
    """The words on one line, without characters that a terminal would take for commands: anybody may be the author."""
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
