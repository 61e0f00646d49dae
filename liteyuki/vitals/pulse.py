"""The page of memory that holds a pulse; a child gets it as a handle that `LITEYUKI_PULSE` names.

Each generation has a page of its own, so nothing that a dead one has written can pass for a sign of life.
"""

import mmap
import os
from collections.abc import MutableMapping
from typing import Final

from liteyuki._platform import forbid_inheriting, is_sealed, open_shared_page

__all__ = ["Pulse", "drop_pulse", "make_pulse", "offer_pulse", "take_pulse"]

_VARIABLE: Final = "LITEYUKI_PULSE"
_TURNS, _IS_WATCHED, _LIMIT_MILLISECONDS = 0, 1, 2
_PAGE_BYTES: Final = 64


class Pulse:
    """Both sides' view of a page. Each number has one writer, which writes it in one store."""

    def __init__(self, handle: int) -> None:
        """The page behind `handle`, which the caller keeps."""
        self._words = memoryview(mmap.mmap(handle, _PAGE_BYTES)).cast("Q")

    @property
    def turns(self) -> int:
        """How often the child has seen its loop turn. The child writes it; 0 while there is no loop to see."""
        return self._words[_TURNS]

    @turns.setter
    def turns(self, count: int) -> None:
        self._words[_TURNS] = count

    @property
    def is_watched(self) -> bool:
        """Whether a loop that does not turn matters yet. The main process writes it."""
        return bool(self._words[_IS_WATCHED])

    @is_watched.setter
    def is_watched(self, is_watched: bool) -> None:
        self._words[_IS_WATCHED] = is_watched

    @property
    def limit(self) -> float:
        """Seconds without a turn after which the main process ends the child."""
        return self._words[_LIMIT_MILLISECONDS] / 1000


def make_pulse(limit: float) -> tuple[Pulse, int]:
    """A new page and a handle of it, which belongs to the caller. Raises `OSError` if handles run out."""
    handle = open_shared_page(_PAGE_BYTES)
    try:
        pulse = Pulse(handle)
    except OSError:
        os.close(handle)
        raise
    pulse._words[_LIMIT_MILLISECONDS] = max(1, round(limit * 1000))
    return pulse, handle


def offer_pulse(handle: int) -> dict[str, str]:
    """The environment that tells a child which handle it is."""
    return {_VARIABLE: str(handle)}


def drop_pulse(environment: MutableMapping[str, str]) -> None:
    """Forget what this process was given: it is a main process, and nobody's child."""
    environment.pop(_VARIABLE, None)


def take_pulse(environment: MutableMapping[str, str] = os.environ) -> Pulse | None:
    """What this process was given, once: None if that was nothing, or is no page of ours."""
    written = environment.pop(_VARIABLE, "")
    if not written.isdecimal():
        return None
    handle = int(written)
    try:
        if not is_sealed(handle, _PAGE_BYTES):
            return None
        forbid_inheriting(handle)
        pulse = Pulse(handle)
    except (OSError, OverflowError, ValueError):
        return None
    os.close(handle)
    return pulse
