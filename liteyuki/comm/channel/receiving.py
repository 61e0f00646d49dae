"""A channel's receiving half: the mode, decoding what has come, when a value counts as taken, and waiting for it."""

import asyncio
import contextvars
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from liteyuki._compat import running_loop
from liteyuki.codec import CodecError
from liteyuki.comm.channel.attachments import OpenChannelEnd, unpack_run
from liteyuki.comm.channel.handler_loop import HandlerLoop
from liteyuki.comm.io import Connection, LoopWaiter, ThreadWaiter, open_connections
from liteyuki.comm.session import Acks, Run
from liteyuki.comm.typecheck import Checker
from liteyuki.comm.wire import FrameError
from liteyuki.errors import ChannelBroken, ChannelClosed, ChannelModeError, NoHandlesLeft
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.vitals import expect_no_turn

__all__ = ["Mode", "Receipt", "Receiver", "in_handler"]

Mode = Literal["on_receive", "receive"]
Receipt = tuple[Acks, int]
Wait = Callable[[ThreadWaiter, float | None], None]

_OWN_CODE: Final = str(Path(__file__).parents[1])

in_handler: Final = contextvars.ContextVar[tuple["Receiver", bool] | None]("liteyuki_in_handler", default=None)
"""Whose value is being handled, and whether an earlier process has begun to."""

_warned: Final[set[str]] = set()
"""The places that have been warned of: one process, one table."""


