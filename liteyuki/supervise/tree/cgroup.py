"""The cgroup of one tree, in which all of it is found, and ends at once, however fast it forks."""

import contextlib
import threading
from pathlib import Path

from liteyuki._platform import child_pids, end_cgroup, is_populated, join_cgroup, make_cgroup, members_of, remove_cgroup

__all__ = ["TreeCgroup"]


class TreeCgroup:
    """Made below that of the main process; where there is none, or it cannot be, nothing is ever in it.

    The leader is moved into it by a thread of its own, which the kernel holds up for some hundredths of a second, and
    then what it has started meanwhile. What has let go of its parent so early is outside: other means find it.
    """

    def __init__(self, main: Path | None, name: str, leader: int) -> None:
        self._folder = None if main is None else main / name
        self._joining = threading.Thread(target=self._join, args=(leader,), name="liteyuki-cgroup", daemon=True)
        if self._folder is None or not make_cgroup(self._folder):
            self._folder = None
            return
        try:
            self._joining.start()
        except RuntimeError:  # no room for one more thread
            self.close()

    def _join(self, leader: int) -> None:
        assert self._folder is not None
        todo = [leader]
        for pid in todo:
            with contextlib.suppress(OSError):
                join_cgroup(self._folder, pid)
                todo += child_pids(pid)

    def is_populated(self) -> bool:
        """Whether anything in it has not ended."""
        return self._folder is not None and is_populated(self._folder)

    def members(self) -> set[int]:
        """The pids of what runs in it."""
        return set() if self._folder is None else members_of(self._folder)

    def kill(self) -> None:
        """SIGKILL all that is in it. Also from a signal handler."""
        if self._folder is not None:
            end_cgroup(self._folder)

    def close(self) -> None:
        """Remove it, before the leader's exit code is collected: a stranger could get the pid, and be moved."""
        if self._joining.ident is not None:
            self._joining.join()
        if self._folder is not None:
            remove_cgroup(self._folder)
            self._folder = None
