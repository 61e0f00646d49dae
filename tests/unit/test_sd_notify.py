"""What systemd is told, over a real socket; a child gets nothing of that."""

import asyncio
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import DEADLINE
from liteyuki.sd_notify import ServiceManager


@contextmanager
def manager_at(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind("\0" + address[1:] if address.startswith("@") else address)
        listener.settimeout(DEADLINE)
        yield listener


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "abstract":
        if not hasattr(os, "memfd_create"):
            pytest.skip("names without a folder are Linux's")
        return f"@liteyuki-test-{uuid.uuid4().hex}"
    return str(tmp_path / "notify")


def test_lines_arrive_and_the_variables_are_taken(address: str) -> None:
    environment = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "OTHER": "x"}
    with manager_at(address) as listener:
        manager = ServiceManager(environment)
        assert environment == {"OTHER": "x"}
        assert manager.is_there

        async def tell() -> None:
            manager.ready()  # the watchdog is for another process: no beat follows
            manager.status("two\nlines 机器人")
            manager.stopping()
            manager.close()

        asyncio.run(tell())
        said = [listener.recv(4096).decode() for _ in range(3)]
        assert said == ["READY=1", "STATUS=two lines 机器人", "STOPPING=1"]


def test_beats_come_from_ready_on_at_half_the_time(address: str) -> None:
    with manager_at(address) as listener:
        listener.setblocking(False)

        async def run() -> list[str]:
            loop = asyncio.get_running_loop()
            manager = ServiceManager(
                {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "200000", "WATCHDOG_PID": str(os.getpid())}
            )
            manager.status("loading")
            manager.ready()
            began = loop.time()
            said = [(await asyncio.wait_for(loop.sock_recv(listener, 4096), DEADLINE)).decode() for _ in range(5)]
            assert loop.time() - began >= 0.2
            manager.close()
            return said

        assert asyncio.run(run()) == ["STATUS=loading", "READY=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"]


@pytest.mark.parametrize("written", ["", "soon", "-5", "0"])
def test_a_watchdog_that_makes_no_sense_is_none(written: str, tmp_path: Path) -> None:
    async def run() -> None:
        before = len(asyncio.get_running_loop()._scheduled)  # type: ignore[attr-defined]
        ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": written}).ready()
        assert len(asyncio.get_running_loop()._scheduled) == before  # type: ignore[attr-defined]

    asyncio.run(run())


def test_without_a_manager_and_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    nobody, gone = ServiceManager({}), ServiceManager({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    assert not nobody.is_there
    for manager in (nobody, gone):
        manager.status("x")
        manager.stopping()
        manager.close()
