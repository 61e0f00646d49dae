"""The child's side of safe mode: it notes which plugin is being loaded, and leaves out those that it is told to.

It notes the innermost plugin whose code runs: if one plugin requires another, that is the other one. A note is
withdrawn when the plugin is loaded, or has failed in a way that NoneBot handles; it stays when the process ends with
it. `run.py` hands in NoneBot's loader, and calls of it are wrapped; nothing else is changed.
"""

import functools
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar

from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.vitals import OWN_PLUGIN, Loaded, LoadingPage, take_loading

__all__ = ["Loading", "PluginLeftOut", "inherit_loading"]

F = TypeVar("F", bound=Callable[..., Any])


class PluginLeftOut(ImportError):
    """Raised where a plugin imports another one that is left out, as for any module that is missing."""


def inherit_loading() -> "Loading | None":
    """Take over what the main process has given to this one, before plugins are loaded. None without safe mode."""
    given = take_loading()
    return None if given is None else Loading(*given)


class Loading:
    """The plugin that is being loaded. The main thread loads plugins; what other threads import is not noted."""

    def __init__(self, page: LoadingPage, left_out: frozenset[str]) -> None:
        self._page = page
        self._left_out = left_out
        self._now: Loaded | None = None
        self._is_script_running = True
        self._asked_for_left_out: dict[str, None] = {}

    def _set(self, loaded: Loaded | None) -> None:
        self._now = loaded
        self._page.write(loaded)

    def ended(self) -> None:
        """All plugins are loaded; startup hooks follow."""
        self._is_script_running = False
        self._set(None)

    def not_loaded(self, loaded: set[str]) -> list[str]:
        """The plugins that have asked for one that is left out, and are not among `loaded`."""
        return [plugin for plugin in self._asked_for_left_out if plugin not in loaded]

    # --- the import of a plugin

    def watch(self, loader: Any, manager: Any) -> None:
        """`loader` is the class that executes a plugin's module, `manager` the one with `load_plugin`."""
        loader.exec_module = self._noted(loader.exec_module)
        if self._left_out:
            manager.load_plugin = self._without_left_out(manager.load_plugin)

    def _noted(self, execute: F) -> F:
        @functools.wraps(execute)
        def exec_module(loader: Any, module: ModuleType) -> None:
            if loader.name in self._left_out:
                self._note_dependent()
                raise PluginLeftOut(text("child.left_out", plugin=loader.name), name=loader.name)
            if loader.name.partition(".")[0] == OWN_PLUGIN or threading.current_thread() is not threading.main_thread():
                execute(loader, module)
                return
            outer = self._now
            self._set(Loaded(loader.name, str(loader.path)))
            try:
                execute(loader, module)
            except Exception:
                self._set(outer)
                raise
            self._set(outer)

        return exec_module  # type: ignore[return-value]

    def _without_left_out(self, load: F) -> F:
        @functools.wraps(load)
        def load_plugin(manager: Any, name: str) -> Any:
            if manager.controlled_modules.get(name, name) in self._left_out:
                self._note_dependent()
                return None
            return load(manager, name)

        return load_plugin  # type: ignore[return-value]

    def _note_dependent(self) -> None:
        if self._now is not None:
            self._asked_for_left_out[self._now.plugin] = None

    # --- a startup hook of a plugin

    def watch_hooks(self, lifespan: Any, is_coroutine_callable: Callable[[Any], bool]) -> None:
        """A hook belongs to the plugin that registers it while it is imported, wherever the function is defined."""
        register = lifespan.on_startup

        @functools.wraps(register)
        def on_startup(hook: F) -> F:
            register(hook if self._now is None else self._noted_hook(hook, self._now, is_coroutine_callable(hook)))
            return hook

        lifespan.on_startup = on_startup

    def _noted_hook(self, hook: Callable[[], Any], owner: Loaded, is_async: bool) -> Callable[[], Any]:
        """A hook that raises ends the start, so its note stays."""

        @functools.wraps(hook)
        async def run_async() -> None:
            self._set(owner)
            await hook()
            self._set(None)

        @functools.wraps(hook)
        def run() -> None:
            self._set(owner)
            hook()
            self._set(None)

        return run_async if is_async else run

    # --- the bot's own script

    def watch_require(self, require: F) -> F:
        """`require`, called by the bot's own script: a plugin that cannot be loaded ends the process there.

        Once it is left out, an empty module replaces it, so that a script that only wants it loaded goes on.
        """

        @functools.wraps(require)
        def require_or_stand_in(name: str) -> Any:
            is_script = self._is_script_running and self._now is None
            try:
                return require(name)
            except RuntimeError:
                if not is_script:
                    raise
                if name not in self._left_out and name not in (left.rpartition(".")[2] for left in self._left_out):
                    self._set(Loaded(name, ""))
                    raise
                logger.warning(text("child.stands_in", plugin=name))
                return ModuleType(name)

        return require_or_stand_in  # type: ignore[return-value]
