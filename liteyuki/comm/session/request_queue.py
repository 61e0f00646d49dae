"""Requests of the other side's that nobody has begun to answer."""

from collections import deque
from typing import Any, Final

__all__ = ["Request", "RequestQueue"]

Request = tuple[int, Any, int]
"""Number, value, and the how-manieth transport of the channel it came over."""
_COST_BYTES: Final = 1024
"""What a request that waits costs this process beside its bytes, with all that is made of it."""
_LEAST_BOUND_BYTES: Final = 1024 * 1024
"""More than comes in one go: a loop that turns must not refuse what it has not had a chance to begin."""


class RequestQueue:
    """Under the channel's lock, but for whether there is one."""

    def __init__(self, max_queued_bytes: int) -> None:
        self._requests: deque[tuple[Request, int]] = deque()
        self._max_queued_bytes = max(max_queued_bytes, _LEAST_BOUND_BYTES)
        self._queued_bytes = 0
        self._has_refused = False

    def __bool__(self) -> bool:
        return bool(self._requests)

    def add(self, request: Request, size_bytes: int) -> bool:
        """False if as many wait as may: this process has no loop that answers, or one that does not turn."""
        cost = size_bytes + _COST_BYTES
        if self._requests and self._queued_bytes + cost > self._max_queued_bytes:
            return False
        self._requests.append((request, cost))
        self._queued_bytes += cost
        return True

    def take(self) -> Request:
        """The oldest, which must be there."""
        request, cost = self._requests.popleft()
        self._queued_bytes -= cost
        self._has_refused = False
        return request

    def refuse_first(self) -> bool:
        """One is refused; whether it is the first since the last was begun."""
        is_first, self._has_refused = not self._has_refused, True
        return is_first
