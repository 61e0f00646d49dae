"""Which processes belong to a child, and whose exit code is whose: decided without any process."""

from hypothesis import given
from hypothesis import strategies as st

from liteyuki._platform import Running
from liteyuki.supervise.tree.marks import Marks, belongs, below, words_in
from liteyuki.supervise.tree.orphans import Whose, whose

MAIN = 10


def process(pid: int, parent: int, group: int = 1, session: int = 1) -> Running:
    return Running(pid, parent, group, session, has_ended=False, began=0)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=30), st.sets(st.integers(1, 30)))
def test_below_is_every_descendant_once_parents_first(parents: list[int], roots: set[int]) -> None:
    # A parent has a lower number, so that this is a forest.
    running = [process(pid, min(parent, pid - 1)) for pid, parent in enumerate(parents, 1)]
    parent_of = {found.pid: found.parent for found in running}

    def is_below(pid: int) -> bool:
        while pid in parent_of:
            if pid in roots:
                return True
            pid = parent_of[pid]
        return False

    found = [item.pid for item in below([item for item in running if item.pid in roots], running)]
    assert len(found) == len(set(found))
    assert set(found) == {pid for pid in parent_of if is_below(pid)}
    for index, pid in enumerate(found):
        assert pid in roots or parent_of[pid] in found[:index]


def test_a_ring_of_parents_ends() -> None:
    running = [process(2, 3), process(3, 2)]  # a list of what runs is not of one moment
    assert {found.pid for found in below(running[:1], running)} == {2, 3}


def test_what_belongs_to_a_child() -> None:
    marks = Marks("outer:bot:1")
    word = marks.word("a", 2)
    environments = {
        pid: [f"{name}={value}".encode() for name, value in {"X": "1", **mark}.items()]
        for pid, mark in {
            100: marks.for_child("a", 2),
            101: marks.for_child("a", 21),
            102: marks.for_main(),
            103: {},
            104: Marks(marks.for_child("a", 2)["LITEYUKI_TREE"]).for_child("b", 1),
            105: {"OTHER": word},
        }.items()
    }

    def belong(candidate: Running) -> bool:
        return belongs(candidate, 20, word, MAIN, lambda pid: environments.get(pid, []))

    assert belong(process(20, MAIN, 20, 20))
    assert belong(process(50, 1, group=20))
    assert belong(process(50, 1, session=20))
    assert [pid for pid in environments if belong(process(pid, MAIN))] == [100, 104]
    assert not any(belong(process(pid, parent=20_000)) for pid in environments)


def test_marks_are_words_that_add_up() -> None:
    outer = Marks(None)
    inner = Marks(outer.for_child("bot", 3)["LITEYUKI_TREE"])
    (variable,) = inner.for_child("x", 1).items()
    assert words_in([b"A=1", "=".join(variable).encode()]) == [outer.word("bot", 3), inner.word("x", 1)]
    assert inner.word("x", 1).startswith(inner.of_children)
    assert not inner.own.startswith(inner.of_children)
    assert words_in([]) == words_in([b"", b"LITEYUKI_TREE="]) == []


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.sets(st.integers(1, 9)))
def test_whose_exit_code_it_is(pid: int, session: int, own_session: int, kept: set[int]) -> None:
    verdict = whose(pid, session, own_session, kept)
    assert (verdict is Whose.OURS) == (pid in kept)
    if verdict is Whose.ORPHAN:
        assert session not in (pid, own_session)
