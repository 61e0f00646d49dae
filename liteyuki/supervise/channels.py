"""The channels that the core has with each process, and which generation of it holds their other ends."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any

from liteyuki.comm.channel import Channel
from liteyuki.comm.registry import Registry
from liteyuki.comm.transport import PipeTransport, pipe_pair
from liteyuki.supervise.spec import ProcessSpec

__all__ = ["CoreChannels", "ProcessChannels"]


class ProcessChannels:
    """`{process}-active` and `{process}-passive`, and whatever is set beside them. On the loop's thread only.

    They survive the generations of their process; each of these gets other ends. A command has none.
    """

    def __init__(self, spec: ProcessSpec, registry: Registry) -> None:
        self.generation: int | None = None
        """The number of the generation that lives, if one does."""
        self.of_core: dict[str, Channel[Any]] = {}
        self._registry = registry
        self._attached: tuple[Channel[Any], ...] = ()
        if not spec.program.has_channels:
            return
        for name in (f"{spec.name}-active", f"{spec.name}-passive"):
            channel = self.of_core[name] = Channel[Any](name)
            channel.keep_untaken()
            channel.bind(asyncio.get_running_loop())
            channel.handler_loop = registry.handler_loop
            registry.table.add(name, channel)

    def make_ends(self) -> tuple[dict[str, socket.socket], dict[str, socket.socket]]:
        """Ours and the child's, of each of the core's. Raises `OSError`, and leaves none open, if handles run out."""
        ours: dict[str, socket.socket] = {}
        theirs: dict[str, socket.socket] = {}
        try:
            for name in self.of_core:
                ours[name], theirs[name] = pipe_pair()
        except OSError:
            for end in (*ours.values(), *theirs.values()):
                end.close()
            raise
        return ours, theirs

    def attach(self, generation: int, ends: Mapping[str, socket.socket]) -> None:
        """A generation lives, which holds the other ends of these."""
        self.generation = generation
        self._attached = tuple(self.of_core.values())
        for name, end in ends.items():
            self.of_core[name].attach(PipeTransport(end), generation=generation)

    def add(self, channel: Channel[Any]) -> None:
        """The generation that lives has an end of `channel`, too: it is detached with the others."""
        if self.generation is not None and channel not in self._attached:
            self._attached = (*(one for one in self._attached if one.closed is None), channel)

    def say_stop(self) -> None:
        """Whoever blocks in a `receive` over there, or iterates a watch, goes on."""
        for channel in self._attached:
            self._registry.storage.end_watches(channel)
            channel.say_stop()

    def detach(self) -> None:
        """The generation is gone. Idempotent."""
        self.generation = None
        for channel in self._attached:
            channel.detach()
            self._registry.storage.detached(channel)
        self._attached = ()


class CoreChannels:
    """Those of all processes, as the broker and the request server see them. On the loop's thread only."""

    def __init__(self, specs: Mapping[str, ProcessSpec], registry: Registry) -> None:
        self._of_process = {name: ProcessChannels(spec, registry) for name, spec in specs.items()}
        self.names = tuple(name for name, channels in self._of_process.items() if channels.of_core)
        """The processes that can use channels."""

    def of_process(self, process: str) -> ProcessChannels:
        return self._of_process[process]

    def generation(self, process: str) -> int | None:
        """The number of the generation that lives, if one does."""
        return self._of_process[process].generation

    def passive(self, process: str) -> Channel[Any]:
        """What that process and this one's core talk over."""
        return self._of_process[process].of_core[f"{process}-passive"]

    def is_core_channel(self, name: str) -> bool:
        return any(name in channels.of_core for channels in self._of_process.values())

    def add_channel(self, process: str, channel: Channel[Any]) -> None:
        """The generation of `process` that lives has an end of `channel`, which is detached when it ends."""
        self._of_process[process].add(channel)
