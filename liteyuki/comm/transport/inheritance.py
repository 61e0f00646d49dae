"""Handing channel ends to a child, and taking them over there: what stands in its environment.

`LITEYUKI_PROCESS` is the child's name, `LITEYUKI_GENERATION` counts its starts, and `LITEYUKI_HANDLES` is a JSON
object from channel name to inherited handle.
"""

import json
import os
import socket
import stat
from collections.abc import Mapping, MutableMapping
from typing import Final, NamedTuple

from liteyuki._platform import forbid_inheriting
from liteyuki.errors import NoMainProcess
from liteyuki.locale import text

__all__ = ["Inheritance", "drop_inheritance", "offer", "take_over"]

_PROCESS: Final = "LITEYUKI_PROCESS"
_GENERATION: Final = "LITEYUKI_GENERATION"
_HANDLES: Final = "LITEYUKI_HANDLES"


class Inheritance(NamedTuple):
    """What a child was given."""

    process: str
    generation: int
    handles: dict[str, int]


def offer(process: str, generation: int, ends: Mapping[str, socket.socket]) -> dict[str, str]:
    """The environment that tells a child which of its inherited handles is which channel."""
    return {
        _PROCESS: process,
        _GENERATION: str(generation),
        _HANDLES: json.dumps({name: end.fileno() for name, end in ends.items()}),
    }


def drop_inheritance(environment: MutableMapping[str, str]) -> None:
    """Forget what this process was given, which is a main process and nobody's child."""
    for name in (_PROCESS, _GENERATION, _HANDLES):
        environment.pop(name, None)


def take_over(environment: MutableMapping[str, str] = os.environ) -> Inheritance | None:
    """Take what this process was given, once: None if it was given nothing, or has taken it already.

    The variables are removed and the handles made non-inheritable, so that no grandchild gets either.
    Raises `NoMainProcess` if the variables are not what `offer` writes.
    """
    process = environment.pop(_PROCESS, None)
    generation = environment.pop(_GENERATION, "1")
    handles = environment.pop(_HANDLES, None)
    if process is None or handles is None:
        return None
    try:
        parsed = json.loads(handles)
        taken = Inheritance(process, int(generation), {str(name): int(fd) for name, fd in parsed.items()})
        for handle in taken.handles.values():
            forbid_inheriting(handle)
            if not stat.S_ISSOCK(os.fstat(handle).st_mode):
                raise ValueError(text("error.no_socket", handle=handle))
    except (ValueError, TypeError, AttributeError, OverflowError, OSError) as error:
        raise NoMainProcess(text("error.bad_handles", value=handles, error=error)) from error
    return taken
