"""Joined channels with options of their own, and values of a known cost."""

import time
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import Transport
from tests.unit.joined import DEADLINE, Joiner

HEAD_BYTES = 3
"""What MessagePack puts before `bytes` of 256 B to 64 KiB."""
COST_BYTES = 64
"""What each message costs beside its bytes."""


class OptionJoiner(Joiner):
    """Joins channels that all have `options`, which another joiner closes."""

    def __init__(self, joiner: Joiner, options: dict[str, Any]) -> None:
        super().__init__()
        self._options = options
        joiner._closing.callback(self.close)

    def channel(self, name: str, transport: Transport | None = None, **options: Any) -> Channel[Any]:
        return super().channel(name, transport, **{**self._options, **options})


def with_options(joiner: Joiner, **options: Any) -> OptionJoiner:
    """A joiner whose channels are made with `options`."""
    return OptionJoiner(joiner, options)


def weighing(number: int, cost: int) -> bytes:
    """A value that costs `cost` bytes of a channel's bound, which must be 400 at least and less than 64 KiB."""
    value = bytes([number]) * (cost - COST_BYTES - HEAD_BYTES)
    assert 256 <= len(value) < 2**16 - COST_BYTES
    return value


def wait_for_sender(channel: Channel[Any], waits: int = 1) -> None:
    """Block until somebody has begun to wait for room, for the first or a later time."""
    deadline = time.monotonic() + DEADLINE
    while channel.stats.waits < waits:
        assert time.monotonic() < deadline, "nobody waits to send"
        time.sleep(0.001)
