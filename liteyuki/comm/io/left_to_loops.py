"""What event loops were to write and have not when they end: nothing tells that, so a thread looks.

It lives as long as something is left to a loop, a few moments in most processes, and finds nothing to do unless a loop
ends at just that moment.
"""

import threading
import time
from typing import Final, Protocol

__all__ = ["LeftToLoops", "left_to_loops"]

_LOOK: Final = 0.2
"""Seconds between two looks."""


class Writing(Protocol):
    """Something that a loop is to write."""

    def is_left_to_loop(self) -> bool: ...

    def go_on_without_loop(self) -> None:
        """Write it in another way, if the loop does not run any more. On the thread that looks."""
        ...


class LeftToLoops:
    """For all loops of a process. From any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: set[Writing] = set()
        self._is_looking = False

    def add(self, writing: Writing) -> None:
        """A loop is to write it."""
        if writing in self._left:
            return
        with self._lock:
            self._left.add(writing)
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._look, name="liteyuki-loops", daemon=True).start()

    def _look(self) -> None:
        while True:
            time.sleep(_LOOK)
            with self._lock:
                self._left = {writing for writing in self._left if writing.is_left_to_loop()}
                self._is_looking = bool(self._left)
                left = tuple(self._left)
            if not left:
                return
            for writing in left:
                writing.go_on_without_loop()

    def forked(self) -> None:
        """In a copy of the process, which has neither those loops nor that thread."""
        self.__init__()  # type: ignore[misc] # a lock that somebody held at the fork is of no use any more


left_to_loops: Final = LeftToLoops()
"""This process's."""
