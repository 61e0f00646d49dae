"""The stacks that a dead Python program has left in its output, and which plugin they lead to. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

__all__ = ["Stack", "crashed_outside", "error_of", "fatal_error", "last_error", "plugin_behind", "stacks_in"]

_FRAME: Final = re.compile(r'[\s|>+-]*File "(.+?)", line \d+')
_MARGIN: Final = " \t|+>"
"""What stands before the lines of a stack, those of exception groups included."""
_TRACEBACK: Final = "Traceback (most recent call last)"
_FATAL: Final = "Fatal Python error:"
_CURRENT_THREAD: Final = "Current thread 0x"
_OTHER_THREAD: Final = "Thread 0x"
_CHAINED: Final = ("During handling of the above exception", "The above exception was the direct cause")
_ONLY_LOGGED: Final = 'Failed to import "'
"""What NoneBot says before the traceback of a plugin that it goes on without."""


@dataclass
class Stack:
    """One traceback, or the stack of the thread that died."""

    before: str = ""
    """The last line with anything on it before this."""
    is_whole: bool = True
    """Whether its beginning has been printed, and is not lost."""
    files: list[str] = field(default_factory=list)
    """Of its frames, the one that was running last."""
    error: str = ""
    """What it ends with: the exception, or the fatal error."""
    is_fatal: bool = False

    @property
    def may_be_the_end(self) -> bool:
        """Whether the program may have died of it, and has not gone on, as far as can be told."""
        return self.is_whole and _ONLY_LOGGED not in self.before

    @property
    def is_chained(self) -> bool:
        """Whether the one before it is a part of the same error."""
        return self.before.startswith(_CHAINED)


def stacks_in(lines: Iterable[str]) -> list[Stack]:
    """In the order in which they were printed. The first may lack its beginning, the last its end."""
    found: list[Stack] = []
    stack: Stack | None = None
    before = fatal = ""
    for line in lines:
        words = line.strip(_MARGIN)
        if _TRACEBACK in line:
            stack = Stack(before)
            found.append(stack)
        elif words.startswith(_FATAL):
            fatal, stack = words, None
        elif words.startswith(_CURRENT_THREAD):
            stack = Stack(before, error=fatal, is_fatal=True)
            found.append(stack)
        elif words.startswith(_OTHER_THREAD):
            stack = Stack()  # of no interest
        elif frame := _FRAME.match(line):
            if stack is None:
                stack = Stack(is_whole=False)
                found.append(stack)
            # A fatal error's stack begins with the frame that was running.
            stack.files.insert(0 if stack.is_fatal else len(stack.files), frame[1])
        elif stack is not None and stack.files and words and line[0] not in _MARGIN:
            if not stack.is_fatal:
                stack.error = words
            stack = None
        before = words or before
    return [stack for stack in found if stack.files]


def plugin_behind(stacks: Sequence[Stack], homes: Mapping[str, PurePath]) -> str | None:
    """Whose code the last error went through last; `homes` has the file or folder of each plugin."""
    for stack in reversed(stacks):
        if not stack.may_be_the_end:
            return None
        for file in reversed(stack.files):
            if plugin := _owner(file, homes):
                return plugin
        if not stack.is_chained:
            return None
    return None


def error_of(stacks: Sequence[Stack], home: PurePath) -> str:
    """The last line of the last error that `home`'s code was a part of; empty if there is none."""
    errors = (stack.error for stack in reversed(stacks) if any(_is_in(file, home) for file in stack.files))
    return next(filter(None, errors), "")


def last_error(stacks: Sequence[Stack]) -> str:
    """The last line of the error that seems to have ended the program; empty if there is none."""
    return next((stack.error for stack in reversed(stacks) if stack.may_be_the_end), "")


def fatal_error(stacks: Sequence[Stack]) -> str:
    """What the interpreter itself said when it died; empty if it did not."""
    return next((stack.error for stack in reversed(stacks) if stack.is_fatal), "")


def crashed_outside(stacks: Sequence[Stack], home: PurePath) -> bool:
    """Whether the interpreter died in a thread that ran none of `home`'s code."""
    return any(stack.is_fatal and not any(_is_in(file, home) for file in stack.files) for stack in stacks)


def _owner(file: str, homes: Mapping[str, PurePath]) -> str | None:
    """The one with the innermost home that `file` lies in."""
    owners = [plugin for plugin, home in homes.items() if _is_in(file, home)]
    return max(owners, key=lambda plugin: len(homes[plugin].parts), default=None)


def _is_in(file: str, home: PurePath) -> bool:
    path = PurePath(file)
    return path == home or home in path.parents
