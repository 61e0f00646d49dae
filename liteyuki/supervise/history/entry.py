"""One line of the history: a start, a ready, an exit or a restart of a process, with its cause."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from liteyuki.supervise.cause import Cause
from liteyuki.supervise.events import Event, EventKind, as_text
from liteyuki.supervise.output import KEPT_BYTES

__all__ = ["COLUMNS", "RECORDED", "Bounds", "HistoryEntry"]

RECORDED: Final = frozenset(
    {EventKind.STARTED, EventKind.READY, EventKind.RESTART_ASKED, EventKind.EXITED, EventKind.GAVE_UP}
)
"""The events that the history keeps; the others follow from these."""

COLUMNS: Final = (
    "at REAL NOT NULL",
    "process TEXT NOT NULL",
    "kind TEXT NOT NULL",
    "generation INTEGER NOT NULL",
    "pid INTEGER",
    "cause TEXT",
    "exit_code INTEGER",
    "signal TEXT",
    "asked_by TEXT NOT NULL DEFAULT ''",
    "reason TEXT NOT NULL DEFAULT ''",
    "lived REAL",
    "output TEXT NOT NULL DEFAULT ''",
)
"""How the file holds an entry, in the order of `HistoryEntry.row`."""

_OUTPUT_BYTES: Final = 16 * 1024
_REASON_CHARACTERS: Final = 1000


class Bounds(NamedTuple):
    """How many of the newest entries are kept; up to 50 more until they are counted again."""

    of_process: int = 1000
    of_all: int = 5000


@dataclass(frozen=True)
class HistoryEntry:
    """See `Event` for what the members mean; `generation` counts within the life of one main process."""

    at: float
    process: str
    kind: EventKind
    generation: int
    pid: int | None
    cause: Cause | None
    exit_code: int | None
    signal: str | None
    asked_by: str
    reason: str
    lived: float | None
    output: tuple[str, ...]

    @classmethod
    def of(cls, event: Event) -> "HistoryEntry":
        return cls(
            at=event.at,
            process=event.process,
            kind=event.kind,
            generation=event.generation,
            pid=event.pid,
            cause=event.cause,
            exit_code=event.exit_code,
            signal=event.signal,
            asked_by=event.asked_by,
            reason=as_text(event.reason)[:_REASON_CHARACTERS],
            lived=event.lived,
            output=_last_lines(event.output, KEPT_BYTES if event.cause is Cause.WATCHDOG else _OUTPUT_BYTES),
        )

    @classmethod
    def from_row(cls, row: tuple[Any, ...]) -> "HistoryEntry":
        """Raises `ValueError` for what no version of ours has written."""
        at, process, kind, generation, pid, cause, exit_code, signal, asked_by, reason, lived, output = row
        return cls(
            at=at,
            process=process,
            kind=EventKind(kind),
            generation=generation,
            pid=pid,
            cause=Cause(cause) if cause is not None else None,
            exit_code=exit_code,
            signal=signal,
            asked_by=asked_by,
            reason=reason,
            lived=lived,
            output=tuple(output.split("\n")) if output else (),
        )

    def row(self) -> tuple[Any, ...]:
        return (
            self.at,
            self.process,
            self.kind.value,
            self.generation,
            self.pid,
            self.cause.value if self.cause is not None else None,
            self.exit_code,
            self.signal,
            self.asked_by,
            self.reason,
            self.lived,
            "\n".join(self.output),
        )


def _last_lines(lines: tuple[str, ...], room: int) -> tuple[str, ...]:
    """The last of `lines` that fit into so many bytes; of a single one that does not, its end."""
    kept: list[str] = []
    for line in reversed(lines):
        size = len(line.encode("utf-8", "replace")) + 1
        if size > room:
            if not kept:
                kept.append(as_text(line)[-room // 4 :])
            break
        kept.append(as_text(line))
        room -= size
    return tuple(reversed(kept))
