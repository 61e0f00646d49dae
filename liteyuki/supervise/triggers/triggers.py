"""What ends a process without anybody asking: the watchdog, limits, the schedule, changed files.

Its keeper tells what happens to it; all that is not set costs nothing.
"""

from typing import Protocol

from liteyuki.locale import text
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.spec import ProcessSpec
from liteyuki.supervise.triggers.file_watch import FileWatch
from liteyuki.supervise.triggers.limits import AgeLimit, MemoryLimit, Restart
from liteyuki.supervise.triggers.schedule import Schedule
from liteyuki.supervise.triggers.watchdog import Watchdog

__all__ = ["Triggers"]


class _Trigger(Protocol):
    def ready(self, generation: Generation) -> None: ...

    def ended(self) -> None: ...


class Triggers:
    """Those that `spec` sets. On the loop's thread only."""

    def __init__(self, spec: ProcessSpec, restart: Restart) -> None:
        self._restart = restart
        self._by_generation: list[_Trigger] = []
        if spec.watchdog and spec.program.has_channels:
            self._by_generation.append(Watchdog(spec.name, spec.watchdog))
        if spec.memory_limit_bytes:
            self._by_generation.append(MemoryLimit(spec.name, spec.memory_limit_bytes, restart))
        if spec.max_age:
            self._by_generation.append(AgeLimit(spec.max_age, restart))
        if spec.schedule:
            self._by_generation.append(Schedule(spec.schedule, restart))
        self._files = FileWatch(spec.name, spec.watch, self._files_changed) if spec.watch else None

    def begin(self) -> None:
        """The process is kept from now on."""
        if self._files is not None:
            self._files.start()

    def ready(self, generation: Generation) -> None:
        """A generation has become ready."""
        for trigger in self._by_generation:
            trigger.ready(generation)

    def ended(self) -> None:
        """It is about to be stopped, or has exited. Idempotent."""
        for trigger in self._by_generation:
            trigger.ended()

    def close(self) -> None:
        """The process is kept no longer."""
        self.ended()
        if self._files is not None:
            self._files.stop()

    def _files_changed(self, names: str) -> None:
        self._restart(Cause.FILE_CHANGE, text("reload.changed", names=names))
