"""A channel's receiving half: the mode, the handlers, and when a value counts as taken."""

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final, Literal

from liteyuki.comm.ends import Ack
from liteyuki.comm.handlers import (
    PLUGIN_ERRORS_OF_A_CALL,
    Handler,
    TaskStarter,
    accepts,
    log_failure,
    rest_of,
    run_handler,
)
from liteyuki.comm.inbox import Inbox
from liteyuki.comm.receipts import Receipts
from liteyuki.comm.transport import BEGUN, TAKEN
from liteyuki.comm.typecheck import Checker
from liteyuki.errors import ChannelModeError, WrongType
from liteyuki.log import logger

__all__ = ["Mode", "Receiver", "check"]

Mode = Literal["on_receive", "receive"]
Receipt = tuple[Receipts, int]

_in_handler: Final = contextvars.ContextVar[tuple["Receiver", bool] | None]("liteyuki_in_handler", default=None)
"""Whose value is being handled, and whether an earlier process has begun to."""


class Receiver:
    """Under the channel's lock, except `hand_out`. `on_taken` is called with it whenever room may be due."""

    def __init__(
        self, channel: str, lock: threading.RLock, inbox: Inbox, ack: Ack, on_taken: Callable[[], None]
    ) -> None:
        self.inbox = inbox
        self.handlers: tuple[Handler, ...] = ()
        self.mode: Mode | None = None
        self.receipts: Receipts | None = None
        """For the transport of the moment."""
        self.received = 0
        self.checker: Checker | None = None
        self._channel = channel
        self._lock = lock
        self._ack = ack
        self._on_taken = on_taken
        self._tasks = TaskStarter()
        self.is_handing_out = False
        self.is_over = False
        """Whether the channel is closed on this side."""
        self._received_is_redelivered = False
        self._in_hand: dict[object, Receipt] = {}
        """What `receive` has returned, by the task or thread that may still be working on it."""

    @property
    def is_redelivered(self) -> bool:
        """Whether an earlier process has begun to handle the value in hand."""
        handled = _in_handler.get()
        if handled is not None and handled[0] is self:
            return handled[1]
        return self._received_is_redelivered

    def claim(self, wanted: Mode) -> None:
        """Raises `ChannelModeError` if the channel is received from in the other way."""
        if self.mode is None:
            self.mode = wanted
        elif self.mode != wanted:
            raise ChannelModeError(self._channel, self.mode, wanted)

    # --- one value at a time

    def begin_to_receive(self) -> None:
        """Somebody asks for the next value. Raises `ChannelModeError`."""
        if self.mode != "receive":
            self.claim("receive")
        if self._in_hand:
            self._finish_what_is_done()

    def take(self) -> Any:
        """The oldest value, for `receive`.

        Raises `CodecError`, `WrongType`.
        """
        value, receipt = self._next()
        self._received_is_redelivered = False
        if receipt is not None:
            self._in_hand[_consumer()] = receipt
            self._received_is_redelivered = self.inbox.is_redelivered
        if self.checker is not None:
            check(self._channel, self.checker, value)
        return value

    def _finish_what_is_done(self) -> None:
        """Whoever asks for the next value is done with the one before; so is a task or thread that has ended well."""
        this = _consumer()
        for consumer in tuple(self._in_hand):
            if consumer is this or _has_ended(consumer):
                self._finish(self._in_hand.pop(consumer))

    def finish_in_hand(self) -> None:
        """The channel is closed: everybody is done, and no handler is called any more."""
        self.is_over = True
        self.inbox.keep_in_hand()
        while self._in_hand:
            self._finish(self._in_hand.popitem()[1])

    def _next(self) -> tuple[Any, Receipt | None]:
        inbox, receipts = self.inbox, self.receipts
        if not inbox.values:
            inbox.open_run()
        value = inbox.values[0]
        # Taken and counted without a call in between, as in the inbox.
        if receipts is None or inbox.is_earlier:
            del inbox.values[0]
            self.received += 1
            return value, None
        if self._ack == "handled":
            del inbox.values[0]
            self.received += 1
            receipts.begun += 1
            receipts.own[BEGUN] = receipts.begun
            return value, (receipts, receipts.begun)
        del inbox.values[0]
        self.received += 1
        receipts.taken += 1
        receipts.own[TAKEN] = receipts.taken
        if receipts.taken >= receipts.wanted:
            self._on_taken()
        return value, None

    def _finish(self, receipt: Receipt) -> None:
        receipts, number = receipt
        if receipts.finish(number) and receipts is self.receipts:
            self._on_taken()

    # --- handlers

    def hand_out(self, loop: asyncio.AbstractEventLoop, at_most: int, *, reads_elsewhere: bool = False) -> None:
        """Call the handlers with what is there, so many values. On the thread of `loop`, without the lock.

        `reads_elsewhere`: another loop reads the channel, and may change its transport meanwhile. Raises `CodecError`.
        """
        if self.is_handing_out:
            return  # a handler of this channel holds the loop up: the next one's turn comes after it
        self.is_handing_out = True
        try:
            while at_most > 0 and self.inbox and self.handlers and not self.is_over:
                if reads_elsewhere and not self._open_run_without_lock():
                    return
                if reads_elsewhere or self._ack == "handled" or self.checker is not None:
                    with self._lock:
                        value, receipt = self._next()
                    self._call_checked(loop, value, receipt)
                    at_most -= 1
                else:
                    at_most -= self._hand_out_run(loop, at_most)
        finally:
            self.is_handing_out = False

    def _open_run_without_lock(self) -> bool:
        """Classes of plugins, which may do anything, are built without the loop that reads having to wait.

        Whether there is a value: another thread may have closed the channel meanwhile.
        """
        if self.inbox.values:
            return True
        with self._lock:
            run = self.inbox.take_run() if self.inbox else None
        if run is None:
            return False
        values = self.inbox.decoded(run)
        with self._lock:
            self.inbox.values.extend(values)
        return True

    def _hand_out_run(self, loop: asyncio.AbstractEventLoop, at_most: int) -> int:
        """The values of one run, in the way that costs least; how many."""
        with self._lock:
            values = self.inbox.begin_to_hand_out(at_most)
            is_earlier = self.inbox.is_earlier
            receipts = self.receipts if self.receipts is not None and not is_earlier else Receipts.nobodys()
        # From here on without the lock: in this mode nobody else takes values, or counts them.
        own, handlers = receipts.own, self.handlers
        before = taken = receipts.taken
        only = handlers[0].function if len(handlers) == 1 and handlers[0].filter_func is None else None
        try:
            for value in values:
                own[TAKEN] = taken = taken + 1
                if taken >= receipts.wanted:
                    self._count(receipts, taken)
                if only is None or self.handlers is not handlers:
                    self._call_all(loop, value)
                    continue
                # Spelled out, since most channels have one handler, which wants all.
                try:
                    result = only(value)
                except PLUGIN_ERRORS_OF_A_CALL as error:
                    log_failure(error, handlers[0], value, self._channel)
                    continue
                if result is not None and (rest := rest_of(result, handlers[0], value, self._channel)) is not None:
                    self._tasks.start(loop, rest)
        finally:
            self.received += taken - before
            self._count(receipts, taken)
            with self._lock:
                self.inbox.were_handed_out(taken - before)
        return taken - before

    def _call_all(self, loop: asyncio.AbstractEventLoop, value: object) -> None:
        for handler in self.handlers:
            if accepts(handler, value, self._channel):
                rest = run_handler(handler, value, self._channel)
                if rest is not None:
                    self._tasks.start(loop, rest)

    def _count(self, receipts: Receipts, taken: int) -> None:
        # First this, then a look, as in `Receipts.want`.
        receipts.taken = taken
        if taken >= receipts.wanted:
            with self._lock:
                self._on_taken()

    def _call_checked(self, loop: asyncio.AbstractEventLoop, value: object, receipt: Receipt | None) -> None:
        try:
            check(self._channel, self.checker, value)
        except WrongType as error:
            logger.error(str(error))
            handlers: list[Handler] = []
        else:
            handlers = [handler for handler in self.handlers if accepts(handler, value, self._channel)]
        before = _in_handler.set((self, receipt is not None and self.inbox.is_redelivered))
        try:
            found = [run_handler(handler, value, self._channel) for handler in handlers]
            rests = [rest for rest in found if rest is not None]
            running = _Running(len(rests), lambda: self._finish_later(receipt))
            for rest in rests:
                self._tasks.start(loop, running.run(rest))
        finally:
            _in_handler.reset(before)

    def _finish_later(self, receipt: Receipt | None) -> None:
        if receipt is not None:
            with self._lock:
                self._finish(receipt)


def _consumer() -> object:
    loop = asyncio._get_running_loop()
    task = asyncio.current_task(loop) if loop is not None else None
    return task or threading.current_thread()


def _has_ended(consumer: object) -> bool:
    if isinstance(consumer, threading.Thread):
        return not consumer.is_alive()
    return isinstance(consumer, asyncio.Task) and consumer.done() and not consumer.cancelled()


class _Running:
    """The coroutines that handle one value; `on_done` is called when the last one has ended by itself."""

    def __init__(self, count: int, on_done: Callable[[], None]) -> None:
        self._left = count
        self._on_done = on_done
        if not count:
            on_done()

    async def run(self, rest: Coroutine[Any, Any, None]) -> None:
        await rest  # one that is cancelled, as at the end of a process, has not handled its value
        self._left -= 1
        if not self._left:
            self._on_done()


def check(channel: str, checker: Checker | None, value: object) -> None:
    """Raises `WrongType` if a typed channel does not carry `value`."""
    if checker is not None and (problem := checker.problem(value)) is not None:
        raise WrongType(channel, checker.description, problem.path, problem.expected, problem.found, value)
