"""The targets for the tests of the watchdog and the limits: loops that turn, and loops that stop turning."""

import asyncio
import faulthandler
import re
import signal
import sys
import threading
import time
from typing import Any

from liteyuki.comm import attach_channels, get_channel
from liteyuki.comm.registry import current_registry

_armed = threading.Event()
"""Set when the thread that watches the loop has armed `faulthandler` against C code that holds the interpreter."""
_arm = faulthandler.dump_traceback_later


def _note(*args: Any, **kwargs: Any) -> None:
    _arm(*args, **kwargs)
    _armed.set()


faulthandler.dump_traceback_later = _note


def _generation() -> int:
    return current_registry().generation


async def turn() -> None:
    """A loop in good health."""
    print("turning", _generation(), flush=True)
    await asyncio.sleep(3600)


async def block_once() -> None:
    """The first generation blocks its loop; the next ones do not."""
    if _generation() == 1:
        await asyncio.sleep(0.2)
        threading.Thread(target=_wait_elsewhere, daemon=True).start()
        print("blocking", flush=True)
        _block(3600)
    await turn()


async def block_beside_once(threads: int) -> None:
    """Like `block_once`, while many threads are deep in calls of their own."""
    if _generation() == 1:
        for _ in range(threads):
            threading.Thread(target=_wait_deep, args=(9,), daemon=True).start()
        await asyncio.sleep(0.2)
        _block(3600)
    await turn()


def _wait_deep(depth: int) -> None:
    if depth:
        _wait_deep(depth - 1)
    _wait_elsewhere()


def _wait_elsewhere() -> None:
    time.sleep(3600)


def _block(seconds: float) -> None:
    time.sleep(seconds)


async def hold_the_interpreter_once() -> None:
    """The first generation is in C code that lets no other thread run, and no Python signal handler."""
    if _generation() == 1:
        await asyncio.to_thread(_armed.wait)
        print("holding", flush=True)
        re.match(r"(a+)+$", "a" * 60 + "b")
    await turn()


async def block_for(seconds: float) -> None:
    await asyncio.sleep(0.2)
    _block(seconds)
    print("blocked no more", flush=True)
    await asyncio.sleep(3600)


async def wait_for_a_message() -> None:
    """Wait for a message on the loop itself, which blocks it: that leads to a warning, and works."""
    attach_channels()
    await asyncio.sleep(0.2)
    print("waiting", flush=True)
    print("got", get_channel("a-active").receive(), flush=True)
    await asyncio.sleep(3600)


def run_a_loop_of_its_own() -> None:
    async def main() -> None:
        attach_channels()
        if _generation() == 1:
            print("blocking", flush=True)
            await asyncio.sleep(0.2)
            _block(3600)
        await turn()

    asyncio.run(main())


def end_its_loop(is_closed: bool) -> None:
    """Go on without a loop, which nobody can judge."""

    async def main() -> None:
        attach_channels()
        await asyncio.sleep(0.2)

    if is_closed:
        asyncio.run(main())
    else:
        asyncio.new_event_loop().run_until_complete(main())
    print("without a loop", flush=True)
    signal.pause()


async def grow(size_bytes: int) -> None:
    """The first generation allocates that much memory, the next ones none."""
    hoard = bytearray(size_bytes if _generation() == 1 else 0)
    print("grown", len(hoard), flush=True)
    await asyncio.sleep(3600)


async def let_another_grow(size_bytes: int) -> None:
    """The first generation starts a process that allocates that much memory."""
    if _generation() == 1:
        code = f"import time; hoard = bytearray({size_bytes}); time.sleep(3600)"
        await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    await turn()
