"""A table of text for a terminal, where a Chinese character is as wide as two Latin ones."""

import unicodedata
from collections.abc import Iterator, Sequence

__all__ = ["aligned", "width_of", "wrapped"]

_GAP = "  "
_LEAST_ROOM = 16
"""If the last column has less room than this, the terminal wraps it."""


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> list[list[str]]:
    """The lines of each row, with the columns below each other; a column with nothing but a heading is left out.

    Each row has one line, unless there is a `width` to which its last column has to be wrapped.
    """
    shown = [number for number in range(len(rows[0])) if any(row[number] for row in rows[1:])]
    widths = {number: max(width_of(row[number]) for row in rows) for number in shown[:-1]}
    margin = sum(each + len(_GAP) for each in widths.values())
    lines: list[list[str]] = []
    for row in rows:
        before = "".join(_padded(row[number], widths[number]) + _GAP for number in shown[:-1])
        last = row[shown[-1]] if shown else ""
        parts = wrapped(last, width - margin) if width and width - margin >= _LEAST_ROOM else [last]
        lines.append([((" " * margin if number else before) + part).rstrip() for number, part in enumerate(parts)])
    return lines


def wrapped(words: str, width: int) -> list[str]:
    """`words` in lines of at most `width` columns, broken at spaces where there are some."""
    lines: list[str] = []
    while width_of(words) > width:
        fits = _characters_in(words, width)
        cut = words.rfind(" ", 1, fits + 1)
        cut = fits if cut < 0 else cut
        lines.append(words[:cut].rstrip())
        words = words[cut:].lstrip()
    return [*lines, words]


def _characters_in(words: str, width: int) -> int:
    """How many characters, one at least, fit into `width` columns."""
    used = 0
    for number, columns in enumerate(_columns(words)):
        used += columns
        if used > width:
            return max(1, number)
    return len(words)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - width_of(cell))


def width_of(cell: str) -> int:
    """Columns that a terminal takes for it (Unicode Standard Annex 11)."""
    return sum(_columns(cell))


def _columns(cell: str) -> Iterator[int]:
    for character in cell:
        if unicodedata.combining(character):
            yield 0
        else:
            yield 2 if unicodedata.east_asian_width(character) in "WF" else 1
