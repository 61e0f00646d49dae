"""The exit codes of the main process and of a NoneBot child. Everything may import this."""

from typing import Final

__all__ = ["BAD_SETTINGS", "COULD_NOT_START", "FAILED", "GAVE_UP"]

FAILED: Final = 1
"""A command or the main process failed, or a second Ctrl+C ended it at once."""
BAD_SETTINGS: Final = 2
"""Wrong usage, wrong settings, or no project that can be run; click ends with the same code for wrong usage."""
COULD_NOT_START: Final = 3
"""A bot's child could not start. It is uvicorn's code for a failed startup hook or a port that is taken."""
GAVE_UP: Final = 70
"""The main process gave up on a process, as `give_up.then = "exit"` says."""
