"""One end of a channel, for the core: it puts the parts together, and lets transports and loops come and go."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from liteyuki.comm.channel.answers import Answers
from liteyuki.comm.channel.attachments import OpenChannelEnd, OpenEnd
from liteyuki.comm.channel.control import ControlLane
from liteyuki.comm.channel.dispatch import Dispatcher
from liteyuki.comm.channel.handler_loop import HandlerLoop
from liteyuki.comm.channel.receiving import Receiver
from liteyuki.comm.channel.requests import Requests
from liteyuki.comm.channel.sending import Line
from liteyuki.comm.io import Connection, ThreadWaiter
from liteyuki.comm.session import ChannelOptions, Session, check_options
from liteyuki.comm.transport import Transport
from liteyuki.comm.wire import FrameKind
from liteyuki.errors import ChannelClosed

__all__ = ["Endpoint"]

M = TypeVar("M")

_CONTROL_TIMEOUT: Final = 1.0
"""Seconds that another thread may take to pass on what the other side's core has told."""


class Endpoint(OpenEnd):
    """What `Channel` is built on. Its methods are for the core; plugins use `Channel`'s. From any thread."""

    def __init__(self, name: str, options: ChannelOptions, open_end: OpenChannelEnd) -> None:
        """`open_end` makes a channel of an end that comes inside a value. Raises `ValueError` for a wrong option."""
        check_options(name, options)
        self.name = name
        self.options = options
        self._session = Session(name, options)
        self._connection = connection = Connection(self._session)
        self._outgoing = connection.outgoing
        self._line = Line(connection)
        self._receiver = Receiver(connection, open_end)
        self._answers = Answers(connection, self)
        self._requests = Requests(connection, self._line, self, open_end)
        self._control = ControlLane(connection, self._answers)
        self._dispatcher = Dispatcher(connection, self._receiver, self._answers, self._control, open_end)

    # --- the other side comes and goes

    @property
    def closed(self) -> ChannelClosed | None:
        """Why nothing can be sent any more; None while something can."""
        return self._session.closed

    def raise_if_closed(self) -> None:
        """Raises `ChannelClosed` or a kind of it."""
        self._session.raise_if_closed()

    @property
    def is_attached(self) -> bool:
        """Whether there is a transport to the other side."""
        return self._connection.transport is not None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody in this process has used it, though something may have come."""
        dispatcher, session = self._dispatcher, self._session
        used = self._receiver.mode or dispatcher.request_handlers or len(session.calls) or session.outbox.accepted
        return not used and not self._control.is_used and session.closed is None

    @property
    def keeps_untaken(self) -> bool:
        """Whether `keep_untaken` was called."""
        return self._session.keeps_untaken

    def keep_untaken(self) -> None:
        """Stay open when the process over there ends, and give the next one what that has not taken."""
        self._session.keeps_untaken = True

    def attach(self, transport: Transport, *, generation: int = 0) -> None:
        """Talk over `transport` from now on; one that there was is given up. Raises `ChannelClosed`."""
        self._connection.attach(transport, generation)

    def detach(self) -> None:
        """The other process is gone. What it sent is still received; what it had not taken is kept."""
        self._connection.detach()

    def adopt(self, other: "Endpoint") -> None:
        """Take over the transport of `other`, which nobody has used, and what has come over it; close `other`."""
        self._connection.adopt(other._connection)
        self._dispatcher.deliver_soon()

    def say_stop(self) -> None:
        """Tell the other side that nothing more will come: whoever blocks in its `receive` goes on."""
        self._connection.say_stop()

    def flush(self) -> None:
        """Write what waits now, as far as the system takes it."""
        with self._connection.lock:
            self._outgoing.flush()

    def has_peer(self) -> bool:
        """Whether anybody holds the other end: that can be told when all that came before is read."""
        with self._connection.lock:
            self._connection.read_all()
        return self.is_attached

    # --- loops and threads

    def bind(self, loop: asyncio.AbstractEventLoop) -> None:
        """Read, write and call handlers through `loop` from now on. On that loop's thread only."""
        self._connection.bind(loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The open loop that reads, if one is bound."""
        return self._connection.loop

    @property
    def handler_loop(self) -> HandlerLoop | None:
        """Where handlers run, if not on the loop that reads."""
        return self._dispatcher.handler_loop

    @handler_loop.setter
    def handler_loop(self, handler_loop: HandlerLoop | None) -> None:
        self._dispatcher.handler_loop = handler_loop

    def wait(self, waiter: ThreadWaiter, timeout: float | None) -> None:
        """Block this thread until `waiter` may have been woken, `timeout` seconds at most; read where no loop does."""
        self._connection.wait(waiter, timeout)
        self._connection.pump()

    # --- what cores ask and tell each other, beside what plugins do

    def on_control(self, kind: type[M], handler: Callable[[M], object]) -> None:
        """Have `handler` answer what the other side's core asks or tells, if it is exactly of class `kind`.

        It is called where it is read, without the channel's lock, in order, before any plugin's handler. What it
        returns is the answer; if that is awaitable, what it gives on the loop.
        """
        self._control.on(kind, handler)
        self._dispatcher.deliver_soon()

    async def ask(self, value: object, *, timeout: float | None = None) -> Any:
        """`request` for the other side's core."""
        return await self._requests.ask(FrameKind.CONTROL, value, timeout)

    def ask_in_thread(self, value: object, *, timeout: float | None = None) -> Any:
        """`call` for the other side's core."""
        return self._requests.ask_in_thread(FrameKind.CONTROL, value, timeout)

    def tell(self, value: object) -> None:
        """Send what wants no answer to the other side's core. Never blocks; lost if nobody is attached.

        Raises `ChannelFull` if the other side does not read. From any thread.
        """
        self._requests.tell(value)

    def read_control(self) -> None:
        """Take in what the other side's core has said, though no loop may have turned. From any thread."""
        with self._connection.lock:
            self._connection.read_all()
        self._control.pass_on(_CONTROL_TIMEOUT)
        self._control.wait_for_others(_CONTROL_TIMEOUT)
