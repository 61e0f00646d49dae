"""Programs that are hard to end; `python trees.py NAME ARGUMENTS...`, and targets for a Python worker.

None of them ends at SIGTERM. Everything that they start inherits the environment, by which a test finds it.
"""

import os
import signal
import sys
import time

FOR_EVER = 3600
LONGEST = 20.0
"""Seconds after which a process that nobody ends ends by itself."""


def _stubborn() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _leave_session() -> None:
    """`setsid`, even for the leader of a group, which may not call it."""
    if os.getpid() != os.getpgid(0):
        os.setsid()


def _say(word: str) -> None:
    """A whole line at once: others print to the same place, and Python's output may be unbuffered."""
    os.write(1, f"{word}\n".encode())


def levels(depth: str) -> None:
    """A chain of processes, each in a session of its own and the child of the one before."""
    _stubborn()
    for _ in range(int(depth) - 1):
        if os.fork():
            break
        _leave_session()
        _stubborn()
    else:
        _say("grown")
    time.sleep(FOR_EVER)


def daemon(leader: str = "stays") -> None:
    """Like `levels`, but each detaches from its parent; the first one ends, too, unless it `stays`."""
    _stubborn()
    if os.fork():
        if leader == "stays":
            time.sleep(FOR_EVER)
        time.sleep(0.3 if leader == "leaves later" else 0)
        os._exit(1)
    for _ in range(2):
        os.setsid()
        if os.fork():
            os._exit(0)
    _say("grown")
    time.sleep(FOR_EVER)


def bomb(count: str, hops: str) -> None:
    """`count` processes in sessions of their own, each of which moves on to a new pid `hops` times."""
    _stubborn()
    for _ in range(int(count)):
        if not os.fork():
            for _ in range(int(hops)):
                os.setsid()
                if os.fork():
                    os._exit(0)
                time.sleep(0.005)
            time.sleep(FOR_EVER)
    _say("grown")
    time.sleep(FOR_EVER)


def restless(program: str, path: str, count: str, pause: str) -> None:
    """Runs `restless.c`, which was compiled to `program`; it locks `path`."""
    _stubborn()
    os.execv(program, [program, path, count, pause, str(LONGEST)])


def bare(*words: str) -> None:
    """Start another of these by a program that passes no environment on, as `sudo` does, except for the test's mark."""
    _stubborn()
    _say("begun")
    environment = {name: value for name, value in os.environ.items() if name == "TREE_OF_TEST"}
    os.execve(sys.executable, [sys.executable, "-S", __file__, *words], environment)


def joined(*words: str) -> None:
    """Start another of these, once it has been moved into a cgroup of its own."""
    while not _cgroup().rpartition("/")[2].startswith("a."):
        time.sleep(0.005)
    globals()[words[0]](*words[1:])


def _cgroup() -> str:
    with open("/proc/self/cgroup", encoding="utf-8") as file:  # noqa: PTH123 (quick to start)
        return next(line.strip() for line in file if line.startswith("0::"))


def obeys(path: str) -> None:
    """Start a process that writes to `path` when it is asked to stop, and end at once when asked to."""
    if not os.fork():

        def write(*_: object) -> None:
            with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 (quick to start)
                file.write("saved")
            os._exit(0)

        signal.signal(signal.SIGTERM, write)
        _say("grown")
    time.sleep(FOR_EVER)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
