"""Importing main-process plugins, by name or from folders."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from liteyuki.errors import PLUGIN_ERRORS_OF_A_CALL
from liteyuki.locale import text
from liteyuki.log import logger

__all__ = ["Plugin", "PluginMetadata", "load_plugin", "load_plugins"]


@dataclass(frozen=True)
class PluginMetadata:
    """What a plugin says about itself, as `__plugin_meta__` in its module."""

    name: str
    description: str = ""
    usage: str = ""
    author: str = ""
    homepage: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plugin:
    """A loaded plugin."""

    name: str
    module: ModuleType
    metadata: PluginMetadata | None


def load_plugin(name: str) -> Plugin | None:
    """Import the module `name` as a plugin. If that fails, the traceback is logged and the result is None."""
    return _load(name, lambda: importlib.import_module(name))


def load_plugins(*directories: Path | str) -> set[Plugin]:
    """Import every module and package in these folders whose name does not begin with `_`, in order of name.

    A folder that does not exist is logged; a plugin that fails is logged with its traceback, and the rest load.
    """
    loaded: set[Plugin] = set()
    for directory in map(Path, directories):
        if not directory.is_dir():
            logger.error(text("plugin.no_directory", path=directory))
            continue
        for file in _plugin_files(directory):
            name = f"{directory.name}.{file.stem if file.name != '__init__.py' else file.parent.name}"
            plugin = _load(name, lambda name=name, file=file: _import_file(name, file))
            if plugin is not None:
                loaded.add(plugin)
    return loaded


def _load(name: str, import_module: Any) -> Plugin | None:
    try:
        module: ModuleType = import_module()
    except PLUGIN_ERRORS_OF_A_CALL as error:
        logger.opt(exception=error).error(text("plugin.failed", name=name, error=_told(error)))
        return None
    metadata = getattr(module, "__plugin_meta__", None)
    plugin = Plugin(name, module, metadata if isinstance(metadata, PluginMetadata) else None)
    logger.success(text("plugin.loaded", name=plugin.metadata.name if plugin.metadata else name))
    return plugin


def _told(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001 - a plugin's own error class may do anything
        return type(error).__name__


def _plugin_files(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        file = path / "__init__.py" if path.is_dir() else path
        name = path.stem if path.suffix == ".py" else path.name
        if file.suffix == ".py" and file.is_file() and name.isidentifier() and not name.startswith("_"):
            yield file


def _import_file(name: str, file: Path) -> ModuleType:
    if name in sys.modules:
        raise ImportError(text("plugin.name_taken", name=name, path=file))
    package = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=package)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
