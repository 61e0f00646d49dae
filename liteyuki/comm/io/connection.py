"""A session's connection: transports come and go, and somebody reads the one of the moment.

An event loop reads if one is bound and runs; else whichever thread waits for something reads for itself. What leaves is
`outgoing.py`'s business.
"""

import asyncio
import sys
import threading
from collections.abc import Callable
from typing import Final

from liteyuki._compat import running_loop
from liteyuki.comm.io.loop import LoopWatch
from liteyuki.comm.io.open_connections import open_connections
from liteyuki.comm.io.outgoing import Outgoing
from liteyuki.comm.io.waiters import HandlePoll, ThreadWaiter, is_readable
from liteyuki.comm.session import Item, Session
from liteyuki.comm.transport import Transport, TransportEnded, dead_end
from liteyuki.comm.wire import UNWRITTEN, FrameError, FrameKind
from liteyuki.errors import ChannelBroken, ChannelBusy, ChannelClosed
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Connection"]

_LAST_READS: Final = 256
"""More than a socket holds."""
_LOOK_AGAIN: Final = 1.0
"""Seconds after which a thread looks whether the loop that reads for it still runs: no loop tells when it ends."""


class Connection:
    """From any thread. `lock` guards `session`, `outgoing` and all that is here; what says so wants it held."""

    def __init__(self, session: Session) -> None:
        self.lock = threading.RLock()
        self.session = session
        self.name = session.name
        self.outgoing = Outgoing(
            session, self.lock, on_end=self._written_to_nobody, use_running_loop=self.use_running_loop
        )
        self.on_read: Callable[[int], None] = lambda at_most: None
        """Called without the lock by whoever has read something; how many messages are to be handed out, at most."""
        self.transport: Transport | None = None
        self.is_paused = False
        """Whether nothing more is to be read, because too much of earlier transports' is here."""
        self._watch: LoopWatch | None = None
        self._poll = HandlePoll()
        self._is_reading = False

    # --- the transport comes and goes

    def attach(self, transport: Transport, generation: int = 0) -> None:
        """Talk over `transport` from now on; one that there was is given up. Raises `ChannelClosed`."""
        with self.lock:
            self.session.raise_if_closed()
            self.read_all()
            self._let_go(is_replaced=True)
            transport.max_message_bytes = self.session.options.max_message_bytes
            self._use(transport)
            self.is_paused = self.session.inbox.holds_too_much
            self.session.connect(transport, generation)
            self.outgoing.flush()
            # The counters come before all else; whoever only sends, or is paused, would not see what is taken there.
            if self.read(even_if_paused=True):
                self.call_soon(self._hand_out)
            self._update_watch()
        open_connections.add(self)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        with self.lock:
            self.read_all()
            self._let_go()

    def adopt(self, other: "Connection") -> None:
        """Take over the transport of `other`, which nobody has used, and what has come over it; close `other`."""
        with self.lock, other.lock:
            other._stop_watching()
            self.session.adopt(other.session)
            self._use(other.transport)
            other._use(None)
            other._shut(ChannelClosed(other.name, text("channel.reason_replaced")))
            self.outgoing.flush()
            self._update_watch()
        open_connections.add(self)

    def forked(self) -> None:
        """This is a copy of the process that the channel belongs to: let go of it, and leave that one alone."""
        self.lock = threading.RLock()
        self.outgoing.forked(self.lock)
        self._watch = None  # the loop and its handles are shared
        transport, self.transport = self.transport, None
        if transport is not None:
            transport.close()
        self.session.forked(ChannelClosed(self.name, text("channel.reason_forked")))

    def _use(self, transport: Transport | None) -> None:
        self.transport = transport
        self.outgoing.begin(transport)

    def _let_go(self, *, is_replaced: bool = False) -> None:
        """Go on without the transport, and tell so whoever waits for the other side."""
        transport = self.transport
        if transport is not None:
            if not is_replaced and transport.peer[UNWRITTEN]:
                logger.warning(text("channel.lost", channel=self.name))
            self._stop_watching()
            self.session.disconnect(dead_end)
            transport.close()
            self._use(None)

    def _end(self, error: TransportEnded | FrameError) -> None:
        """Reading has met the end of the transport, or what is no frame."""
        if isinstance(error, FrameError):
            self.break_off(str(error))
            return
        if error.unfinished_bytes:
            logger.warning(text("channel.cut", channel=self.name, bytes=error.unfinished_bytes))
        self._lose(ChannelClosed(self.name, text("channel.reason_ended")))

    def break_off(self, detail: str) -> None:
        """What the other side has sent makes no sense: this is the end, or that of the transport. With the lock."""
        broken = ChannelBroken(self.name, text("channel.reason_broken", detail=detail))
        logger.error(str(broken))
        self._lose(broken)

    def _lose(self, reason: ChannelClosed) -> None:
        # Who has closed this end tells what is lost.
        if self.session.keeps_untaken or self.session.is_closed_here:
            self._let_go()
        else:
            self._shut(reason)

    def _shut(self, reason: ChannelClosed) -> None:
        """Close for good; what is still here is lost, which is told."""
        self._let_go()
        dropped = self.session.close(reason)
        if dropped:
            logger.warning(text("channel.dropped", channel=self.name, count=dropped))

    # --- closing from this side

    def begin_to_close(self) -> bool:
        """This end is not used any more; what is queued is still to be written. Whether it was open."""
        with self.lock:
            if not self.session.close_here():
                return False
            self.outgoing.flush()
            return True

    def end_closing(self) -> int:
        """Let go of the transport. How many messages are lost because they were not written in time."""
        with self.lock:
            is_out, outbox = self.outgoing.flush_now(), self.session.outbox
            unwritten = outbox.drop_all(is_written_lost=self.outgoing.has_ended, is_last_unwritten=not is_out)
            self._let_go()
            self.session.inbox.clear()  # letting go has read what was there
            return unwritten

    def write_out(self, timeout: float) -> bool:
        """Block this thread until the system has all, so many seconds at most; whether it has. Without the lock."""
        return self.outgoing.write_out(timeout)

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        with self.lock:
            if self.transport is not None:
                self.session.outbox.add_item(Item(FrameKind.STOP))
                self.outgoing.flush_soon()

    # --- reading

    def read(self, *, even_if_paused: bool = False) -> bool:
        """Read what is there, without blocking; whether anything was. With the lock; `on_read` is due then."""
        transport = self.transport
        if transport is None or self._is_reading or (self.is_paused and not even_if_paused):
            return False
        self._is_reading = True
        try:
            frames = transport.read()
            if frames:
                self.session.receive(frames)
            transport.passed_on()
        except (TransportEnded, FrameError) as error:
            self._end(error)
            return False
        except BaseException as error:
            # A signal's handler has raised: what was in hand may be lost, and is not in silence.
            if transport.has_in_hand:
                self._end(FrameError(text("frame.interrupted", error=type(error).__name__)))
            raise
        finally:
            self._is_reading = False
        if self.session.outbox.urgent:
            self.outgoing.flush()
        return bool(frames)

    def _written_to_nobody(self) -> None:
        """Writing has shown that the other side is gone: what it sent before that is still read. With the lock."""
        if not self._is_reading:  # or whoever reads gets to the end by itself, in order
            self.read_all()

    def read_more(self) -> bool:
        """Read until there is a message or nothing more has come, unless a loop does; whether there is one. With the
        lock."""
        inbox = self.session.inbox
        if not self.is_read_elsewhere():
            # One read may bring other frames only, such as the greeting.
            while not inbox and self.read():
                pass
        return bool(inbox)

    def read_all(self) -> None:
        """Read all that has arrived, before a transport is given up or judged; the loop hands it out. With the lock."""
        for number in range(_LAST_READS):  # somebody else may have the other end, and go on
            # Not until nothing comes out of it: one read may bring a part of a large message only.
            handle = self.transport.fileno() if self.transport is not None else -1
            if self.transport is None or (handle >= 0 and not is_readable(handle)):
                return
            if not number:
                self.call_soon(self._hand_out)
            self.read(even_if_paused=True)

    def unpause(self) -> None:
        """Read on, if what was there is less by now. With the lock."""
        if self.is_paused and not self.session.inbox.holds_too_much:
            self.is_paused = False
            self._update_watch()

    # --- waiting in a thread

    def raise_if_busy(self) -> None:
        """Raises `ChannelBusy` if this thread reads or writes already, and must not wait for what comes of that."""
        with self.lock:
            if self.outgoing.is_writing or self._is_reading:
                raise ChannelBusy(self.name)

    def is_read_elsewhere(self) -> bool:
        """Whether a loop reads that runs right now on another thread."""
        return self._watch is not None and self._watch.runs_elsewhere()

    def handle_to_wait_for(self) -> tuple[int, bool]:
        """What to wait for to read, -1 if nothing, and whether something waits to be written. Writes what it can."""
        with self.lock:
            is_out = self.outgoing.flush_now()
            if self.transport is None or self.is_paused:
                return -1, False
            return self.transport.fileno(), not is_out

    def wait(self, waiter: ThreadWaiter, timeout: float | None) -> None:
        """Block this thread until `waiter` may have been woken, or something can be read by it, or so many seconds have
        passed. Without the lock; `read_more` or `pump` follows."""
        if self.is_read_elsewhere():
            handle, is_unsent = -1, False
            timeout = _LOOK_AGAIN if timeout is None else min(timeout, _LOOK_AGAIN)
        else:
            handle, is_unsent = self.handle_to_wait_for()
        self._poll.wait(waiter, handle, timeout, or_writable=is_unsent)

    def pump(self) -> None:
        """Read and write what can be, unless a loop does, and have it handed out. Without the lock."""
        if not self.is_read_elsewhere():
            with self.lock:
                self.read()
            self.on_read(sys.maxsize)

    def read_on_blocked_loop(self, *, at_most: int = sys.maxsize) -> None:
        """The same, on the thread of its loop, while another channel's `receive` holds that up."""
        with self.lock:
            self.read()
        self.on_read(at_most)

    # --- the event loop

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The open loop that reads and writes, if one is bound."""
        watch = self._watch
        return watch.loop if watch is not None and not watch.loop.is_closed() else None

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and hand out through `loop` from now on. On that loop's thread only."""
        with self.lock:
            if self._watch is None or self._watch.loop is not loop:
                self._stop_watching()
                self._watch = LoopWatch(
                    loop,
                    lock=self.lock,
                    wanted=self._wanted,
                    on_readable=self._on_readable,
                    on_writable=self.outgoing.on_writable,
                )
                self.outgoing.bind(self._watch)
            self._watch.update()
        open_connections.add(self)
        loop.call_soon(self._hand_out)

    def use_running_loop(self) -> None:
        """Whoever uses a channel on a loop before the startup hook has bound it binds it thereby."""
        if self._watch is None or self._watch.loop.is_closed():
            loop = running_loop()
            if loop is not None:
                self.bind(loop)

    def loop_here(self) -> asyncio.AbstractEventLoop | None:
        """The bound loop, if it runs right now on the thread that asks."""
        watch, loop = self._watch, running_loop()
        return loop if watch is not None and watch.loop is loop else None

    def call_soon(self, callback: Callable[[], None]) -> None:
        """Have `callback` called on the bound loop, if there is one."""
        if self._watch is not None:
            self._watch.call_soon(callback)

    def _wanted(self) -> tuple[int, int]:
        handle = self.transport.fileno() if self.transport is not None else -1
        return -1 if self.is_paused else handle, handle if self.outgoing.is_blocked else -1

    def _update_watch(self) -> None:
        if self._watch is not None:
            self._watch.update_soon()

    def _stop_watching(self) -> None:
        """The handle is about to be closed, or the loop is to be another one."""
        self.outgoing.is_blocked = False
        if self._watch is not None:
            self._watch.stop()

    def _on_readable(self) -> None:
        self.outgoing.spin.came()
        with self.lock:
            self.read()
        self.on_read(sys.maxsize)

    def loop_is_held_up(self, is_so: bool) -> None:
        """Whether the thread of its loop blocks in a `receive`: what others send meanwhile, no loop writes."""
        with self.lock:
            if self._watch is not None:
                self._watch.is_held_up = is_so

    def _hand_out(self) -> None:
        self.on_read(sys.maxsize)
