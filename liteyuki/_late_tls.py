"""Loads OpenSSL when it is first used, which saves four mebibytes in the main process; import this before asyncio.

asyncio imports `ssl`, which loads OpenSSL whether anybody speaks TLS or not; the main process never does. So the module
exists as usual, but empty, and is filled as soon as anybody, such as a main-process plugin, asks for one of its names.
If asyncio has been imported already, or there is no OpenSSL, nothing is changed.
"""

import importlib.util
import sys
import threading
from types import ModuleType
from typing import Any

__all__: list[str] = []

_lock = threading.RLock()
_loading: set[str] = set()


class _Late(ModuleType):
    """A module that is not filled yet. (`importlib.util.LazyLoader` fills it twice if two threads ask at once.)"""

    def __getattr__(self, name: str) -> Any:
        # Code that looks through all modules asks for such names, and needs nothing from this one.
        if not (name.startswith("__") and name != "__all__"):
            with _lock:
                if type(self) is _Late and self.__name__ not in _loading:
                    _fill(self)
            if name in vars(self):
                return vars(self)[name]
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self)


def _fill(module: ModuleType) -> None:
    name = module.__name__
    _loading.add(name)
    try:
        del sys.modules[name]  # otherwise it would be asked, and it knows nothing
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.modules[name] = module
        assert spec is not None
        assert spec.loader is not None
        vars(module).update(vars(importlib.util.module_from_spec(spec)))
        spec.loader.exec_module(module)
        module.__class__ = ModuleType
    finally:
        _loading.discard(name)


def _import_asyncio() -> None:
    late = {name: _Late(name) for name in ("ssl", "asyncio.sslproto")}
    sys.modules.update(late)
    import asyncio

    vars(asyncio)["sslproto"] = late["asyncio.sslproto"]


if not {"asyncio", "ssl"} & sys.modules.keys() and importlib.util.find_spec("_ssl") is not None:
    _import_asyncio()
