"""Request and reply over a channel: numbers, waiting callers, answers."""

import asyncio
import contextlib
import inspect
import itertools
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from liteyuki.codec import CodecError, TakeIn, decode
from liteyuki.comm.channel.handlers import Handler, accepts
from liteyuki.comm.io.waiters import ThreadWaiter
from liteyuki.comm.session.request_queue import RequestQueue
from liteyuki.comm.wire import COUNT, Frame, FrameKind
from liteyuki.errors import PLUGIN_ERRORS, ChannelBroken, ChannelError, PeerGone, RemoteError
from liteyuki.locale import text

__all__ = ["NO_REPLY", "Calls", "failure", "pack_number"]

NO_REPLY: Final = 0
"""The number of a request whose sender does not wait for an answer."""

_Settle = Callable[[Any, ChannelError | None], None]


def pack_number(number: int) -> bytes:
    """What stands before the value of a request or a reply."""
    return COUNT.pack(number)


class Calls:
    """Both sides of a channel's requests. Under the channel's lock, except `ask`."""

    def __init__(self, channel: str, max_queued_bytes: int) -> None:
        self.handlers: tuple[Handler, ...] = ()
        self.requests = RequestQueue(max_queued_bytes)
        self.core_handlers: tuple[Handler, ...] = ()
        """Those of the core, which are asked first, on the loop that reads: no plugin's stand in their way."""
        self.core_requests = RequestQueue(max_queued_bytes)
        self.transports = 0
        """How many transports the channel has had: an answer is for the one that the request came over."""
        self._channel = channel
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Settle] = {}

    # --- this side asks

    def begin(self) -> tuple[int, "asyncio.Future[Any]"]:
        """For a coroutine: a number, and what the answer is put into."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def settle_now(value: Any, error: ChannelError | None) -> None:
            if future.done():
                return
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)

        thread = threading.get_ident()

        def settle(value: Any, error: ChannelError | None) -> None:
            if threading.get_ident() == thread:
                settle_now(value, error)
                return
            # Whoever reads the channel may do so on another thread; a loop that has closed waits for nothing.
            with contextlib.suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(settle_now, value, error)

        return self._begin(settle), future

    def begin_in_thread(self, waiter: ThreadWaiter) -> tuple[int, "Future[Any]"]:
        """For a thread, which is woken when the future is done."""
        future: Future[Any] = Future()

        def settle(value: Any, error: ChannelError | None) -> None:
            if error is None:
                future.set_result(value)
            else:
                future.set_exception(error)
            waiter.wake()

        return self._begin(settle), future

    def _begin(self, settle: _Settle) -> int:
        number = next(self._numbers)
        self._waiting[number] = settle
        return number

    @property
    def has_callers(self) -> bool:
        return bool(self._waiting)

    def is_waiting(self, number: int) -> bool:
        """Whether nobody has told its caller yet how it ended."""
        return number in self._waiting

    def forget(self, number: int) -> None:
        """The caller has gone; an answer that comes later is nobody's, and no one else's."""
        self._waiting.pop(number, None)

    def fail_all(self) -> None:
        """The other process is gone: nobody will answer. What it has asked, nobody waits for."""
        waiting = list(self._waiting.values())
        self._waiting.clear()
        for settle in waiting:
            settle(None, PeerGone(self._channel))

    # --- the other side

    def receive(self, frame: Frame, take_in: TakeIn | None) -> tuple[int, bool] | None:
        """Take a REQUEST, REPLY or FAILURE frame. Raises `CodecError` if its body is none.

        The number of a request that is refused, if it is, and whether that is the first of several.
        """
        if len(frame.body) < COUNT.size:
            raise CodecError(text("codec.structure"))
        number: int = COUNT.unpack_from(frame.body)[0]
        value = decode(frame.flags, frame.body[COUNT.size :], take_in)
        if frame.kind == FrameKind.REQUEST:
            is_core = any(accepts(handler, value, self._channel) for handler in self.core_handlers)
            queue = self.core_requests if is_core else self.requests
            is_queued = queue.add((number, value, self.transports), len(frame.body))
            return None if is_queued else (number, queue.refuse_first())
        settle = self._waiting.pop(number, None)
        if settle is None:
            return None
        if frame.kind == FrameKind.REPLY:
            settle(value, None)
        else:
            settle(None, _remote_error(self._channel, value))
        return None

    async def ask(self, handlers: tuple[Handler, ...], value: object) -> tuple[FrameKind, Any]:
        """What the first of `handlers` that accepts `value` returns, or how it failed."""
        for handler in handlers:
            if not accepts(handler, value, self._channel):
                continue
            try:
                result = handler.function(value)
                if inspect.isawaitable(result):
                    result = await result
            except PLUGIN_ERRORS as error:
                return FrameKind.FAILURE, failure(error)
            return FrameKind.REPLY, result
        name = type(value).__qualname__
        return FrameKind.FAILURE, ["LookupError", text("channel.no_request_handler", value=name), ""]


def failure(error: BaseException) -> list[str]:
    """Type name, message and traceback of an error, as text that any channel carries."""
    parts = (type(error).__qualname__, str(error), "".join(traceback.format_exception(error)))
    return [part.encode("utf-8", "backslashreplace").decode() for part in parts]


def _remote_error(channel: str, value: object) -> ChannelError:
    if not (isinstance(value, list) and len(value) == 3 and all(isinstance(part, str) for part in value)):
        return ChannelBroken(channel, text("channel.bad_failure"))
    return RemoteError(channel, *value)
