"""Whether a history of concurrent calls on registers is linearizable: the search of Wing and Gong."""

from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["Act", "is_linearizable", "judged_by_key"]

_Holds = int | float | None
"""What a register holds; None for nothing."""


class Act(NamedTuple):
    """One call: when it began and ended, on one clock for all processes, what it was, and what it returned."""

    began: int
    ended: int
    key: str
    name: str
    arguments: tuple[Any, ...]
    result: Any


def judged_by_key(history: Iterable[Act]) -> dict[str, bool]:
    """Linearizability is local: a history is linearizable if, and only if, that of each key is."""
    by_key: dict[str, list[Act]] = {}
    for act in history:
        by_key.setdefault(act.key, []).append(act)
    return {key: is_linearizable(acts) for key, acts in by_key.items()}


def is_linearizable(acts: list[Act]) -> bool:
    """Whether the calls on one register, empty at first, can be put in an order that explains every result.

    A call that ended before another began comes before it.
    """
    tried: set[tuple[frozenset[int], _Holds]] = set()

    def search(left: frozenset[int], holds: _Holds) -> bool:
        if not left:
            return True
        if (left, holds) in tried:
            return False
        tried.add((left, holds))
        first_end = min(acts[number].ended for number in left)
        for number in left:
            act = acts[number]
            if act.began <= first_end:
                result, holds_then = _do(act, holds)
                if result == act.result and search(left - {number}, holds_then):
                    return True
        return False

    return search(frozenset(range(len(acts))), None)


def _do(act: Act, holds: _Holds) -> tuple[Any, _Holds]:
    """What the call returns on a register that holds this, and what that holds then."""
    if act.name == "get":
        return holds, holds
    if act.name == "set":
        return None, act.arguments[0]
    if act.name == "delete":
        return holds is not None, None
    if act.name == "increment":
        total = (holds or 0) + act.arguments[0]
        return total, total
    assert act.name == "compare_and_set"
    expected, new = act.arguments
    return (True, new) if holds == expected else (False, holds)
