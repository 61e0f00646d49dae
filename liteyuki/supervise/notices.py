"""What is still to be said: in a chat after a restart, and to superusers. Kept here, whatever dies meanwhile.

A notice is handed to the child when it is ready, and says nothing by itself: the child *claims* the words of each
recipient right before it sends them. So they are said once, whatever dies when.
"""

import itertools
import time
from dataclasses import dataclass, field
from typing import Final

from liteyuki.comm.protocol import Notice, Origin
from liteyuki.locale import text

__all__ = ["NOTICE_WAIT", "Notices"]

NOTICE_WAIT: Final = 60.0
"""Seconds that the same bot account may take to come back."""


@dataclass
class _Open:
    """A notice that not everybody was told."""

    process: str
    """What it is about."""
    teller: str
    """The process whose bot says it."""
    words: str = ""
    """To superusers; what is said in a chat is put together when it is."""
    chat: Origin | None = None
    asked_at: float = 0.0
    is_due: bool = False
    told: set[str] = field(default_factory=set)


class Notices:
    """Those of all processes."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[str, _Open] = {}

    def add_restart(self, process: str, teller: str, chat: Origin) -> None:
        """Somebody has asked for a restart of `process` in a chat of the bot in `teller`."""
        self._open[str(next(self._numbers))] = _Open(process, teller, chat=chat, asked_at=time.monotonic())

    def put_for_superusers(self, process: str, words: str) -> None:
        """The latest news of `process`; older news is no longer true."""
        self._drop(process, of_restarts=False)
        self._open[str(next(self._numbers))] = _Open(process, process, words)

    def drop_restarts(self, process: str) -> None:
        """`process` will not come back by itself: nothing to announce."""
        self._drop(process, of_restarts=True)

    def _drop(self, process: str, *, of_restarts: bool) -> None:
        self._open = {
            number: notice
            for number, notice in self._open.items()
            if notice.process != process or (notice.chat is not None) != of_restarts
        }

    def became_ready(self, process: str) -> list[tuple[str, Notice]]:
        """What is to be said now, each with the process to send it to: of `process`, and what its bot can say."""
        for notice in self._open.values():
            notice.is_due = notice.is_due or notice.process == process
        return [
            (notice.teller, Notice(number, notice.chat, NOTICE_WAIT, sorted(notice.told)))
            for number, notice in self._open.items()
            if notice.is_due and process in (notice.process, notice.teller)
        ]

    def claim(self, number: str, superuser: str) -> str | None:
        """The words for that superuser, or (if empty) for the chat; once, after which they count as said."""
        notice = self._open.get(number)
        if notice is None or superuser in notice.told or bool(superuser) != (notice.chat is None):
            return None
        if notice.chat is None:
            notice.told.add(superuser)
            return notice.words
        del self._open[number]
        key = "chat.restarted" if notice.process == notice.teller else "chat.restarted_other"
        return text(key, name=notice.process, seconds=time.monotonic() - notice.asked_at)
