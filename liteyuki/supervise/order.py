"""Which process starts after which, and stops before it: pure. `after` names, for each, those that it comes after."""

from collections.abc import Collection, Iterator, Mapping
from collections.abc import Set as AbstractSet

__all__ = ["After", "find_cycle", "longest_chain", "turned_round", "whose_turn"]

After = Mapping[str, Collection[str]]
"""For each process, those that it comes after."""


def whose_turn(after: After, begun: AbstractSet[str], done: AbstractSet[str]) -> list[str]:
    """Those that have not begun although all that they come after are done.

    To stop instead of to start, ask with the order `turned_round`.
    """
    return [name for name, first in after.items() if name not in begun and all(other in done for other in first)]


def turned_round(after: After) -> dict[str, tuple[str, ...]]:
    """The same order seen from its end: for each, those that come after it."""
    followers: dict[str, list[str]] = {name: [] for name in after}
    for name, first in after.items():
        for other in dict.fromkeys(first):
            followers[other].append(name)
    return {name: tuple(others) for name, others in followers.items()}


def find_cycle(after: After) -> tuple[str, ...]:
    """The members of a cycle, each of which comes after the next, the last after the first; empty without one."""
    done: set[str] = set()
    for start in after:
        # The way from `start` to where we are, and what is left to look at from each place on it.
        way: dict[str, Iterator[str]] = {} if start in done else {start: iter(after[start])}
        while way:
            here = next(reversed(way))
            following = next((name for name in way[here] if name not in done), None)
            if following is None:
                done.add(here)
                del way[here]
            elif following in way:
                names = tuple(way)
                return names[names.index(following) :]
            else:
                way[following] = iter(after[following])
    return ()


def longest_chain(after: After, seconds: Mapping[str, float]) -> float:
    """How many seconds all take, each beginning when the last that it comes after has ended. There is no cycle."""
    ends: dict[str, float] = {}
    while len(ends) < len(after):
        for name in whose_turn(after, ends.keys(), ends.keys()):
            ends[name] = seconds[name] + max((ends[other] for other in after[name]), default=0.0)
    return max(ends.values(), default=0.0)
