"""Joined channels with options of their own, and values of a known cost."""

import time
from typing import Any

from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.transport import Transport
from tests.unit.joined import DEADLINE, Joiner

HEAD_BYTES = 3
"""What MessagePack puts before `bytes` of 256 B to 64 KiB."""
COST_BYTES = 64
"""What each message costs beside its bytes."""


class OptionJoiner(Joiner):
    """Joins channels that all have `options`, by the transport of another joiner, which closes them."""

    def __init__(self, joiner: Joiner, options: dict[str, Any]) -> None:
        super().__init__(joiner._make)
        self._options = options
        joiner._closing.callback(self.close)

    def channel(self, name: str, transport: Transport | None = None, **options: Any) -> Channel[Any]:
        return super().channel(name, transport, **{**self._options, **options})


def with_options(joiner: Joiner, **options: Any) -> OptionJoiner:
    """A joiner whose channels are made with `options`."""
    return OptionJoiner(joiner, options)


def crash(child: Channel[Any], main: Channel[Any] | None = None) -> None:
    """End `child` as a kill does: nothing more is read, sent or finished. `main` learns of it, if given."""
    child.receiver.handlers = ()
    with child.lock:
        transport = child.link.release()
        if transport is not None:
            transport.close()
        child.calls.fail_all()
    if main is not None:
        main.detach()


def weighing(number: int, cost: int) -> bytes:
    """A value that costs `cost` bytes of a channel's bound, which must be 400 at least and less than 64 KiB."""
    value = bytes([number]) * (cost - COST_BYTES - HEAD_BYTES)
    assert 256 <= len(value) < 2**16 - COST_BYTES
    return value


def wait_for_sender(channel: Channel[Any]) -> None:
    """Block until somebody waits for room."""
    deadline = time.monotonic() + DEADLINE
    while not channel.room:
        assert time.monotonic() < deadline, "nobody waits to send"
        time.sleep(0.001)
