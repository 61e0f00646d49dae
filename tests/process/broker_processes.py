"""Children that set, get and use channels as they are told, for the tests of the broker."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import DEADLINE, wait_until
from liteyuki.comm import Channel, get_channel
from liteyuki.comm.protocol import Origin
from liteyuki.supervise.spec import Backoff, GiveUp, ProcessSpec, ProcessState, Program, ProgramKind
from tests.process.numbers import read_records
from tests.process.test_supervisor import ROOT, Watched

AT_ONCE = {"backoff": Backoff(base=0.0, max=0.0), "give_up": GiveUp(deaths=10**6)}
KINDS = ["obey", "obey_on_loop", "obey_in_thread"]
"""Children without an event loop, on one, and in a thread beside one."""


def child(name: str, function: str, *arguments: object, **changes: Any) -> ProcessSpec:
    program = Program(ProgramKind.TARGET, (f"tests.process.broker_children:{function}",), arguments)
    return ProcessSpec(name=name, program=program, cwd=ROOT, **{**AT_ONCE, **changes})


class Failed(Exception):
    """What a child was told to do has failed there: the error's name, its message, and the names in it."""


class Obeying:
    """A child that does as it is told."""

    def __init__(self, watched: Watched, name: str) -> None:
        self.name = name
        self._watched = watched
        self._active = get_channel(f"{name}-active")

    async def do(self, order: str, *facts: Any) -> Any:
        self._active.send((order, *facts))
        outcome, value = await self.told()
        if outcome == "failed":
            raise Failed(*value)
        return value

    async def told(self) -> Any:
        return await asyncio.wait_for(self._active.async_receive(), DEADLINE)

    async def set(self, name: str, to: str | None = None, **options: Any) -> None:
        await self.do("set", name, to, options)

    async def kill(self) -> None:
        """SIGKILL, and until the next one is ready."""
        status = self._watched.supervisor.keeper(self.name).status()
        assert status.pid is not None
        os.kill(status.pid, signal.SIGKILL)
        await self._until_after(status.generation)

    async def kill_for_good(self) -> None:
        """SIGKILL one that is not to be restarted."""
        keeper = self._watched.supervisor.keeper(self.name)
        os.kill(keeper.status().pid or 0, signal.SIGKILL)
        await self._watched.until(lambda: keeper.state is ProcessState.STOPPED, f"the end of {self.name}")

    def start_again(self) -> None:
        self._watched.supervisor.restart(self.name, reason="test", origin=Origin(kind="main"))

    async def restart(self) -> None:
        """As somebody asks for it, and until the next one is ready."""
        generation = self._watched.supervisor.keeper(self.name).status().generation
        answer = self._watched.supervisor.restart(self.name, reason="test", origin=Origin(kind="main"))
        assert answer.accepted
        await self._until_after(generation)

    async def _until_after(self, generation: int) -> None:
        keeper = self._watched.supervisor.keeper(self.name)

        def is_ready() -> bool:
            status = keeper.status()
            return status.generation > generation and status.state == "ready"

        await self._watched.until(is_ready, f"the next {self.name}")


async def receive(channel: Channel[Any], count: int) -> list[Any]:
    return [await asyncio.wait_for(channel.async_receive(), DEADLINE) for _ in range(count)]


async def until(condition: Callable[[], Any], what: str) -> None:
    """Let the loop turn until `condition` holds."""
    end = asyncio.get_running_loop().time() + DEADLINE
    while not condition():
        assert asyncio.get_running_loop().time() < end, what
        await asyncio.sleep(0.001)


async def until_recorded(path: Path, number: int) -> None:
    def is_recorded() -> bool:
        return path.exists() and bool(records := read_records(path.read_bytes())) and records[-1].number >= number

    await asyncio.to_thread(wait_until, is_recorded, f"number {number}")
