"""Who reads and writes: a session's connection, on an event loop or in threads.

Here stand sockets' readiness, locks, waiting and waking. This package knows sessions and transports, and nothing of
values or handlers: `comm.channel` and `comm.broker` import it.
"""

from liteyuki.comm.io.connection import Connection
from liteyuki.comm.io.open_connections import open_connections
from liteyuki.comm.io.waiters import HandlePoll, LoopWaiter, ThreadWaiter

__all__ = ["Connection", "HandlePoll", "LoopWaiter", "ThreadWaiter", "open_connections"]
