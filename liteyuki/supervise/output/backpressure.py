"""Whether what is written is behind, and for how long whoever produces it is held back for that."""

import asyncio
from collections.abc import Callable
from typing import Final

__all__ = ["LOW_BYTES", "Pressure"]

_HIGH_BYTES: Final = 128 * 1024
LOW_BYTES: Final = 32 * 1024
"""With so much in waiting, or less, the writer has caught up."""
_LONGEST_HOLD: Final = 1.0
"""Seconds that a child may be held back when its output is not taken. After that, what does not fit is left out."""


class Pressure:
    """Says when to stop reading what a child prints, and when to go on. On the loop's thread only.

    It is on from `_HIGH_BYTES` in waiting until the writer has caught up, for `_LONGEST_HOLD` seconds at most; after
    that it stays off until the writer has caught up. So a fast child waits for a writer that works, and nothing is
    lost; a writer that is stuck holds up nobody.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_out_of_patience = False
        self._held: list[Callable[[], None]] = []

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @property
    def is_on(self) -> bool:
        return self._timer is not None

    def hold(self, go_on: Callable[[], None]) -> None:
        """Call `go_on` once, when it is off again."""
        self._held.append(go_on)

    def update(self, waiting_bytes: int) -> None:
        """So much is in waiting now."""
        if waiting_bytes <= LOW_BYTES:
            self._is_out_of_patience = False
            self._release()
        elif waiting_bytes > _HIGH_BYTES and self._loop and not self._timer and not self._is_out_of_patience:
            self._timer = self._loop.call_later(_LONGEST_HOLD, self._lose_patience)

    def _lose_patience(self) -> None:
        self._is_out_of_patience = True
        self._release()

    def _release(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        held, self._held = self._held, []
        for go_on in held:
            go_on()
