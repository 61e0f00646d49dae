"""Faces of packages whose modules are imported only when something of them is asked for.

A package has one where some of its modules take long to import, or cannot be imported everywhere, and some of those
who use it need others.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["late_face"]


def late_face(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of `package`; `modules` has what is to be had from each."""
    homes = {name: module for module, names in modules.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(homes[name]), name)

    return get
