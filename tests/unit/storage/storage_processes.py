"""The main process's half of the storage, with real child processes at the other end of its channels."""

import asyncio
import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from liteyuki.comm import Channel
from liteyuki.comm.registry import Registry
from liteyuki.comm.transport import PipeTransport, offer, pipe_pair

__all__ = ["ChildProcess", "MainProcess"]

ROOT = Path(__file__).parents[3]
DEADLINE = 30.0
"""Seconds for anything that must happen at all."""


class ChildProcess:
    """One generation of a child, and what it says."""

    def __init__(self, name: str, process: "subprocess.Popen[str]") -> None:
        self.name = name
        self.process = process
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def says(self) -> Any:
        """The next value that it says."""
        line = self._lines.get(timeout=DEADLINE)
        assert line, f"{self.name} has ended with {self.process.wait(DEADLINE)}"
        return json.loads(line)

    def go(self) -> None:
        """Let it go on from `until_told`."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class MainProcess:
    """This process's registry, served by an event loop on a thread of its own."""

    def __init__(self) -> None:
        self.registry = Registry(inherits=False)
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self._children: list[ChildProcess] = []
        self._generations: dict[str, int] = {}

    def on_loop(self, function: Callable[[], Any]) -> Any:
        """What `function` returns on the loop's thread."""

        async def call() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(DEADLINE)

    def start(self, name: str, function: Callable[..., None], *arguments: Any) -> ChildProcess:
        """Start the next generation of the child `name`, which calls a function of `storage_children`."""
        channel = self._channel(name)
        generation = self._generations[name] = self._generations.get(name, 0) + 1
        near, far = pipe_pair()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.storage.storage_children", function.__name__, json.dumps(arguments)],
            cwd=ROOT,
            env={**os.environ, **offer(name, generation, {channel.name: far})},
            pass_fds=[far.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        far.close()
        self.on_loop(lambda: channel.attach(PipeTransport(near), generation=generation))
        child = ChildProcess(name, process)
        self._children.append(child)
        return child

    def end(self, child: ChildProcess) -> None:
        """Kill it, and do what the core does then."""
        child.end()
        self._children.remove(child)
        channel = self._channel(child.name)
        self.on_loop(channel.detach)
        self.on_loop(lambda: self.registry.storage.detached(channel))

    def close(self) -> None:
        for child in tuple(self._children):
            self.end(child)
        for channel in self.registry.table.channels.values():
            self.on_loop(channel.close)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.close()

    def _channel(self, name: str) -> Channel[Any]:
        full_name = f"{name}-passive"
        channel = self.registry.table.get(full_name)
        if channel is None:
            channel = self.on_loop(lambda: self._make_channel(full_name))
            self.registry.table.add(full_name, channel)
        return channel

    def _make_channel(self, full_name: str) -> Channel[Any]:
        channel = Channel[Any](full_name)
        channel.keep_untaken()
        channel.bind(self.loop)
        self.registry.subscribers.bind(self.loop)
        self.registry.storage.serve(channel)
        return channel
