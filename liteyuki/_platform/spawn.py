"""How programs are started, and what outlives this process to end them: a shell that waits for its writer to go."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["is_init", "spawn_guard", "spawn_options"]

# Reads "add PID", "ask PID" (the same, and SIGTERM is how it is asked to stop), "drop PID" and "in FOLDER" (the cgroup
# that all are in, out of which it goes itself) until whoever writes is gone, or "bye": nothing is left to do. It runs
# in the background of a shell that ends at once, in a session of its own: nobody's child, and no Ctrl+C reaches it. A
# shell, because it is there as long as the main process is, and takes a megabyte. It turns into what ends the
# children, rather than start it: there may be no room for one more process. Where it may, it comes before other
# sessions, which may be many and busy (sched(7), autogroup).
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
    """Start what outlives this process to end its children; the handle to write `add`, `ask`, `drop`, `in`, `bye` to.

    When this process is gone, however it died, and some were added and not dropped, or it is in a cgroup of its own,
    it turns into the program `ending`, with the folder of the cgroup (or an empty word) and the pids of those as
    further words, `ask:` before some. Where there is no such program any more, it kills the cgroup and their groups.
    A child cannot be left to do this itself: it may be stopped, out of handles, or in C code that holds the
    interpreter. Raises `OSError` if the system cannot.
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
    """Whether this is the first process of a container, which gets all orphans, and only the signals it asks for."""
    return os.getpid() == 1
