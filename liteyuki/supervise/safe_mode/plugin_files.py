"""Where the code of NoneBot plugins is, and whether it has changed. Nothing is imported."""

import os
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from itertools import islice
from pathlib import Path
from typing import Final

from liteyuki.errors import ProjectError
from liteyuki.project import read_project

__all__ = ["Stamp", "home_of", "homes_of_project", "locate", "stamp_of"]

Stamp = int
"""Another one whenever the code has changed. Good within this process."""

_FILES: Final = 5000
"""How many files of a plugin are looked at."""


def home_of(file: str, directory: Path) -> Path | None:
    """The file or folder that is the whole of a plugin whose first file this is, as seen from `directory`."""
    if not file:
        return None
    path = directory / file
    return path.parent if path.stem == "__init__" else path


def locate(plugin: str, directory: Path) -> Path | None:
    """The home of the plugin with that module name, for a program that runs in `directory`."""
    search: list[str] | None = [str(directory), *sys.path]
    file = None
    for name in plugin.split("."):
        spec = PathFinder.find_spec(name, search) if search else None
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
        file = spec.origin
    return home_of(file or "", directory)


def homes_of_project(directory: Path) -> dict[str, Path]:
    """The plugins that the project in `directory` lists, by name or folder, as far as they can be found."""
    try:
        project = read_project(directory)
    except ProjectError:
        return {}
    found = {plugin: locate(plugin, directory) for plugin in project.plugins}
    for plugin, home in _in_folders(project.plugin_dirs, directory):
        found[plugin] = home
    return {plugin: home for plugin, home in found.items() if home is not None}


def _in_folders(folders: Iterable[str], directory: Path) -> Iterator[tuple[str, Path | None]]:
    """As NoneBot finds and names them."""
    for folder in folders:
        where = (directory / folder).resolve()
        try:
            package = where.relative_to(directory.resolve()).parts
        except ValueError:
            continue  # NoneBot refuses it
        for module in pkgutil.iter_modules([str(where)]):
            if not module.name.startswith("_"):
                home = where / module.name
                yield ".".join((*package, module.name)), home if module.ispkg else home.with_suffix(".py")


def stamp_of(home: Path | None) -> Stamp:
    """Taken of the names, times and sizes of the Python files in `home`; 0 if nobody knows where that is."""
    if home is None:
        return 0
    files = sorted(islice(_sources(home), _FILES))
    return hash(tuple(files)) or 1


def _sources(home: Path) -> Iterator[tuple[str, int, int]]:
    paths = (os.path.join(folder, file) for folder, _, files in os.walk(home) for file in files)  # noqa: PTH118
    for path in paths if home.is_dir() else [str(home)]:
        if path.endswith(".py"):
            try:
                status = os.stat(path)  # noqa: PTH116 - a thousand files are looked at before a start
            except OSError:
                continue
            yield path, status.st_mtime_ns, status.st_size
