"""What the supervisor tells whoever listens (`LiteyukiBot`'s hooks, the notices): frozen facts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from liteyuki.comm.messages import Origin

__all__ = ["Event", "EventKind", "Listener"]


class EventKind(Enum):
    STARTED = auto()
    """A generation has been launched."""
    BEFORE_SHUTDOWN = auto()
    """A process is about to be stopped for good."""
    BEFORE_RESTART = auto()
    """A process is about to be stopped and started again, because somebody asked."""
    READY = auto()
    """A generation has become ready."""
    RESTARTED = auto()
    """A generation after the first has become ready, whatever ended the one before it."""
    STAYS_STOPPED = auto()
    """It has ended, and its policy lets it rest."""
    GAVE_UP = auto()
    """It died too often; it stays stopped."""


@dataclass(frozen=True)
class Event:
    kind: EventKind
    process: str
    generation: int
    origin: Origin | None = None
    """Who asked for the restart, if anybody."""


Listener = Callable[[Event], Awaitable[None] | None]
"""Called on the main loop. What it returns, if anything, is awaited before a stop goes on, and must be brief."""
