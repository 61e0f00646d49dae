"""Writing on, without anybody waiting, what could not or should not be written at once."""

from typing import TYPE_CHECKING

from liteyuki.comm.io.left_to_loops import left_to_loops
from liteyuki.comm.io.writer import Writer

if TYPE_CHECKING:
    from liteyuki.comm.io.connection import Link

__all__ = ["BackgroundWriting"]


class BackgroundWriting:
    """On the link's loop, if that runs; where none does, in a thread that lives as long as there is something to do.

    Under the link's lock, except what loop and thread call.
    """

    def __init__(self, link: "Link") -> None:
        self._link = link
        self._writer: Writer | None = None
        self._watched = -1

    def start(self) -> None:
        """Write soon, or if the OS takes no more, as soon as it does."""
        link = self._link
        if link.loop_runs():
            left_to_loops.add(self)
            link.run_on_loop(self._watch if link.is_blocked else link.flush_when_due)
        elif self._writer is None:
            self._writer = Writer(self._write, self._is_idle)
        else:
            self._writer.wake()

    def is_alive(self) -> bool:
        """Whether whoever was to go on writing still can: a loop may have ended meanwhile."""
        return self._writer is not None or self._link.loop_runs()

    def start_when_loop_turns(self) -> None:
        """Write when the loop, on whose thread this is, comes to its next turn."""
        assert self._link.loop is not None
        left_to_loops.add(self)
        self._link.loop.call_soon(self._link.flush_when_due)

    # --- by the loop

    def is_left_to_loop(self) -> bool:
        """Whether the loop is still to write. From any thread, without the lock: it may be asked again."""
        return self._writer is None and (self._link.flush_is_due or self._link.is_blocked)

    def go_on_without_loop(self) -> None:
        """If the loop has ended without having written all, a thread does. Without the lock."""
        link = self._link
        with link.lock:
            if self.is_left_to_loop() and not link.loop_runs() and link.transport is not None:
                self._writer = Writer(self._write, self._is_idle)

    def _watch(self) -> None:
        link = self._link
        with link.lock:
            if link.transport is None or link.loop is None or self._watched >= 0:
                return
            if not link.is_blocked:
                return
            self._watched = link.transport.fileno()
            link.loop.add_writer(self._watched, self._on_writable)

    def _on_writable(self) -> None:
        link = self._link
        with link.lock:
            if self._watched < 0:
                return
            if link.flush_now() and link.loop is not None and self._watched >= 0:
                link.loop.remove_writer(self._watched)
                self._watched = -1
                link.is_blocked = False
                link.outbox.let_gather(False)
            link.on_progress()

    def unwatch(self) -> None:
        """Take the handle out of the loop, before it is closed."""
        link = self._link
        watched, self._watched = self._watched, -1
        # Also if the loop has not come to watch yet.
        link.is_blocked = False
        link.outbox.let_gather(False)
        if watched < 0:
            return
        if link.loop is not None and not link.loop.is_closed():
            link.loop.remove_writer(watched)

    def forget_loop(self) -> None:
        """In a copy of the process: touch nothing of the loop, which is shared."""
        self._watched = -1

    # --- by a thread

    def _write(self) -> int | None:
        """A writer's next step: the handle to wait for until it takes more, -1 if all is out, None to end."""
        link = self._link
        with link.lock:
            if link.loop_runs() or link.transport is None:
                # A loop that runs by now goes on.
                self._writer = None
                was_blocked, link.is_blocked = link.is_blocked, False
                if link.transport is None:
                    link.flush_is_due = False
                elif was_blocked or link.flush_is_due:
                    self.start()
                return None
            link.flush_is_due = False
            link.outbox.let_gather(False)
            link.is_blocked = not link.flush_now()
            link.on_progress()
            return link.transport.fileno() if link.is_blocked and link.transport is not None else -1

    def _is_idle(self) -> bool:
        """Nothing was to be written for a while: whether the writer may end."""
        link = self._link
        with link.lock:
            if link.flush_is_due or link.is_blocked:
                return False
            self._writer = None
            return True
