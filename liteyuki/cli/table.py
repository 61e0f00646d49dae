"""A table of text for a terminal, where a Chinese character is as wide as two Latin ones."""

import unicodedata
from collections.abc import Iterable, Sequence

__all__ = ["aligned"]

_GAP = "  "


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """One line a row, the columns below each other; a column that is empty but for its heading is left out."""
    shown = [number for number in range(len(rows[0])) if any(row[number] for row in rows[1:])]
    widths = {number: max(_width(row[number]) for row in rows) for number in shown}
    return [_GAP.join(_padded(row[number], widths[number]) for number in shown).rstrip() for row in rows]


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(cell: str) -> int:
    """Columns that a terminal takes for it (Unicode Standard Annex 11)."""
    return sum(_columns(cell))


def _columns(cell: str) -> Iterable[int]:
    for character in cell:
        if unicodedata.combining(character):
            yield 0
        else:
            yield 2 if unicodedata.east_asian_width(character) in "WF" else 1
