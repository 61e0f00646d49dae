"""What is still to be said: in a chat after a restart, and to superusers. Kept here, whatever dies meanwhile.

A notice is handed to the child when it is ready, and taken off the table when the child *claims* it, right before it
sends: so it is said once, whatever dies when. A superuser's notice is claimed likewise, for each of them.
"""

import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from liteyuki.comm.protocol import DeliverNotice, NoticeOutcome, Origin, TellSuperusers
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["NOTICE_WAIT", "Notices", "SuperuserNotices"]

NOTICE_WAIT = 60.0
"""Seconds that the same bot account may take to come back."""

_REMEMBERED_MESSAGES = 512


@dataclass
class _Notice:
    process: str
    """The process that was restarted."""
    deliverer: str
    """The process whose bot was asked, and must answer."""
    origin: Origin
    asked_at: float
    is_due: bool = False


class Notices:
    """The notices of all processes, and the chat messages that have been acted on."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._open: dict[str, _Notice] = {}
        self._seen: OrderedDict[tuple[str, str, str, str], None] = OrderedDict()

    def is_repeated(self, origin: Origin) -> bool:
        """Whether this very chat message has been acted on before; it counts as acted on from now.

        Telegram delivers a message again that was not acknowledged before the bot went down.
        """
        if not origin.message_id:
            return False
        key = (origin.adapter, origin.self_id, origin.where, origin.message_id)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED_MESSAGES:
            self._seen.popitem(last=False)
        return False

    def add(self, process: str, deliverer: str, origin: Origin) -> None:
        self._open[str(next(self._numbers))] = _Notice(process, deliverer, origin, time.monotonic())

    def drop(self, process: str) -> None:
        """`process` will not come back by itself: nothing to announce."""
        self._open = {number: notice for number, notice in self._open.items() if notice.process != process}

    def became_ready(self, process: str) -> list[tuple[str, DeliverNotice]]:
        """What to send now, each with the process to send it to: that of `process`, and what it can deliver."""
        for notice in self._open.values():
            notice.is_due = notice.is_due or notice.process == process
        return [
            (notice.deliverer, DeliverNotice(number, notice.process, notice.origin, NOTICE_WAIT))
            for number, notice in self._open.items()
            if notice.is_due and process in (notice.process, notice.deliverer)
        ]

    def claim(self, number: str) -> float | None:
        """Seconds since the request, once; None if somebody has it already."""
        notice = self._open.pop(number, None)
        return None if notice is None else time.monotonic() - notice.asked_at

    def ended(self, outcome: NoticeOutcome) -> None:
        """The child says how it went."""
        self._open.pop(outcome.notice_id, None)
        if outcome.problem:
            logger.warning(text("notice.not_sent", problem=outcome.problem))


@dataclass
class _SuperuserNotice:
    number: str
    sentence: str
    told: set[str] = field(default_factory=set)


class SuperuserNotices:
    """The latest notice of each process; an older one is no longer true."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._latest: dict[str, _SuperuserNotice] = {}

    def put(self, process: str, sentence: str) -> None:
        self._latest[process] = _SuperuserNotice(str(next(self._numbers)), sentence)

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
