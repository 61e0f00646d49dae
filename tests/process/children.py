"""The targets of the processes in these tests; each prints how far it is."""

import os
import signal
import subprocess
import sys
import time

from liteyuki.comm import get_channel, own_process
from liteyuki.comm.registry import current_registry
from tests.process import trees


def say_and_wait(word: str) -> None:
    print(word, own_process(), current_registry().generation, flush=True)
    time.sleep(3600)


def ignore_being_asked() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(3600)"]
    )
    print("ignoring", child.pid, flush=True)
    time.sleep(3600)


def end_with(code: int) -> None:
    print("ending", flush=True)
    sys.exit(code)


def die_of(number: int) -> None:
    print("a last line without an end", end="", flush=True)
    os.kill(os.getpid(), number)


def echo() -> None:
    """Send back what comes over the active channel, from a blocking `receive`."""
    channel = get_channel(f"{own_process()}-active")
    for value in channel:
        channel.send(("echo", value))
    print("nothing more comes", flush=True)


async def never() -> None:
    raise RuntimeError("on purpose")


def grow(name: str, *words: str) -> None:
    """Grow one of the trees, below a worker that ignores SIGTERM as well."""
    getattr(trees, name)(*words)


def look(code: str) -> None:
    """Run a line or two of a test's own."""
    exec(code)
