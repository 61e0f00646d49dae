"""`Watch`: what a key holds, and everything that it holds later."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID, uuid4

from liteyuki.comm.storage.calls import readable
from liteyuki.comm.storage.client import Owner
from liteyuki.comm.storage.messages import KeyState, StorageWait
from liteyuki.errors import ChannelClosed, ChannelFull, PeerGone
from liteyuki.locale import text

__all__ = ["Change", "Watch"]


@dataclass(frozen=True)
class Change:
    """What `key` holds from now on; `value` is None if it does not exist."""

    key: str
    value: Any
    exists: bool


class Watch(Iterator[Change], AsyncIterator[Change]):
    """An iterator over the states of one key, with `for` in a thread or `async for` on an event loop.

    The first is the present one. Whoever takes them slowly gets the newest, and not each between; an old one never
    comes after a newer one. It ends when it is closed (the end of a `with` block does so), when this process is to
    stop, or the main process is gone. One consumer at a time; `close` from any thread.

    Iterating raises `UnreadableValue` for a value that cannot be rebuilt in this process, and may go on.
    """

    def __init__(self, key: str, owner: Owner) -> None:
        self.key = key
        self._owner = owner
        self._lock = threading.Lock()
        self._waits: list[UUID] = []
        self._seen: int | None = None
        self._closed = False

    def __repr__(self) -> str:
        return f"<Watch {self.key!r} {'closed' if self._closed else 'open'}>"

    def __iter__(self) -> "Watch":
        return self

    def __next__(self) -> Change:
        """Raises `RuntimeError` on the thread of a running event loop, which it would hold up."""
        _forbid_on_a_loop()
        request = self._begin()
        if request is None:
            raise StopIteration
        try:
            state = self._owner.wait(request)
        except (ChannelClosed, PeerGone):
            state = None
        except BaseException:
            self._end_wait(request.wait_id)
            raise
        finally:
            self._waits.remove(request.wait_id)
        change = self._change_to(state)
        if change is None:
            raise StopIteration
        return change

    def __aiter__(self) -> "Watch":
        return self

    async def __anext__(self) -> Change:
        request = self._begin()
        if request is None:
            raise StopAsyncIteration
        try:
            state = await self._owner.async_wait(request)
        except (ChannelClosed, PeerGone):
            state = None
        except BaseException:
            self._end_wait(request.wait_id)
            raise
        finally:
            self._waits.remove(request.wait_id)
        change = self._change_to(state)
        if change is None:
            raise StopAsyncIteration
        return change

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it; whoever waits for the next state goes on. Idempotent.

        Raises `ChannelFull`, in a child, if somebody waits and the main process does not read.
        """
        with self._lock:
            self._closed = True
            waits = tuple(self._waits)
        for wait_id in waits:
            self._owner.end_wait(self.key, wait_id)

    def _begin(self) -> StorageWait | None:
        with self._lock:
            if self._closed:
                return None
            request = StorageWait(self.key, self._seen, uuid4())
            self._waits.append(request.wait_id)
            return request

    def _end_wait(self, wait_id: UUID) -> None:
        """Who waited has been cancelled or interrupted."""
        with contextlib.suppress(ChannelFull):  # then it ends with the next change
            self._owner.end_wait(self.key, wait_id)

    def _change_to(self, state: KeyState | None) -> Change | None:
        """What to tell of it; None if this is the end."""
        if state is None:
            self._closed = True
            return None
        self._seen = state.version
        if state.value is None:
            return Change(self.key, None, exists=False)
        return Change(self.key, readable(self.key, state.value), exists=True)


def _forbid_on_a_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise RuntimeError(text("storage.watch_on_loop"))
