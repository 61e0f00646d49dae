"""What outlives this process to end its children: a shell that waits until whoever writes to it is gone."""

import os
import subprocess
from collections.abc import Mapping
from typing import Final

__all__ = ["spawn_guard"]

# Reads "add PID", "ask PID" (the same, and SIGTERM is how it is asked to stop) and "drop PID" until whoever writes is
# gone. It runs in the background of a shell that ends at once, in a session of its own: nobody's child, and no Ctrl+C
# reaches it. A shell, because it is there as long as the main process is, and takes a megabyte.
#
# `look` finds what runs: the leaders that were added, what carries the mark in its environment, and whatever is below
# either. It is called before anything is killed, when even those without the mark are still below a leader; and again
# until it finds nothing. Where there is no /proc, only the groups are known.
#
# `hunt` is for those that fork and end all the time, and have moved on to another pid when `look` has found them: it
# starts no program, reads only pids that it has not seen, and kills at once.
_GUARD: Final = """
trap '' HUP INT TERM
exec 3<&0
{
    last=$1 mark=$2 leaders="" asked="" found=""
    without() {
        unwanted=$1 kept=""
        shift
        for known; do [ "$known" = "$unwanted" ] || kept="$kept $known"; done
    }
    look() {
        found=$leaders
        for path in $(grep -lsF -- "$mark" /proc/[0-9]*/environ); do
            path=${path#/proc/}
            found="$found ${path%/environ}"
        done
        [ -n "$found" ] || return
        parents=$(grep -s '^PPid:' /proc/[0-9]*/status)
        before=""
        while [ "$found" != "$before" ]; do
            before=$found
            for word in $parents; do
                case $word in
                    /proc/*) pid=${word#/proc/} pid=${pid%%/*} ;;
                    *) case " $found " in *" $pid "*) ;; *" $word "*) found="$found $pid" ;; esac ;;
                esac
            done
        done
    }
    hunt() {
        quiet=0 rounds=0 known=" "
        for path in $(grep -ls = /proc/[0-9]*/environ); do
            path=${path#/proc/}
            known="$known${path%/environ} "
        done
        while [ "$quiet" -lt 50 ] && [ "$rounds" -lt 2000 ]; do
            quiet=$((quiet + 1)) rounds=$((rounds + 1))
            for path in /proc/[0-9]*; do
                pid=${path#/proc/}
                case $known in *" $pid "*) continue ;; esac
                environment=""
                read -r environment <"$path/environ"
                case $environment in
                    *"$mark"*) kill -KILL "$pid"; quiet=0 ;;
                    ?*) known="$known$pid " ;;
                esac
            done
        done
    }
    while read -r verb pid; do
        without "$pid" $leaders; leaders=$kept
        without "$pid" $asked; asked=$kept
        [ "$verb" = drop ] || leaders="$leaders $pid"
        [ "$verb" = ask ] && asked="$asked $pid"
    done
    look
    [ -n "$found" ] || exit
    for pid in $asked; do kill -TERM "$pid"; done
    first=$found
    sleep "$last"
    for pid in $leaders; do kill -KILL "-$pid"; done
    for pid in $first; do kill -KILL "$pid"; done
    leaders="" tries=0
    while look; [ "$tries" -lt 10 ]; do
        for pid in $found; do kill -KILL "$pid"; done
        hunt
        look
        [ -n "$found" ] || break
        tries=$((tries + 1))
    done
} <&3 >/dev/null 2>&1 &
"""


def spawn_guard(last_seconds: float, mark: str, environment: Mapping[str, str]) -> int:
    """Start what outlives this process to end its children; the handle to write `add`, `ask` and `drop` lines to.

    When this process is gone, however it died, each leader that was added and not dropped gets SIGKILL after
    `last_seconds`, with its group, with everything below it, and with everything whose environment has `mark` in it
    (Linux; elsewhere the groups). A child cannot be left to do this itself: it may be stopped, out of handles, or in
    C code that holds the interpreter. Raises `OSError` if the system cannot.
    """
    reader, writer = os.pipe()
    try:
        subprocess.run(
            ["/bin/sh", "-c", _GUARD, "liteyuki-guard", str(last_seconds), mark],
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
