"""What a reader that stalls costs, in resident memory, on both sides."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from liteyuki.comm.session import ChannelOptions
from liteyuki.comm.transport import pipe_pair
from tests.process import channel_roles
from tests.process.peers import Peer

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the peak of another process's memory")

BOUND = ChannelOptions().max_queued_bytes
MARGIN = 6 * 2**20
"""Beside the bound: the frames in the making (a few times 64 KiB, twice while they are joined), a read buffer of
256 KiB, a piece of a large message (1 MiB), what Python loads when it is first used, and what `malloc` cannot give
back between messages; under 2 MiB were measured in all."""


def memory(pid: int, figure: str) -> int:
    """`VmRSS`, the resident memory in bytes, or `VmHWM`, the most that it has been."""
    found = re.search(rf"^{figure}:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


@pytest.mark.parametrize(
    ("place", "kind", "sends"),
    [
        ("loop", "bytes", 1_000_000),
        ("thread", "bytes", 200_000),
        ("thread beside the loop", "bytes", 200_000),
        ("loop", "tuple", 1_000_000),
        ("loop", "large", 20_000),
    ],
)
@pytest.mark.parametrize("reader", [channel_roles.read_and_never_take, channel_roles.never_read])
def test_a_stalled_reader_costs_no_more_than_the_bound(
    reader: Callable[[], None], place: str, kind: str, sends: int
) -> None:
    one, other = pipe_pair()
    with Peer(channel_roles.produce, place, kind, sends, end=one) as producer, Peer(reader, end=other) as consumer:
        before = {}
        for peer in producer, consumer:
            peer.wait_for("ready")
            before[peer.pid] = memory(peer.pid, "VmRSS")
        refused, queued = map(int, producer.wait_for(r"refused (\d+) queued (\d+)", deadline=100).groups())
        assert queued <= BOUND
        assert refused > 0  # so the bound was reached
        for peer in producer, consumer:
            growth = memory(peer.pid, "VmHWM") - before[peer.pid]
            print(f"{'producer' if peer is producer else 'consumer'}: {growth / 2**20:.1f} MiB")
            assert growth < BOUND + MARGIN
