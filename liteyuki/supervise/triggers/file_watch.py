"""Restarts a process when files change that it was made from."""

import asyncio
import threading
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Final

from liteyuki._platform import leave_signals_to_main_thread
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["FileWatch", "matters"]

_QUIET_MILLISECONDS: Final = 200
"""How long nothing more must change; also how often the watching thread wakes up, where there is one."""
_MAX_MILLISECONDS: Final = 1600
"""How long changes that do not end are waited for."""
_SUFFIXES: Final = frozenset({".py", ".pyi", ".pyd", ".so", ".toml"})
_IGNORED: Final = frozenset({"__pycache__", "site-packages", "node_modules", "venv"})
_SHOWN: Final = 3


def matters(path: Path, watched: Collection[Path]) -> bool:
    """Whether a change of `path` is one of what a process is made from.

    That are sources and settings in the watched folders, but for hidden folders and such as hold what others have
    made; a file that is itself watched is always meant.
    """
    if path in watched:
        return True
    for root in watched:
        if root in path.parents:
            folders = path.relative_to(root).parts[:-1]
            if any(folder in _IGNORED or folder.startswith(".") for folder in folders):
                continue
            if path.suffix in _SUFFIXES or path.name == ".env" or path.name.startswith(".env."):
                return True
    return False


class FileWatch:
    """Calls `on_change` on the loop with what has changed, from `start` to `stop`.

    A thread waits for the system to tell; without one (no `watch` setting) there is neither that nor its library.
    """

    def __init__(self, name: str, paths: Sequence[Path], on_change: Callable[[str], None]) -> None:
        self._name = name
        self._paths = tuple(path.resolve() for path in paths)
        self._on_change = on_change
        self._stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Idempotent."""
        if self._loop is None:
            logger.info(text("reload.watching", name=self._name, paths=", ".join(map(str, self._paths))))
            self._loop = asyncio.get_running_loop()
            threading.Thread(target=self._watch, name=f"liteyuki-watch-{self._name}", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        from watchfiles import watch

        leave_signals_to_main_thread()
        # The folder of a file, since editors put a new file into the place of the old one.
        folders = {path if path.is_dir() else path.parent for path in self._paths}
        try:
            for changes in watch(
                *folders,
                watch_filter=lambda _, path: matters(Path(path), self._paths),
                debounce=_MAX_MILLISECONDS,
                step=_QUIET_MILLISECONDS,
                stop_event=self._stopped,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                self._tell({Path(path).name for _, path in changes})
        except OSError as error:
            # Among them: no more files may be watched (fs.inotify.max_user_watches).
            logger.error(text("reload.failed", name=self._name, error=error))

    def _tell(self, names: set[str]) -> None:
        shown = ", ".join(sorted(names)[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
        if self._loop is not None and not self._stopped.is_set():
            try:
                self._loop.call_soon_threadsafe(self._on_change, shown)
            except RuntimeError:
                return  # the loop has ended meanwhile
