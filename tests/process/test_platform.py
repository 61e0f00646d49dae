"""Everything that we ask the operating system, in each way that we ask it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import DEADLINE, free_port, listening
from liteyuki._platform import listener_of_port, lock_file, port_is_taken, signal_name, spawn_options, watch_exit
from liteyuki._platform.signals import _watch_exit_by_signal

WATCHES: dict[str, Callable[..., Callable[[], None]]] = {
    "the best there is": watch_exit,
    "by signal": _watch_exit_by_signal,
}


@pytest.mark.parametrize("watch", WATCHES.values(), ids=WATCHES.keys())
def test_an_exit_is_noticed_without_being_reaped(watch: Callable[..., Callable[[], None]]) -> None:
    sleeping = subprocess.Popen(["sleep", "1000"])
    quick = subprocess.Popen(["true"])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        over: list[str] = []
        changed = asyncio.Event()

        def note(name: str) -> None:
            over.append(name)
            changed.set()
            stops[name]()

        stops = {
            name: watch(process.pid, loop, lambda name=name: note(name))
            for name, process in (("sleeping", sleeping), ("quick", quick))
        }
        await asyncio.wait_for(changed.wait(), DEADLINE)
        assert over == ["quick"]
        assert quick.wait() == 0
        changed.clear()
        sleeping.kill()
        await asyncio.wait_for(changed.wait(), DEADLINE)
        assert over == ["quick", "sleeping"]
        assert sleeping.wait() == -signal.SIGKILL

    asyncio.run(main())


@pytest.mark.parametrize("watch", WATCHES.values(), ids=WATCHES.keys())
def test_to_stop_watching_twice_touches_no_handle_that_others_have_opened_since(
    watch: Callable[..., Callable[[], None]],
) -> None:
    child = subprocess.Popen(["sleep", "1000"])

    async def main() -> None:
        loop = asyncio.get_running_loop()
        stop_watching = watch(child.pid, loop, lambda: None)
        stop_watching()
        readers = [os.pipe() for _ in range(5)]  # the lowest numbers that are free
        for reader, _ in readers:
            loop.add_reader(reader, lambda: None)
        stop_watching()
        for reader, writer in readers:
            assert loop.remove_reader(reader)
            os.close(reader)
            os.close(writer)

    asyncio.run(main())
    child.kill()
    child.wait()


def test_who_listens_on_a_port() -> None:
    port = free_port()
    assert not port_is_taken("127.0.0.1", port)
    assert listener_of_port(port) is None
    with listening(port):
        assert port_is_taken("127.0.0.1", port)
        assert listener_of_port(port) == os.getpid()


def test_a_lock_has_one_holder_and_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib; from liteyuki._platform.handles import lock_file\n"
        "print(lock_file(pathlib.Path(sys.argv[1])), flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert "None" in holder.stdout.readline()
    assert lock_file(path) == (-1, holder.pid)
    holder.kill()
    holder.communicate()
    handle, other = lock_file(path)
    assert other is None
    os.close(handle)


def test_signal_names() -> None:
    assert signal_name(9) == "SIGKILL"
    assert signal_name(250) == "250"


def test_only_what_is_meant_is_passed_on() -> None:
    one, other = socket.socketpair()
    with one, other:
        ended = subprocess.run(
            ["sh", "-c", "ls /proc/self/fd; ps -o pgid= -p $$; echo $$"],
            capture_output=True,
            text=True,
            check=True,
            timeout=DEADLINE,
            **spawn_options((one.fileno(),)),
        )
        *handles, group, pid = ended.stdout.split()
        assert str(one.fileno()) in handles
        assert str(other.fileno()) not in handles
        assert group == pid
