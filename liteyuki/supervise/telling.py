"""Tells whoever listens what happens to a process."""

import asyncio
import inspect
from typing import Any

from liteyuki.supervise.cause import Asked
from liteyuki.supervise.events import Event, EventKind, Listener
from liteyuki.supervise.process import Generation

__all__ = ["Teller"]


class Teller:
    """Speaks for `process`. `of` is a generation, or its number while there is none. On the loop's thread only."""

    def __init__(self, process: str, listener: Listener) -> None:
        self._process = process
        self._listener = listener
        self._telling: set[asyncio.Future[None]] = set()

    async def tell(self, kind: EventKind, of: Generation | int, asked: Asked) -> None:
        """Returns when the listener has done what it wants to do first."""
        told = self._listener(self._event(kind, of, asked))
        if inspect.isawaitable(told):
            await told

    def tell_soon(self, kind: EventKind, of: Generation | int, asked: Asked | None, **facts: Any) -> None:
        """The listener is called at once; what it goes on with is not waited for."""
        told = self._listener(self._event(kind, of, asked, **facts))
        if inspect.isawaitable(told):
            task = asyncio.ensure_future(told)
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    def _event(self, kind: EventKind, of: Generation | int, asked: Asked | None, **facts: Any) -> Event:
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
