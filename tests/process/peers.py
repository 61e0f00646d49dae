"""Starting real processes at the ends of channels, under deadlines, and leaving nothing behind."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from typing_extensions import Self

from harness import DEADLINE
from liteyuki._platform import kill_group, spawn_options
from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, offer, pipe_pair

ROOT = Path(__file__).parents[2]
CHANNEL = "talk"
"""What the channel is called in these processes."""

_RUN = "from tests.process.channel_roles import main; main()"


class Peer:
    """A process that runs `role`, a function without a return value, as a context manager.

    Its arguments are `facts`, which JSON must be able to carry. It inherits `end`, one of a pair's two.
    """

    def __init__(self, role: Callable[..., None], *facts: object, end: socket.socket, generation: int = 1) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore::ResourceWarning",
                "-c",
                _RUN,
                role.__module__,
                role.__name__,
                *map(json.dumps, facts),
            ],
            cwd=ROOT,
            env={**os.environ, **offer("peer", generation, {CHANNEL: end})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **spawn_options((end.fileno(),)),
        )
        end.close()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self._changed.notify_all()

    def wait_for(self, pattern: str, *, count: int = 1, deadline: float = DEADLINE) -> re.Match[str]:
        """The `count`-th line of output that matches, as soon as it is there."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                assert self._changed.wait(end - time.monotonic()), f"{pattern!r} did not come:\n{self.text}"

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.wait(DEADLINE)

    def wait(self) -> int:
        """Its exit code."""
        code = self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        kill_group(self.pid)
        self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        assert self._process.stdout is not None
        self._process.stdout.close()


def peer_of(main: Channel[object], role: Callable[..., None], *facts: object, generation: int = 1) -> Peer:
    """A process at the other end of `main`."""
    near, far = pipe_pair()
    peer = Peer(role, *facts, end=far, generation=generation)
    main.attach(PipeTransport(near), generation=generation)
    return peer
