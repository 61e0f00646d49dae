"""The errors: the tree in the docstring and `__all__` name every one of them."""

import inspect
import re

from liteyuki import errors
from liteyuki.errors import LiteyukiError

CLASSES = {name: item for name, item in vars(errors).items() if inspect.isclass(item) and issubclass(item, Exception)}


def tree_of_docstring() -> dict[str, str]:
    """Each class of the tree, with the one that it stands below."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^    ((?:[│├└─ ]{4})*)(\w+)", line)
        if found:
            depth = len(found[1]) // 4
            above[depth] = found[2]
            parents[found[2]] = above[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_shows_every_class_below_its_base() -> None:
    assert tree_of_docstring() == {name: item.__bases__[0].__name__ for name, item in CLASSES.items()}


def test_every_class_is_public_and_one_of_ours() -> None:
    assert all(issubclass(item, LiteyukiError) for item in CLASSES.values())
    assert CLASSES.keys() <= set(errors.__all__)
