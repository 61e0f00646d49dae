"""One generation of a process: spawn, watch, stop, reap. It is never started twice."""

import asyncio
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from liteyuki._platform import STOP_SIGNAL, kill_group, spawn_options, watch_exit
from liteyuki._platform_terminal import tell_resized
from liteyuki.comm.channel import Channel
from liteyuki.comm.handles import offer
from liteyuki.comm.pipe import PipeTransport, pipe_pair
from liteyuki.comm.registry import current_registry
from liteyuki.comm.storage_server import detached, end_watches
from liteyuki.supervise.guard import Guard
from liteyuki.supervise.output import Output
from liteyuki.supervise.spec import ProcessSpec, ProgramKind
from liteyuki.supervise.transcript import Transcript

__all__ = ["Generation", "child_arguments"]


# Not `-m`: that would look for our modules, and Python's own, in the project's folder first.
_RUN_CHILD: Final = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    f"sys.path.append({str(Path(__file__).parents[2])!r}); "
    "from liteyuki.child import main; sys.exit(main(sys.argv[1:]))"
)


def child_arguments(spec: ProcessSpec, lifeline: int) -> list[str]:
    """The command line of a child. `lifeline` is the handle that ends when the main process is gone."""
    program = spec.program
    runner = [sys.executable, "-c", _RUN_CHILD, "--lifeline", str(lifeline)]
    if program.kind is ProgramKind.TARGET:
        import json

        call = json.dumps({"args": program.args, "kwargs": dict(program.kwargs)})
        return [*runner, "target", *program.words, call]
    return [*runner, program.kind.value, *program.words]


class Generation:
    """The `number`-th run of a process. On the loop's thread only."""

    def __init__(self, spec: ProcessSpec, number: int, guard: Guard) -> None:
        self.spec = spec
        self._guard = guard
        self.number = number
        self.pid = 0
        self.started_at = 0.0
        self.ready_at: float | None = None
        self.was_asked_to_stop = False
        self.was_killed = False
        """Whether somebody could not wait for it."""
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Exit code, or minus the number of the signal that killed it."""
        self._child: subprocess.Popen[bytes] | None = None
        self._output: Output | None = None
        self._lifeline = -1
        self._stop_watching: Callable[[], None] | None = None
        self._channels: tuple[Channel[Any], ...] = ()

    def spawn(
        self,
        channels: Mapping[str, Channel[Any]],
        environment: Mapping[str, str],
        transcript: Transcript,
    ) -> None:
        """Start the child with fresh ends of `channels`. Raises `OSError` if the system cannot."""
        ends: dict[str, tuple[socket.socket, socket.socket]] = {}
        life_reader, self._lifeline = os.pipe()
        try:
            for name in channels:
                ends[name] = pipe_pair()
            self._output = Output(transcript)
            self._child = self._popen(
                life_reader,
                {name: theirs for name, (_, theirs) in ends.items()},
                environment,
                self._output.child_handle,
            )
        except OSError:
            self._let_go()
            for ours, _ in ends.values():
                ours.close()
            raise
        finally:
            os.close(life_reader)
            for _, theirs in ends.values():
                theirs.close()
        self._begin({name: ours for name, (ours, _) in ends.items()}, channels)

    def _popen(
        self,
        life_reader: int,
        ends: Mapping[str, socket.socket],
        environment: Mapping[str, str],
        output: int,
    ) -> subprocess.Popen[bytes]:
        handles = (life_reader, *(end.fileno() for end in ends.values()))
        inherited = offer(self.spec.name, self.number, ends) if ends else {}
        return subprocess.Popen(
            child_arguments(self.spec, life_reader),
            cwd=self.spec.cwd,
            env={**environment, **self.spec.env, **inherited},
            stdout=output,
            stderr=output,
            **spawn_options(handles),
        )

    def _begin(self, ends: Mapping[str, socket.socket], channels: Mapping[str, Channel[Any]]) -> None:
        assert self._child is not None
        assert self._output is not None
        loop = asyncio.get_running_loop()
        self.pid = self._child.pid
        self._guard.add(self.pid)
        self.started_at = time.monotonic()
        self._output.start(loop)
        self._channels = tuple(channels.values())
        for name, end in ends.items():
            channels[name].attach(PipeTransport(end), generation=self.number)
        self._stop_watching = watch_exit(self.pid, loop, self._reap)

    def add_channel(self, channel: Channel[Any]) -> None:
        """Let go of `channel` as well when this generation ends."""
        if channel not in self._channels:
            self._channels += (channel,)

    def _reap(self) -> None:
        """It has exited: end what it has left in its group, then collect it, so that no pid is mistaken."""
        assert self._child is not None
        kill_group(self.pid)
        self._guard.drop(self.pid)
        code = self._child.wait()
        self._let_go()
        if not self.exited.done():
            self.exited.set_result(code)

    def _let_go(self) -> None:
        if self._stop_watching is not None:
            self._stop_watching()
        if self._output is not None:
            self._output.finish()
        for channel in self._channels:
            channel.detach()
            detached(channel, current_registry())
        self._channels = ()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def resize_terminal(self) -> None:
        """The main process's terminal has another size: so has the child's, and the child is told."""
        if self._output is not None and not self.exited.done() and self._output.resize():
            tell_resized(self.pid)

    def mark_ready(self) -> None:
        if self.ready_at is None:
            self.ready_at = time.monotonic()

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started_at

    def ask_to_stop(self) -> None:
        """SIGTERM, and whoever blocks in a `receive` over there goes on. Twice is harmless."""
        if self.was_asked_to_stop or self.exited.done():
            return
        self.was_asked_to_stop = True
        for channel in self._channels:
            end_watches(channel, current_registry())
            channel.say_stop()
        assert self._child is not None
        self._child.send_signal(STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL the child and its group."""
        if not self.exited.done():
            self.was_killed = True
            kill_group(self.pid)

    async def stop(self) -> bool:
        """Ask, wait `stop_timeout`, kill. Whether it went when it was asked."""
        self.ask_to_stop()
        done, _ = await asyncio.wait({self.exited}, timeout=self.spec.stop_timeout)
        if done:
            return True
        self.kill()
        await asyncio.wait({self.exited})
        return False

    def describe(self) -> str:
        """What runs, for the log."""
        words = self.spec.program.words
        where = Path(self.spec.cwd)
        return f"{self.spec.program.kind.value} {shlex.join(words)} ({where})"
