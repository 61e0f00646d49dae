"""What the other side's core has told, outside of the stream of messages, and who hears it."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from liteyuki.errors import PLUGIN_ERRORS_OF_A_CALL
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Told"]

_NOTHING: Final = object()


class Told:
    """From any thread; `pass_on` without the channel's lock."""

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._changed = threading.Condition()
        self._hearers: tuple[Callable[[Any], object], ...] = ()
        self._values: deque[Any] = deque()
        self._teller: threading.Thread | None = None

    def __bool__(self) -> bool:
        return bool(self._values)

    @property
    def has_hearers(self) -> bool:
        return bool(self._hearers)

    def add(self, value: object) -> None:
        self._values.append(value)

    def add_hearer(self, function: Callable[[Any], object]) -> None:
        self._hearers += (function,)

    def pass_on(self) -> None:
        """Call every hearer with every value, in order, one thread at a time. What one raises is logged."""
        while (value := self._next()) is not _NOTHING:
            for hearer in self._hearers:
                try:
                    hearer(value)
                except PLUGIN_ERRORS_OF_A_CALL as error:
                    logger.opt(exception=error).error(text("channel.hearer_failed", channel=self._channel))

    def wait(self, timeout: float) -> None:
        """Until no other thread passes on, which it may do when `pass_on` has left that to it; seconds at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._teller in (None, threading.current_thread()), timeout)

    def _next(self) -> object:
        with self._changed:
            if self._teller is not None and self._teller is not threading.current_thread():
                return _NOTHING  # that one passes it on
            has_one = bool(self._values and self._hearers)
            self._teller = threading.current_thread() if has_one else None
            if not has_one:
                self._changed.notify_all()
            return self._values.popleft() if has_one else _NOTHING
