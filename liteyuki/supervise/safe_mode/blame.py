"""Which plugin a NoneBot process has died of while it started, and why. Only needed when one has."""

from pathlib import Path
from typing import Final

from liteyuki._platform import signal_name
from liteyuki.locale import text
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.events import as_text
from liteyuki.supervise.generation import Generation
from liteyuki.supervise.output import Tail
from liteyuki.supervise.safe_mode.decision import LeftOut
from liteyuki.supervise.safe_mode.plugin_files import home_of, homes_of_project, locate, stamp_of
from liteyuki.supervise.safe_mode.stacks import (
    Stack,
    crashed_outside,
    error_of,
    fatal_error,
    last_error,
    plugin_behind,
    stacks_in,
)
from liteyuki.vitals import OWN_PLUGIN, Loaded

__all__ = ["blame"]

_LINES: Final = 200
"""How much of its output is looked at."""
_AFTER_AN_ERROR: Final = (1, 3)
"""The exit codes of the interpreter, and of uvicorn, when an error is what ends them."""


def blame(generation: Generation, code: int, tail: Tail) -> LeftOut | None:
    """The plugin that was being loaded, as the child has noted, or else the one that the error it printed leads to.

    `code` is the exit code, or minus the signal's number. None if no plugin is behind it, as far as can be told.
    """
    directory = generation.spec.cwd
    stacks = stacks_in(tail.last_words(_LINES))
    loaded = generation.was_loading
    home = _home(loaded, directory) if loaded is not None else None
    is_crash_elsewhere = code < 0 and home is not None and crashed_outside(stacks, home)
    if (loaded is None and not generation.problem) or is_crash_elsewhere:
        # A thread of one plugin may crash while another one is loaded.
        plugin = plugin_behind(stacks, homes_of_project(directory))
        if plugin is not None:
            loaded = Loaded(plugin, "")
            home = _home(loaded, directory)
    if loaded is None or loaded.plugin.partition(".")[0] == OWN_PLUGIN:
        return None
    return LeftOut(loaded.plugin, as_text(_why(generation, code, stacks, home)), home, stamp_of(home))


def _home(loaded: Loaded, directory: Path) -> Path | None:
    return home_of(loaded.file, directory) or locate(loaded.plugin, directory)


def _why(generation: Generation, code: int, stacks: list[Stack], home: Path | None) -> str:
    """In one line, as near to the plugin's own words as can be told."""
    if generation.ended_for is Cause.START_TIMEOUT:
        return text("safe_mode.start_timeout", seconds=generation.spec.start_timeout)
    if code < 0:
        return fatal_error(stacks) or text("process.by_signal", signal=signal_name(-code))
    why = generation.problem or (error_of(stacks, home) if home is not None else "")
    if not why and code in _AFTER_AN_ERROR:
        why = last_error(stacks)
    return why or text("process.by_code", code=code)
