"""What the superusers of a bot are still to be told: kept here until each of them is, whatever dies meanwhile.

The bot is told when it is ready, and asks right before it writes to a superuser: so each is told once.
"""

import itertools
from dataclasses import dataclass, field

from liteyuki.comm.protocol import TellSuperusers

__all__ = ["SuperuserNotices"]


@dataclass
class _Notice:
    number: str
    sentence: str
    told: set[str] = field(default_factory=set)


class SuperuserNotices:
    """The latest notice of each process; an older one is no longer true."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._latest: dict[str, _Notice] = {}

    def put(self, process: str, sentence: str) -> None:
        self._latest[process] = _Notice(str(next(self._numbers)), sentence)

    def became_ready(self, process: str) -> TellSuperusers | None:
        """What to send to that process's bot now."""
        notice = self._latest.get(process)
        return None if notice is None else TellSuperusers(notice.number, notice.sentence, sorted(notice.told))

    def claim(self, number: str, superuser: str) -> bool:
        """Whether that superuser is to be told; from now on, it counts as done."""
        notice = next((notice for notice in self._latest.values() if notice.number == number), None)
        if notice is None or superuser in notice.told:
            return False
        notice.told.add(superuser)
        return True
