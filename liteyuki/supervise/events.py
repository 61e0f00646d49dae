"""What the supervisor tells whoever listens (`LiteyukiBot`'s hooks, the notices, the history): frozen facts."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from liteyuki.comm.protocol import Origin
from liteyuki.supervise.cause import Asked, Cause, describe

__all__ = ["TOPIC", "Event", "EventKind", "Listener", "Numbered", "Teller", "as_text"]

TOPIC: Final = "liteyuki.process"
"""Under which events are published in `shared_memory`."""


class EventKind(Enum):
    BEFORE_START = "before_start"
    """A generation is about to be launched."""
    STARTED = "start"
    """A generation has been launched."""
    READY = "ready"
    """A generation has become ready."""
    RESTARTED = "restarted"
    """A generation after the first has become ready, whatever ended the one before it."""
    RESTART_ASKED = "restart"
    """A restart has been asked for and accepted."""
    BEFORE_SHUTDOWN = "before_shutdown"
    """A process is about to be stopped for good."""
    BEFORE_RESTART = "before_restart"
    """A process is about to be stopped and started again, because somebody asked."""
    EXITED = "exit"
    """A generation has ended, by itself or not, or could not even be launched."""
    STAYS_STOPPED = "stays_stopped"
    """It has ended, and its policy lets it rest."""
    GAVE_UP = "gave_up"
    """It died too often; it stays stopped."""


@dataclass(frozen=True)
class Event:
    """Something that has happened to a process, or is about to."""

    kind: EventKind
    process: str
    generation: int
    origin: Origin | None = None
    """Who asked for the restart, if anybody."""
    cause: Cause | None = None
    """Why: of a start, what ended the generation before."""
    reason: str = ""
    """In the words of whoever asked, or of the system that could not launch it."""
    pid: int | None = None
    exit_code: int | None = None
    """None unless it has exited, and no signal was what ended it."""
    signal: str | None = None
    """The name of the signal that ended it."""
    lived: float | None = None
    """Seconds since it was launched, when it became ready or ended."""
    output: tuple[str, ...] = ()
    """What it printed last, if it died."""
    at: float = field(default_factory=time.time)
    """Seconds since the epoch."""

    @property
    def asked_by(self) -> str:
        """Who asked, and where; empty if nobody did."""
        return as_text(describe(self.origin)) if self.origin is not None else ""

    def facts(self) -> dict[str, Any]:
        """The event as plain values, as every process can take them."""
        return {
            "kind": self.kind.value,
            "process": self.process,
            "generation": self.generation,
            "asked_by": self.asked_by if self.origin is not None else "",
            "cause": self.cause.value if self.cause is not None else None,
            "reason": as_text(self.reason) if self.reason else "",
            "pid": self.pid,
            "exit_code": self.exit_code,
            "signal": self.signal,
            "lived": self.lived,
            "output": list(self.output),
            "at": self.at,
        }


def as_text(words: str) -> str:
    """`words` as channels and files can hold them: what the system says may carry bytes that are no text."""
    return words.encode("utf-8", "replace").decode()


Listener = Callable[[Event], Awaitable[None] | None]
"""Called on the main loop. What it returns, if anything, is awaited before a stop goes on, and must be brief."""


class Numbered(Protocol):
    """A generation, as far as an event tells of it."""

    number: int
    pid: int


class Teller:
    """Speaks for `process`. `of` is a generation, or its number while there is none. On the loop's thread only."""

    def __init__(self, process: str, listener: Listener) -> None:
        self._process = process
        self._listener = listener
        self._telling: set[asyncio.Future[None]] = set()

    async def tell(self, kind: EventKind, of: Numbered | int, asked: Asked) -> None:
        """Returns when the listener has done what it wants to do first."""
        told = self._listener(self._event(kind, of, asked))
        if inspect.isawaitable(told):
            await told

    def tell_soon(self, kind: EventKind, of: Numbered | int, asked: Asked | None, **facts: Any) -> None:
        """The listener is called at once; what it goes on with is not waited for."""
        told = self._listener(self._event(kind, of, asked, **facts))
        if inspect.isawaitable(told):
            task = asyncio.ensure_future(told)
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _event(self, kind: EventKind, of: Numbered | int, asked: Asked | None, **facts: Any) -> Event:
        return Event(
            kind,
            self._process,
            of if isinstance(of, int) else of.number,
            origin=asked.origin if asked else None,
            cause=asked.cause if asked else None,
            reason=asked.reason if asked else "",
            pid=None if isinstance(of, int) else of.pid,
            **facts,
        )
