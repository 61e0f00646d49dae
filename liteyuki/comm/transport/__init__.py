"""What carries frames: `Transport`, and the pipe between processes.

It imports `liteyuki.comm.wire` and `liteyuki.codec`, and knows nothing of sessions and channels.
"""

from liteyuki.comm.transport.base import Transport, TransportEnded
from liteyuki.comm.transport.inheritance import drop_inheritance, offer, take_over
from liteyuki.comm.transport.pipe import PipeTransport, dead_end, pipe_pair

__all__ = [
    "PipeTransport",
    "Transport",
    "TransportEnded",
    "dead_end",
    "drop_inheritance",
    "offer",
    "pipe_pair",
    "take_over",
]
