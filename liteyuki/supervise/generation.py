"""One generation of a process: spawn, watch, stop, reap. It is never started twice."""

import asyncio
import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from liteyuki._platform import STOP_SIGNAL, send_signal, spawn_options, tell_resized, watch_exit
from liteyuki.comm.transport import offer
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.channels import ProcessChannels
from liteyuki.supervise.output import Output, Transcript
from liteyuki.supervise.spec import Conditions, ProcessSpec, ProgramKind
from liteyuki.supervise.tree import Guard, Tree
from liteyuki.vitals import Loaded, LoadingPage, Pulse, make_loading_page, make_pulse, offer_loading, offer_pulse

__all__ = ["Generation"]


# Not `-m`: that would look for our modules, and Python's own, in the project's folder first.
_RUN_CHILD: Final = (
    "import sys; sys.path[:] = [path for path in sys.path if path]; "
    f"sys.path.append({str(Path(__file__).parents[2])!r}); "
    "from liteyuki.child import main; sys.exit(main(sys.argv[1:]))"
)


class Generation:
    """The `number`-th run of a process. On the loop's thread only."""

    def __init__(
        self,
        spec: ProcessSpec,
        number: int,
        *,
        guard: Guard,
        channels: ProcessChannels,
        transcript: Transcript,
        leave_out: tuple[str, ...] | None,
    ) -> None:
        """`leave_out`: the plugins that it is not to load; None for one without safe mode."""
        self.spec = spec
        self.number = number
        self.pid = 0
        self.started_at = 0.0
        self.ready_at: float | None = None
        self.was_asked_to_stop = False
        self.was_killed = False
        """Whether somebody could not wait for it."""
        self.ended_for: Cause | None = None
        """Why we end it; None as long as nobody does."""
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
        self._leave_out = leave_out
        self._guard = guard
        self._channels = channels
        self._transcript = transcript
        self._child: subprocess.Popen[bytes] | None = None
        self._tree: Tree | None = None
        self._ending: asyncio.Task[None] | None = None
        self._output: Output | None = None
        self._loading: LoadingPage | None = None
        self._lifeline = -1
        """Ends over there when this process does."""
        self._stop_watching: Callable[[], None] | None = None

    # --- it begins

    def spawn(self, environment: Mapping[str, str]) -> None:
        """Start the child with fresh ends of its channels. Raises `OSError` if the system cannot."""
        loop = asyncio.get_running_loop()
        with contextlib.ExitStack() as given:  # what it gets: it has its own copies when this ends
            life_reader, self._lifeline = os.pipe()
            given.callback(os.close, life_reader)
            ours: dict[str, socket.socket] = {}
            try:
                ours, theirs = self._channels.make_ends()
                for end in theirs.values():
                    given.callback(end.close)
                handles, variables = self._make_pages()
                for handle in handles:
                    given.callback(os.close, handle)
                if theirs:
                    variables |= offer(self.spec.name, self.number, theirs)
                    handles += map(socket.socket.fileno, theirs.values())
                self._output = Output(self._transcript)
                self._child = self._popen([life_reader, *handles], {**environment, **self.spec.env, **variables})
            except OSError:
                self._let_go()
                for end in ours.values():
                    end.close()
                raise
        self.pid = self._child.pid
        self._tree = self._guard.add(self.pid, self.spec.name, self.number, asks=not ours)
        self.started_at = time.monotonic()
        self._output.start(loop)
        self._channels.attach(self.number, ours)
        self._stop_watching = watch_exit(self.pid, loop, self._has_exited)

    def _make_pages(self) -> tuple[list[int], dict[str, str]]:
        """Memory that the child shares with us: its handles, and the variables that tell of them."""
        handles: list[int] = []
        variables: dict[str, str] = {}
        try:
            if self.spec.watchdog and self._channels.of_core:
                self.pulse, handle = make_pulse(self.spec.watchdog)
                handles.append(handle)
                variables |= offer_pulse(handle)
            if self._leave_out is not None:
                self._loading, handle = make_loading_page()
                handles.append(handle)
                variables |= offer_loading(handle, self._leave_out)
        except OSError:
            for handle in handles:
                os.close(handle)
            raise
        return handles, variables

    def _popen(self, handles: list[int], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        """`handles`: what it inherits, the end of the lifeline first."""
        assert self._output is not None
        options: dict[str, Any] = {
            "cwd": self.spec.cwd,
            "env": environment | self._guard.marks.for_child(self.spec.name, self.number),
            "stdout": self._output.child_handle,
            "stderr": self._output.child_handle,
        }
        program = self.spec.program
        conditions = self.spec.conditions.given if self.spec.conditions != Conditions() else {}
        if program.kind is ProgramKind.COMMAND and not conditions:
            # Where it cannot be run, ours says so, as it does of one that has conditions.
            with contextlib.suppress(OSError):
                return subprocess.Popen(program.words, **options, **spawn_options(()))
        runner = [sys.executable, "-c", _RUN_CHILD, "--lifeline", str(handles[0])]
        if conditions:
            runner += ["--conditions", json.dumps(conditions)]
        runner += [program.kind.value, *program.words]
        if program.kind is ProgramKind.TARGET:
            runner.append(json.dumps({"args": program.args, "kwargs": dict(program.kwargs)}))
        return subprocess.Popen(runner, **options, **spawn_options(tuple(handles)))

    def describe(self) -> str:
        """What runs, for the log."""
        program = self.spec.program
        return f"{program.kind.value} {shlex.join(program.words)} ({self.spec.cwd})"

    # --- it runs

    def mark_ready(self) -> None:
        if self.ready_at is None:
            self.ready_at = time.monotonic()

    @property
    def uptime(self) -> float:
        return time.monotonic() - self.started_at

    def resize_terminal(self) -> None:
        """The main process's terminal has another size: so has the child's, and the child is told."""
        if self._output is not None and not self.exited.done() and self._output.resize():
            tell_resized(self.pid)

    def pass_on(self, number: signal.Signals) -> None:
        """Send it a signal that means nothing to us."""
        send_signal(self.pid, number)

    def keep_all_it_prints(self) -> None:
        """What comes from now on tells why it ends: it goes on record, however long."""
        self._transcript.tail.keep_all()

    # --- it is to end

    async def stop(self, cause: Cause) -> bool:
        """Ask, wait `stop_timeout`, kill. Whether it went when it was asked."""
        self.ended_for = cause
        self._ask_to_stop()
        done, _ = await asyncio.wait({self.exited}, timeout=self.spec.stop_timeout)
        if done:
            return True
        if self._tree is not None and (what := self._tree.described()):
            logger.warning(text("process.still_running", name=self.spec.name, what=what))
        self.kill()
        await asyncio.wait({self.exited})
        return False

    def _ask_to_stop(self) -> None:
        """SIGTERM, and whoever blocks in a `receive` over there goes on."""
        if not self.was_asked_to_stop and not self.exited.done():
            self.was_asked_to_stop = True
            self._channels.say_stop()
            send_signal(self.pid, STOP_SIGNAL)

    def kill(self, cause: Cause | None = None) -> None:
        """SIGKILL the child and everything that it has started. Also from a signal handler.

        `cause`: why, if nobody has said so before.
        """
        if not self.exited.done() and self._tree is not None:
            self.ended_for = self.ended_for or cause
            self.was_killed = True
            self._tree.kill()

    # --- it has ended

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
            self._reap(tree)  # whatever went wrong: who waits for the end must hear of it, or nothing is started again

    async def _end_what_is_left(self, tree: Tree) -> None:
        """What a stop has left may stop, too, within `stop_timeout`; what a crash has left is killed."""
        if self.was_asked_to_stop and not self.was_killed:
            tree.ask()
            await tree.until_gone()
        elif not self.was_asked_to_stop:
            logger.warning(text("process.left_running", name=self.spec.name, what=tree.described()))
        if not await tree.end():
            logger.error(text("process.cannot_end", name=self.spec.name, what=tree.described()))

    def _reap(self, tree: Tree) -> None:
        assert self._child is not None
        try:
            tree.drop()
        finally:
            code = self._child.wait()
            try:
                self._let_go()
            finally:
                if not self.exited.done():
                    self.exited.set_result(code)

    def _let_go(self) -> None:
        """Everything that is held for it."""
        self._let_go_of_ends()
        if self._loading is not None:
            self.was_loading = self._loading.read()
            self._loading.close()
            self._loading = None
        if self._output is not None:
            self._output.finish()

    def _let_go_of_ends(self) -> None:
        """Idempotent."""
        if self._lifeline >= 0:
            if self._stop_watching is not None:
                self._stop_watching()
            self._channels.detach()
            os.close(self._lifeline)
            self._lifeline = -1
