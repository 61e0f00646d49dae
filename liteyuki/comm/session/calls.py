"""Request and answer over a channel: who waits for an answer, and which requests nobody has begun to answer."""

import itertools
from collections import deque
from typing import Final, NamedTuple, Protocol

from liteyuki.comm.wire import COUNT, Frame, FrameError
from liteyuki.locale import text

__all__ = ["NO_REPLY", "Call", "Calls", "Request", "RequestQueue", "number_of", "pack_number"]

NO_REPLY: Final = 0
"""The number of a request whose sender does not wait for an answer."""
_COST_BYTES: Final = 1024
"""What a request that waits costs this process beside its bytes, with all that is made of it."""
_LEAST_BOUND_BYTES: Final = 1024 * 1024
"""More than comes in one go: a loop that turns must not refuse what it has not had a chance to begin."""


class Call(Protocol):
    """Somebody who waits for an answer."""

    def settle(self, answer: Frame | None) -> None:
        """Here it is: a REPLY or a FAILURE frame; None if none will come. Under the channel's lock, on any thread."""
        ...


class Request(NamedTuple):
    """A question of the other side's."""

    number: int
    frame: Frame
    transport: int
    """Which of the transports that the channel has had it came over, counted from 1."""


def pack_number(number: int) -> bytes:
    """What stands before the value of a request or an answer."""
    return COUNT.pack(number)


def number_of(frame: Frame) -> int:
    """The number that stands there. Raises `FrameError`."""
    if len(frame.body) < COUNT.size:
        raise FrameError(text("codec.structure"))
    number: int = COUNT.unpack_from(frame.body)[0]
    return number


class RequestQueue:
    """Requests that nobody has begun to answer. Under the channel's lock, but for whether there is one."""

    def __init__(self, max_queued_bytes: int) -> None:
        self.queued_bytes = 0
        self.waiting: deque[tuple[Request, int]] = deque()
        self._max_queued_bytes = max(max_queued_bytes, _LEAST_BOUND_BYTES)
        self._has_refused = False

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def __len__(self) -> int:
        return len(self.waiting)

    def add(self, request: Request) -> bool:
        """False if as many wait as may: this process has no loop that answers, or one that does not turn."""
        frame = request.frame
        cost = len(frame.body) + _COST_BYTES
        if frame.handles:
            cost += sum(handle.content_bytes for handle in frame.handles)
        if self.waiting and self.queued_bytes + cost > self._max_queued_bytes:
            return False
        self.waiting.append((request, cost))
        self.queued_bytes += cost
        return True

    def take(self) -> Request:
        """The oldest, which must be there."""
        request, cost = self.waiting.popleft()
        self.queued_bytes -= cost
        self._has_refused = False
        return request

    def clear(self) -> None:
        """Nobody will answer what is here."""
        self.waiting.clear()
        self.queued_bytes = 0

    @property
    def handles(self) -> int:
        """How many handles have come with what is here."""
        return sum(len(request.frame.handles) for request, _ in self.waiting)

    def refuse_first(self) -> bool:
        """One is refused; whether it is the first since the last was begun."""
        is_first, self._has_refused = not self._has_refused, True
        return is_first


class Calls:
    """This side's open requests. Under the channel's lock."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Call] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self, call: Call) -> int:
        """`call` waits for an answer from now on, to the request with this number."""
        number = next(self._numbers)
        self._waiting[number] = call
        return number

    def is_waiting(self, number: int) -> bool:
        """Whether nobody has told its caller yet how it ended."""
        return number in self._waiting

    def forget(self, number: int) -> None:
        """The caller has gone; an answer that comes later is nobody's, and no one else's."""
        self._waiting.pop(number, None)

    def settle(self, answer: Frame) -> None:
        """A REPLY or FAILURE frame has come. Raises `FrameError` if it has no number."""
        call = self._waiting.pop(number_of(answer), None)
        if call is not None:
            call.settle(answer)

    def fail_all(self) -> None:
        """The other process is gone: nobody will answer."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for call in waiting:
            call.settle(None)
