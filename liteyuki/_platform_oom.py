"""Whether the kernel kills for want of memory, as far as the system tells."""

from pathlib import Path

from liteyuki._platform_cgroup import own_cgroup

__all__ = ["OomKills"]


class OomKills:
    """Tells a SIGKILL of the kernel's, for want of memory, from anybody else's.

    Linux with cgroups v2 counts such kills in the cgroup of this process, where its children are, too (`oom_kill` in
    memory.events, see the kernel's cgroup-v2.rst); no pid is told. So a kill that hit something else in the cgroup
    since `forget` can be taken for one of ours. Elsewhere nothing is ever found. `counts` is the file to read.
    """

    def __init__(self, counts: Path | None = None) -> None:
        self._counts = counts or _counts_of_own_cgroup()
        self._claimed = self._count()

    def forget(self) -> None:
        """Kills up to now are none of those to come: before a process is launched."""
        self._claimed = self._count()

    def claim(self) -> bool:
        """Whether there was a kill that nobody has claimed; each can be claimed once."""
        if self._count() <= self._claimed:
            return False
        self._claimed += 1
        return True

    def _count(self) -> int:
        if self._counts is None:
            return 0
        try:
            lines = self._counts.read_text().splitlines()
        except OSError:
            return 0
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _counts_of_own_cgroup() -> Path | None:
    if (own := own_cgroup()) is None:
        return None
    counts = own / "memory.events"
    return counts if counts.is_file() else None
