"""Ends the children of a main process that was killed."""

import contextlib
import os
from typing import Final

from liteyuki._platform import spawn_guard

__all__ = ["LAST_SECONDS", "Guard"]

LAST_SECONDS: Final = 0.6
"""How long children whose main process is gone may take to stop by themselves."""


class Guard:
    """Knows which process groups run. Making one raises `OSError` if the system cannot."""

    def __init__(self) -> None:
        self._writer = spawn_guard(LAST_SECONDS)

    def add(self, group: int) -> None:
        self._write(f"add {group}\n")

    def drop(self, group: int) -> None:
        self._write(f"drop {group}\n")

    def close(self) -> None:
        """Nothing of ours runs any more; the guard goes, too. Twice is harmless."""
        if self._writer >= 0:
            os.close(self._writer)
            self._writer = -1

    def _write(self, line: str) -> None:
        # Somebody may have killed the guard; the children still stop by themselves.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writer, line.encode())