class Receiver:
    """Under the channel's lock, except where it says otherwise."""

    def __init__(self, connection: Connection, open_end: OpenChannelEnd) -> None:
        self.mode: Mode | None = None
        self.received = 0
        """How many values were taken."""
        self.checker: Checker | None = None
        self.run: Run | None = None
        """What the inbox's decoded values came in."""
        self._connection = connection
        self._session = connection.session
        self._open_end = open_end
        self._is_handled_mode = connection.session.options.ack == "handled"
        self._is_redelivered = False
        self._in_hand: dict[object, Receipt] = {}
        """What `receive` has returned, by the task or thread that may still be working on it."""

    @property
    def is_redelivered(self) -> bool:
        """Whether an earlier process has begun to handle the value in hand. From any thread."""
        handled = in_handler.get()
        return handled[1] if handled is not None and handled[0] is self else self._is_redelivered

    def claim(self, wanted: Mode) -> None:
        """Raises `ChannelModeError` if the channel is received from in the other way."""
        if self.mode is None:
            self.mode = wanted
        elif self.mode != wanted:
            raise ChannelModeError(self._session.name, self.mode, wanted)

    # --- what has come

    def open_run(self) -> bool:
        """Decode the oldest messages, unless some are decoded already; whether there is a value.

        Without the lock, if the caller likes: then classes of plugins are built without anybody having to wait.
        Raises `ChannelBroken` for what is no message; then the transport is given up.
        """
        inbox, connection, run = self._session.inbox, self._connection, None
        if inbox.values:
            return True
        try:
            with connection.lock:
                if not (inbox.runs or inbox.frames):
                    return False
                self.run = run = inbox.take_run()
            inbox.values.extend(unpack_run(run, self._open_end))
        except (CodecError, FrameError) as error:
            with connection.lock:
                connection.break_off(str(error))
            raise ChannelBroken(self._session.name, str(error)) from error
        except BaseException:
            # A signal's handler has raised, or there is no memory: it is still to come.
            if run is not None and not inbox.values:
                inbox.runs.appendleft(run)
            raise
        return True

    def say_taken(self) -> None:
        """The other side waits for what has been taken: tell it. Without the lock, if the caller likes."""
        with self._connection.lock:
            self._session.say_taken()
            self._connection.outgoing.flush()

    def finish(self, receipt: Receipt) -> None:
        """A value is handled, in mode "handled"."""
        acks, number = receipt
        if acks.finish(number) and acks is self._session.inbox.acks:
            self.say_taken()

    # --- one value at a time

    def _begin_to_receive(self) -> None:
        """Whoever asks for the next value is done with the one before; so is a task or thread that has ended well."""
        self.claim("receive")
        this = _consumer() if self._in_hand else None
        for consumer in tuple(self._in_hand):
            if consumer is this or _has_ended(consumer):
                self.finish(self._in_hand.pop(consumer))

    def finish_in_hand(self) -> None:
        """The channel is closed: everybody is done."""
        while self._in_hand:
            self.finish(self._in_hand.popitem()[1])

    def _take(self) -> Any:
        """The oldest value, which must be there. Raises `WrongType`, `ChannelBroken`."""
        inbox, connection = self._session.inbox, self._connection
        try:
            self.open_run()
            value, run, consumer = inbox.values[0], self.run, _consumer() if self._is_handled_mode else None
            assert run is not None
            acks, self._is_redelivered = run.acks, False
            # Taken and counted without a call in between: in each, a signal's handler may raise.
            del inbox.values[0]
            self.received += 1
            if acks is None:
                pass
            elif consumer is not None:
                acks.begun += 1
                self._in_hand[consumer] = (acks, acks.begun)
                self._is_redelivered = run.is_redelivered
                acks.show_begun()
            else:
                acks.taken += 1
                if acks.show_taken():
                    self.say_taken()
        finally:
            if inbox.waiters and inbox:
                inbox.wake_one()  # several may have come at once
            if connection.is_paused:
                connection.unpause()
        if self.checker is not None:
            self.checker.require(value, self._session.name)
        return value

    def receive_in_thread(self, timeout: float | None, handler_loop: HandlerLoop | None) -> Any:
        """Block this thread until there is a value, or raise as `Channel.receive` does. Without the lock."""
        connection, inbox = self._connection, self._session.inbox
        with connection.lock:
            self._begin_to_receive()
            connection.use_running_loop()
            connection.outgoing.flush_before_waiting()
        wait = self._way_to_wait(handler_loop)
        deadline = None if timeout is None else time.monotonic() + timeout
        left, waiter = timeout, None
        try:
            while True:
                with connection.lock:
                    if waiter is not None:
                        self._leave(waiter)
                        if not inbox and not self._session.is_closed_here:
                            connection.read_more()
                    if self._session.is_closed_here:
                        self._session.raise_if_closed()
                    if inbox:
                        return self._take()
                    self._raise_if_nothing_can_come()
                    if left is not None and left <= 0 and waiter is not None:
                        raise TimeoutError(text("error.receive_timeout", channel=self._session.name, seconds=timeout))
                    waiter = self._join()
                if self._session.control or self._session.requests:
                    connection.on_read(0)
                wait(waiter, left)
                left = None if deadline is None else deadline - time.monotonic()
        finally:
            if waiter is not None:
                with connection.lock:
                    self._leave(waiter)
                    if inbox.waiters and (inbox or self._session.closed or self._session.peer_stops):
                        inbox.wake_one()  # what woke this thread is the next one's business too

    def _way_to_wait(self, handler_loop: HandlerLoop | None) -> Wait:
        """How this thread waits, by whether it holds up a loop."""
        connection, loop = self._connection, self._connection.loop_here()
        if loop is not None:
            self._warn_once()
            expect_no_turn()
            connection.on_read(sys.maxsize)
            open_connections.serve_others(connection, loop)
            return lambda waiter, left: open_connections.wait(connection, waiter, loop, left)
        if handler_loop is not None and handler_loop.is_this_thread():
            self._warn_once()
            handler_loop.run()
            return lambda waiter, left: handler_loop.wait(connection.wait, waiter, left)
        return connection.wait

    def _warn_once(self) -> None:
        """Tell, once per place, who holds the loop up and what to write instead."""
        for frame in reversed(traceback.extract_stack()):
            if not frame.filename.startswith(_OWN_CODE):
                place = f"{frame.filename}:{frame.lineno}"
                break
        else:
            place = "?"
        if place not in _warned:
            _warned.add(place)
            logger.warning(text("channel.blocks_loop", channel=self._session.name, place=place))

    def _join(self) -> ThreadWaiter:
        """This thread waits from now on, and misses nothing once the lock is released."""
        try:
            waiter = ThreadWaiter()
        except OSError as error:
            raise NoHandlesLeft(self._session.name, error.errno or 0) from error
        self._session.inbox.waiters.append(waiter)
        return waiter

    def _leave(self, waiter: ThreadWaiter) -> None:
        if waiter in self._session.inbox.waiters:
            self._session.inbox.waiters.remove(waiter)

    def _raise_if_nothing_can_come(self) -> None:
        self._session.raise_if_closed()
        if self._session.peer_stops:
            raise ChannelClosed(self._session.name, text("channel.reason_stopping"))

    async def receive_on_loop(self) -> Any:
        """Wait for a value, or raise as `Channel.async_receive` does. Without the lock."""
        connection, inbox = self._connection, self._session.inbox
        with connection.lock:
            self._begin_to_receive()
        while True:
            with connection.lock:
                connection.use_running_loop()
                if self._session.is_closed_here:
                    self._session.raise_if_closed()
                if inbox or (connection.loop_here() is None and connection.read_more()):
                    return self._take()
                self._session.raise_if_closed()
                waiter = LoopWaiter()
                inbox.waiters.append(waiter)
            try:
                await waiter.future
            except BaseException:  # cancelled, or dropped by whoever ran it
                with connection.lock:
                    # If it was its turn, it is the next one's now.
                    if waiter in inbox.waiters:
                        inbox.waiters.remove(waiter)
                    elif inbox:
                        inbox.wake_one()
                raise


def _consumer() -> object:
    loop = running_loop()
    task = asyncio.current_task(loop) if loop is not None else None
    return task or threading.current_thread()


def _has_ended(consumer: object) -> bool:
    if isinstance(consumer, threading.Thread):
        return not consumer.is_alive()
    return isinstance(consumer, asyncio.Task) and consumer.done() and not consumer.cancelled()
