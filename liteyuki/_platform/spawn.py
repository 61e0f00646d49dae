"""How programs are started, and the guard that outlives this process to end them: a shell that reads from it."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["is_init", "spawn_guard", "spawn_options"]

# Reads "add PID", "ask PID" (the same, but it is asked to stop with SIGTERM), "drop PID" and "in FOLDER" (the cgroup of
# all of them, which the guard leaves), until the writer is gone, or "bye": nothing is left to do. It runs in the
# background of a shell that ends at once, in a session of its own: it is nobody's child, and no Ctrl+C reaches it. It
# is a shell because one lives as long as the main process does, and takes only a megabyte. It turns into the program
# that ends the children instead of starting it: there may be no room for one more process. If it may, it raises its
# priority over other sessions, which may be many and busy (sched(7), autogroup).
_GUARD: Final = """
trap '' HUP INT TERM
exec 3<&0
{
    echo -20 >/proc/self/autogroup
    leaders="" cgroup=""
    without() {
        unwanted=$1 kept=""
        shift
        for known; do [ "${known#ask:}" = "$unwanted" ] || kept="$kept $known"; done
    }
    while read -r verb what; do
        without "$what" $leaders; leaders=$kept
        case $verb in
            add) leaders="$leaders $what" ;;
            ask) leaders="$leaders ask:$what" ;;
            in) cgroup=$what; echo 0 >"${what%/*}/cgroup.procs" ;;
            bye) exit ;;
        esac
    done
    [ -n "$cgroup$leaders" ] || exit
    [ -x "$1" ] && exec "$@" "$cgroup" $leaders
    [ -n "$cgroup" ] && echo 1 >"$cgroup/cgroup.kill"
    for pid in $leaders; do kill -KILL "-${pid#ask:}"; done
} <&3 >/dev/null 2>&1 &
"""


def spawn_guard(ending: Sequence[str], environment: Mapping[str, str]) -> int:
    """Start the guard, which outlives this process; the handle to write `add`, `ask`, `drop`, `in` and `bye` to.

    When this process is gone, however it died, and children are left or it is in a cgroup of its own, the guard turns
    into the program `ending`. Its further words are the folder of the cgroup (or an empty word) and the pids of the
    children, some with `ask:` before them. If that program does not exist any more, the guard kills the cgroup and the
    process groups itself. A child cannot do this for itself: it may be stopped, out of handles, or in C code that holds
    the interpreter. Raises `OSError` if the system cannot.
    """
    import subprocess

    reader, writer = os.pipe()
    try:
        subprocess.run(
            ["/bin/sh", "-c", _GUARD, "liteyuki-guard", *ending],
            stdin=reader,
            env=dict(environment),
            start_new_session=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        os.close(writer)
        raise OSError(f"/bin/sh: {error}") from error
    finally:
        os.close(reader)
    return writer


def spawn_options(handles: tuple[int, ...]) -> dict[str, Any]:
    """Arguments for `subprocess.Popen`: only `handles` are passed, and the child leads a group of its own.

    The own session keeps a terminal's Ctrl+C away from the child (the main process alone answers to it), and
    lets `kill_group` reach what the child has started.
    """
    return {"pass_fds": handles, "close_fds": True, "start_new_session": True}


def is_init() -> bool:
    """Whether this is the first process of a container: it gets all orphans, and only signals that it handles."""
    return os.getpid() == 1
