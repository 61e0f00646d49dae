"""The page of memory on which a child notes which plugin it is loading, and the plugins that it is to leave out.

`LITEYUKI_LOADING` is a JSON object: `page` is the handle of the page, `leave_out` the modules of the plugins that are
not to be loaded. The page outlives whatever ends the child: `os._exit`, a crash in C code, SIGKILL. A message could
still be on its way by then, and would wake the main process for each plugin.
"""

import json
import mmap
import os
from collections.abc import Iterable, MutableMapping
from typing import Final, NamedTuple

from liteyuki._platform import forbid_inheriting, is_sealed, open_shared_page

__all__ = ["OWN_PLUGIN", "Loaded", "LoadingPage", "make_loading_page", "offer_loading", "take_loading"]

OWN_PLUGIN: Final = "nonebot_plugin_liteyuki_comm"
"""Our own plugin reports, and answers people in the chat: it is never noted, and never left out."""

_VARIABLE: Final = "LITEYUKI_LOADING"
_PAGE_BYTES: Final = 8192
_LENGTH_BYTES: Final = 4
_ERRORS: Final = "surrogatepass"
"""For paths that are not valid text."""
_MAX_NAME: Final = 1000
"""Characters of a plugin's name that are kept if its path is too long."""


class Loaded(NamedTuple):
    """The plugin that is being loaded, or whose startup hook runs."""

    plugin: str
    """The name of its module."""
    file: str
    """The path of its code, if known; else empty."""


class LoadingPage:
    """Both sides' view of the page. The child writes; the main process reads when the child is gone."""

    def __init__(self, handle: int) -> None:
        """The page behind `handle`, which the caller keeps. Raises `OSError`, `ValueError` if it is no such page."""
        self._memory = mmap.mmap(handle, _PAGE_BYTES)

    def write(self, loaded: Loaded | None) -> None:
        """Only this plugin is being loaded now; a path that is too long is left out."""
        # The length comes last: an entry that is half written when the process dies does not count.
        self._set_length(0)
        if loaded is None:
            return
        data = "\n".join(loaded).encode("utf-8", _ERRORS)
        if len(data) > _PAGE_BYTES - _LENGTH_BYTES:
            data = f"{loaded.plugin[:_MAX_NAME]}\n".encode("utf-8", _ERRORS)
        self._memory[_LENGTH_BYTES : _LENGTH_BYTES + len(data)] = data
        self._set_length(len(data))

    def _set_length(self, length: int) -> None:
        self._memory[:_LENGTH_BYTES] = length.to_bytes(_LENGTH_BYTES, "little")

    def read(self) -> Loaded | None:
        """The plugin that was being loaded last, if that did not end well."""
        length = int.from_bytes(self._memory[:_LENGTH_BYTES], "little")
        if not 0 < length <= _PAGE_BYTES - _LENGTH_BYTES:
            return None
        try:
            data = self._memory[_LENGTH_BYTES : _LENGTH_BYTES + length].decode("utf-8", _ERRORS)
        except UnicodeDecodeError:
            return None  # a process that writes to random addresses has written here
        plugin, _, file = data.partition("\n")
        return Loaded(plugin, file) if plugin else None

    def close(self) -> None:
        """Nothing is read or written any more."""
        self._memory.close()


def make_loading_page() -> tuple[LoadingPage, int]:
    """A new page and a handle of it, which belongs to the caller. Raises `OSError` if handles run out."""
    handle = open_shared_page(_PAGE_BYTES)
    try:
        return LoadingPage(handle), handle
    except OSError:
        os.close(handle)
        raise


def offer_loading(handle: int, leave_out: Iterable[str]) -> dict[str, str]:
    """The environment that tells a child which handle it is, and which plugins it is to leave out."""
    return {_VARIABLE: json.dumps({"page": handle, "leave_out": list(leave_out)})}


def take_loading(
    environment: MutableMapping[str, str] = os.environ,
) -> tuple[LoadingPage, frozenset[str]] | None:
    """The page and the plugins to leave out, once: None if this process was given nothing, or nothing of ours."""
    written = environment.pop(_VARIABLE, None)
    if written is None:
        return None
    try:
        given = json.loads(written)
        handle = int(given["page"])
        leave_out = frozenset(str(name) for name in given["leave_out"])
        if not is_sealed(handle, _PAGE_BYTES):
            return None
        forbid_inheriting(handle)
        page = LoadingPage(handle)
    except (OSError, OverflowError, TypeError, ValueError, KeyError):
        return None
    os.close(handle)
    return page, leave_out
