"""What the system tells about other processes."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from harness import wait_until
from liteyuki._platform import RunState, anonymous_memory_bytes, let_go_on, run_state

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
MIB = 2**20


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has allocated 64 MiB, and says so."""
    code = f"import sys; hoard = bytearray({64 * MIB}); print('ready', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def test_a_stopped_process_is_told_from_one_that_runs(child: "subprocess.Popen[bytes]") -> None:
    assert run_state(child.pid) is RunState.RUNNING
    os.kill(child.pid, signal.SIGSTOP)
    wait_until(lambda: run_state(child.pid) is RunState.STOPPED, "its being stopped")
    let_go_on(child.pid)
    wait_until(lambda: run_state(child.pid) is RunState.RUNNING, "its going on")


def test_a_debugger_is_told_from_a_signal(child: "subprocess.Popen[bytes]") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_ATTACH, child.pid, None, None) != 0:
        pytest.skip(f"no process may be traced here: {os.strerror(ctypes.get_errno())}")
    wait_until(lambda: run_state(child.pid) is RunState.TRACED, "its being traced")
    libc.ptrace(PTRACE_DETACH, child.pid, None, None)


def test_memory_counts_what_was_started_too(child: "subprocess.Popen[bytes]") -> None:
    alone = anonymous_memory_bytes(child.pid)
    assert alone is not None
    assert 64 * MIB <= alone < 128 * MIB
    both = anonymous_memory_bytes(os.getpid())
    assert both is not None
    assert both >= alone


def test_one_that_is_gone_takes_nothing(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    assert anonymous_memory_bytes(child.pid) is None
    assert run_state(child.pid) is RunState.RUNNING
    let_go_on(child.pid)
