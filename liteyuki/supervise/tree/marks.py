"""Which processes belong to one of ours: decided from a list of what runs. Pure.

A child leads a group and a session of its own, and has a mark in its environment, which what it starts inherits. The
main process adopts every descendant whose own parent has ended, so that whatever belongs to a child is below it, or
is a child of the main process that bears the child's mark, or is below such a one.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from liteyuki._platform import Running

__all__ = ["VARIABLE", "Marks", "belongs", "below", "words_in"]

VARIABLE: Final = "LITEYUKI_TREE"
"""The mark in the environment: one word for each main process that this one is below, the innermost last."""


class Marks:
    """The marks of one main process: its own, and one for each generation of its children."""

    def __init__(self, inherited: str | None) -> None:
        self.own = os.urandom(8).hex()
        """What the main process, and what its own plugins start, bear."""
        self.of_children = f"{self.own}:"
        """How the mark of each child begins."""
        self._outer = f"{inherited} " if inherited else ""

    def for_main(self) -> dict[str, str]:
        return {VARIABLE: self._outer + self.own}

    def for_child(self, process: str, generation: int) -> dict[str, str]:
        return {VARIABLE: self._outer + self.word(process, generation)}

    def word(self, process: str, generation: int) -> str:
        return f"{self.of_children}{process}:{generation}"

    def is_of_child(self, environment: Iterable[bytes]) -> bool:
        """Whether that is the environment of a child, or of what one has started."""
        return any(word.startswith(self.of_children) for word in words_in(environment))


def words_in(environment: Iterable[bytes]) -> list[str]:
    """The words of the mark that stands in an environment, as the kernel shows it."""
    prefix = f"{VARIABLE}=".encode()
    for entry in environment:
        if entry.startswith(prefix):
            return os.fsdecode(entry[len(prefix) :]).split()
    return []


def belongs(
    process: Running, leader: int, word: str, main: int, read_environment: Callable[[int], Iterable[bytes]]
) -> bool:
    """Whether `process` is the child `leader`, which bears `word`, or in its group, or was left by its tree."""
    if leader in (process.pid, process.group, process.session):
        return True
    return process.parent == main and word in words_in(read_environment(process.pid))


def below(roots: Iterable[Running], running: Iterable[Running]) -> list[Running]:
    """`roots` and all of their descendants, parents first; each once."""
    children: Mapping[int, list[Running]] = defaultdict(list)
    for process in running:
        children[process.parent].append(process)
    found: dict[int, Running] = {}
    todo = list(roots)
    for process in todo:
        if process.pid not in found:
            found[process.pid] = process
            todo += children.get(process.pid, ())
    return list(found.values())
