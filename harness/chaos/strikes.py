"""Carries a blow out on a running tree."""

import os
import random
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from harness import is_alive, wait_until, wait_until_gone
from harness.chaos.blows import PROCESSES, Blow, Kind, Limb
from harness.chaos.ring import Ring

__all__ = ["spoil", "strike"]

GROWN_TIMEOUT = 20.0
SPOILED_BYTES = 8192


def strike(ring: Ring, blow: Blow, chance: random.Random) -> None:
    """Carry out `blow`. Its consequences may still be under way when this returns."""
    if blow.limb is Limb.LEADER:
        _STRIKES[blow.kind](ring, blow, chance)
        return
    pid = _pid_of_limb(ring, blow)
    _signal(pid, blow)
    if blow.kind is Kind.KILL:
        wait_until_gone(pid)
        _pid_of_limb(ring, blow)  # another one, as before


def _pid_of_limb(ring: Ring, blow: Blow) -> int:
    def find() -> int | None:
        pids = ring.tree.orders.give(blow.process, "grow") or {}
        pid = pids.get(blow.limb.value, 0)
        return pid if pid and is_alive(pid) else None

    pid: int = wait_until(find, f"the {blow.limb.value} of {blow.process}")
    return pid


def _signal(pid: int, blow: Blow) -> None:
    if blow.kind is Kind.PAUSE:
        os.kill(pid, signal.SIGSTOP)
        time.sleep(blow.seconds)
        os.kill(pid, signal.SIGCONT)
    else:
        os.kill(pid, {Kind.KILL: signal.SIGKILL, Kind.TERMINATE: signal.SIGTERM}.get(blow.kind, signal.SIGSTOP))


def _kill(ring: Ring, process: str) -> None:
    os.kill(ring.pid(process), signal.SIGKILL)


def _signal_leader(ring: Ring, blow: Blow, _: random.Random) -> None:
    _signal(ring.pid(blow.process), blow)


def _kill_all(ring: Ring, blow: Blow, _: random.Random) -> None:
    for pid in [ring.pid(process) for process in PROCESSES]:
        os.kill(pid, signal.SIGKILL)


def _kill_in_a_row(ring: Ring, blow: Blow, _: random.Random) -> None:
    pid = 0
    for _number in range(blow.count):
        pid = ring.pid(blow.process, other_than=pid)
        os.kill(pid, signal.SIGKILL)


def _exit(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.tree.orders.say(blow.process, "exit", code=blow.code)


def _block(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.tree.orders.give(blow.process, "block")


def _close_channels(ring: Ring, blow: Blow, _: random.Random) -> None:
    _live_on_and_be_killed(ring, blow, "close channels")


def _close_output(ring: Ring, blow: Blow, _: random.Random) -> None:
    _live_on_and_be_killed(ring, blow, "close output")


def _live_on_and_be_killed(ring: Ring, blow: Blow, order: str) -> None:
    ring.tree.orders.give(blow.process, order)
    ring.until_running(blow.process, 0)
    _kill(ring, blow.process)


def _bomb(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.tree.orders.give(blow.process, "bomb", timeout=GROWN_TIMEOUT, count=blow.count, hops=blow.hops)
    time.sleep(blow.seconds / 3)
    _kill(ring, blow.process)


def _fill_disk(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.disk.fill(ring.main.pid)
    try:
        _kill(ring, blow.process)
        ring.until_running(blow.process, 1)
    finally:
        ring.disk.free(ring.main.pid)
    _kill(ring, blow.process)


def _spoil_history(ring: Ring, blow: Blow, chance: random.Random) -> None:
    spoil(ring.tree.history, blow.spoil, chance)
    _kill(ring, blow.process)


def _kill_guard(ring: Ring, blow: Blow, _: random.Random) -> None:
    os.kill(ring.guard(), signal.SIGKILL)


def _pause_main(ring: Ring, blow: Blow, _: random.Random) -> None:
    pid = ring.pid(blow.process)  # afterwards nobody can be asked for it
    ring.main.send(signal.SIGSTOP)
    os.kill(pid, signal.SIGKILL)
    time.sleep(blow.seconds)
    ring.main.send(signal.SIGCONT)


def _stop_main(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.end_main(signal.SIGTERM)


def _kill_main(ring: Ring, blow: Blow, _: random.Random) -> None:
    ring.end_main(signal.SIGKILL)


_STRIKES: dict[Kind, Callable[[Ring, Blow, random.Random], None]] = {
    Kind.KILL: _signal_leader,
    Kind.KILL_ALL: _kill_all,
    Kind.KILL_IN_A_ROW: _kill_in_a_row,
    Kind.TERMINATE: _signal_leader,
    Kind.PAUSE: _signal_leader,
    Kind.FREEZE: _signal_leader,
    Kind.EXIT: _exit,
    Kind.BLOCK: _block,
    Kind.CLOSE_CHANNELS: _close_channels,
    Kind.CLOSE_OUTPUT: _close_output,
    Kind.BOMB: _bomb,
    Kind.FILL_DISK: _fill_disk,
    Kind.SPOIL_HISTORY: _spoil_history,
    Kind.KILL_GUARD: _kill_guard,
    Kind.PAUSE_MAIN: _pause_main,
    Kind.STOP_MAIN: _stop_main,
    Kind.KILL_MAIN: _kill_main,
}


def spoil(history: Path, how: str, chance: random.Random) -> None:
    """Damage the history's file in that way."""
    garbage = chance.randbytes(SPOILED_BYTES)
    log = Path(f"{history}-wal")
    if how == "garbage":
        history.write_bytes(garbage)
    elif how == "a hole":
        with history.open("r+b") as file:
            file.seek(history.stat().st_size // 2)
            file.write(garbage)
    elif how == "emptied":
        history.write_bytes(b"")
    elif how == "deleted":
        history.unlink(missing_ok=True)
    elif how == "log garbage":
        log.write_bytes(garbage)
    else:
        other = history.with_name("other.db")
        with sqlite3.connect(other) as database:
            database.execute("CREATE TABLE other (thing TEXT)")
        database.close()
        other.replace(history)
