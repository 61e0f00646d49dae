"""One generation of a process: spawn, watch, stop, reap. It is never started twice."""

import asyncio
import contextlib
import json
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from liteyuki._platform import STOP_SIGNAL, send_signal, spawn_options, tell_resized, watch_exit
from liteyuki.comm.channel import Channel
from liteyuki.comm.registry import current_registry
from liteyuki.comm.transport import PipeTransport, offer, pipe_pair
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.output import Output, Tail, Transcript
from liteyuki.supervise.spec import ProcessSpec, ProgramKind
from liteyuki.supervise.tree.guard import Guard, Tree
from liteyuki.vitals import Loaded, LoadingPage, Pulse, make_loading_page, make_pulse, offer_loading, offer_pulse

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
    if spec.conditions.given:
        runner += ["--conditions", json.dumps(spec.conditions.given)]
    if program.kind is ProgramKind.TARGET:
        call = json.dumps({"args": program.args, "kwargs": dict(program.kwargs)})
        return [*runner, "target", *program.words, call]
    return [*runner, program.kind.value, *program.words]


class Generation:
    """The `number`-th run of a process. On the loop's thread only."""

    def __init__(self, spec: ProcessSpec, number: int, guard: Guard, leave_out: tuple[str, ...] = ()) -> None:
        """`leave_out`: the plugins that it is not to load."""
        self.spec = spec
        self._leave_out = leave_out
        self._guard = guard
        self.number = number
        self.pid = 0
        self.started_at = 0.0
        self.ready_at: float | None = None
        self.was_asked_to_stop = False
        self.was_killed = False
        """Whether somebody could not wait for it."""
        self.ended_for: Cause | None = None
        """Why we end it, set by whoever does; None as long as nobody does."""
        self.problem = ""
        """Why it cannot start, in its own words."""
        self.pulse: Pulse | None = None
        """Where its event loop counts its turns, if anybody looks."""
        self.was_loading: Loaded | None = None
        """The plugin that was being loaded when it ended, if any was, and it has safe mode."""
        self.not_loaded: tuple[str, ...] = ()
        """The plugins that did not load because they need one that is left out."""
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Exit code, or minus the number of the signal that killed it."""
        self._child: subprocess.Popen[bytes] | None = None
        self._tree: Tree | None = None
        self._ending: asyncio.Task[None] | None = None
        self._output: Output | None = None
        self._loading: LoadingPage | None = None
        self._tail: Tail | None = None
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
        given: dict[int, dict[str, str]] = {}
        try:
            for name in channels:
                ends[name] = pipe_pair()
            if channels and self.spec.watchdog:
                self.pulse, handle = make_pulse(self.spec.watchdog)
                given[handle] = offer_pulse(handle)
            if self.spec.safe_mode and self.spec.program.runs_nonebot:
                self._loading, handle = make_loading_page()
                given[handle] = offer_loading(handle, self._leave_out)
            self._output = Output(transcript)
            self._tail = transcript.tail
            self._child = self._popen(
                life_reader,
                given,
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
            for handle in given:
                os.close(handle)
            for _, theirs in ends.values():
                theirs.close()
        self._begin({name: ours for name, (ours, _) in ends.items()}, channels)

    def _popen(
        self,
        life_reader: int,
        given: Mapping[int, Mapping[str, str]],
        ends: Mapping[str, socket.socket],
        environment: Mapping[str, str],
        output: int,
    ) -> subprocess.Popen[bytes]:
        """`given`: more handles that it inherits, each with the environment that tells of it."""
        handles = (life_reader, *given, *(end.fileno() for end in ends.values()))
        inherited = offer(self.spec.name, self.number, ends) if ends else {}
        for variables in given.values():
            inherited |= variables
        options: dict[str, Any] = {
            "cwd": self.spec.cwd,
            "env": {
                **environment,
                **self.spec.env,
                **inherited,
                **self._guard.marks.for_child(self.spec.name, self.number),
            },
            "stdout": output,
            "stderr": output,
        }
        if self.spec.program.kind is ProgramKind.COMMAND and not self.spec.conditions.given:
            # Where it cannot be run, ours says so, as it does of one that has conditions.
            with contextlib.suppress(OSError):
                return subprocess.Popen(self.spec.program.words, **options, **spawn_options(()))
        return subprocess.Popen(child_arguments(self.spec, life_reader), **options, **spawn_options(handles))

    def _begin(self, ends: Mapping[str, socket.socket], channels: Mapping[str, Channel[Any]]) -> None:
        assert self._child is not None
        assert self._output is not None
        loop = asyncio.get_running_loop()
        self.pid = self._child.pid
        self._tree = self._guard.add(self.pid, self.spec.name, self.number, asks=not self.spec.program.has_channels)
        self.started_at = time.monotonic()
        self._output.start(loop)
        self._channels = tuple(channels.values())
        for name, end in ends.items():
            channels[name].attach(PipeTransport(end), generation=self.number)
        self._stop_watching = watch_exit(self.pid, loop, self._has_exited)

    def add_channel(self, channel: Channel[Any]) -> None:
        """Let go of `channel` as well when this generation ends."""
        if channel not in self._channels:
            self._channels = (*(one for one in self._channels if one.closed is None), channel)

    def _has_exited(self) -> None:
        """It is not collected before nothing of its tree runs, so that no pid is mistaken, and no port is taken."""
        assert self._tree is not None
        try:
            self._let_go_of_ends()
        finally:
            self._ending = asyncio.ensure_future(self._end(self._tree))
            self._ending.add_done_callback(asyncio.Task.result)  # what it raises is for the loop's handler, at once

    async def _end(self, tree: Tree) -> None:
        try:
            if await tree.is_left_running():
                await self._end_what_is_left(tree)
        finally:
            self._reap()  # whatever went wrong: who waits for the end must hear of it, or nothing is started again

    async def _end_what_is_left(self, tree: Tree) -> None:
        """What a stop has left may stop, too, within `stop_timeout`; what a crash has left is killed."""
        if self.was_asked_to_stop and not self.was_killed:
            tree.ask()
            await tree.until_gone()
        elif not self.was_asked_to_stop:
            logger.warning(text("process.left_running", name=self.spec.name, what=tree.described()))
        if not await tree.end():
            logger.error(text("process.cannot_end", name=self.spec.name, what=tree.described()))

    def _reap(self) -> None:
        assert self._child is not None
        assert self._tree is not None
        try:
            self._tree.kill_group()
            self._tree.drop()
        finally:
            code = self._child.wait()
            try:
                self._let_go()
            finally:
                if not self.exited.done():
                    self.exited.set_result(code)

    def _let_go(self) -> None:
        self._let_go_of_ends()
        if self._loading is not None:
            self.was_loading = self._loading.read()
            self._loading.close()
            self._loading = None
        if self._output is not None:
            self._output.finish()

    def _let_go_of_ends(self) -> None:
        if self._stop_watching is not None:
            self._stop_watching()
        for channel in self._channels:
            channel.detach()
            current_registry().storage.detached(channel)
        self._channels = ()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def resize_terminal(self) -> None:
        """The main process's terminal has another size: so has the child's, and the child is told."""
        if self._output is not None and not self.exited.done() and self._output.resize():
            tell_resized(self.pid)

    def keep_all_it_prints(self) -> None:
        """What comes from now on tells why it ends: it goes on record, however long."""
        if self._tail is not None:
            self._tail.keep_all()

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
            current_registry().storage.end_watches(channel)
            channel.say_stop()
        send_signal(self.pid, STOP_SIGNAL)

    def kill(self) -> None:
        """SIGKILL the child and everything that it has started. Also from a signal handler."""
        if not self.exited.done() and self._tree is not None:
            self.was_killed = True
            self._tree.kill()

    async def stop(self) -> bool:
        """Ask, wait `stop_timeout`, kill. Whether it went when it was asked."""
        self.ask_to_stop()
        done, _ = await asyncio.wait({self.exited}, timeout=self.spec.stop_timeout)
        if done:
            return True
        self._say_what_runs()
        self.kill()
        await asyncio.wait({self.exited})
        return False

    def _say_what_runs(self) -> None:
        if self._tree is not None and (what := self._tree.described()):
            logger.warning(text("process.still_running", name=self.spec.name, what=what))

    def describe(self) -> str:
        """What runs, for the log."""
        words = self.spec.program.words
        where = Path(self.spec.cwd)
        return f"{self.spec.program.kind.value} {shlex.join(words)} ({where})"
