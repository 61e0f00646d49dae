"""The NoneBot project of a folder, as its `pyproject.toml` describes it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liteyuki.errors import ProjectError
from liteyuki.locale import text

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["NoneBotProject", "read_project", "read_toml", "runs_nonebot", "tomllib"]


@dataclass(frozen=True)
class NoneBotProject:
    """What `nb run` would run. `adapters` are modules that hold a class `Adapter`."""

    file: Path
    adapters: tuple[str, ...]
    builtin_plugins: tuple[str, ...]
    plugins: tuple[str, ...]
    plugin_dirs: tuple[str, ...]


def read_project(directory: Path) -> NoneBotProject:
    """The project in `directory`. Raises `ProjectError`, with the way out, if there is none."""
    file = directory / "pyproject.toml"
    tool = read_toml(file).get("tool", {})
    table = tool.get("nonebot") if isinstance(tool, dict) else None
    if table is None:
        key = "project.no_pyproject" if not file.exists() else "project.no_nonebot_table"
        hint = text("project.has_bot_py") if runs_nonebot(directory / "bot.py") else text("project.create")
        raise ProjectError(text(key, path=file, hint=hint))
    try:
        return NoneBotProject(
            file,
            tuple(_modules(table.get("adapters", {}))),
            tuple(table.get("builtin_plugins", ())),
            tuple(_modules(table.get("plugins", {}))),
            tuple(table.get("plugin_dirs", ())),
        )
    except (TypeError, KeyError, AttributeError) as error:
        raise ProjectError(text("project.bad_nonebot_table", path=file, error=repr(error))) from error


def runs_nonebot(script: Path) -> bool:
    """Whether `script` exists and seems to run NoneBot itself, rather than being a launcher of ours."""
    try:
        source = script.read_text("utf-8", "replace")
    except OSError:
        return False
    return "nonebot.run(" in source and "liteyuki" not in source


def _modules(entries: Any) -> list[str]:
    """Module names out of nb-cli's new format (a table by package) or its old one (a list)."""
    groups = entries.values() if isinstance(entries, dict) else [entries]
    return [entry if isinstance(entry, str) else str(entry["module_name"]) for group in groups for entry in group]


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file's content; empty if there is none. Raises `ProjectError` if it cannot be read."""
    try:
        with path.open("rb") as file:
            content: dict[str, Any] = tomllib.load(file)
            return content
    except FileNotFoundError:
        return {}
    except tomllib.TOMLDecodeError as error:
        raise ProjectError(text("config.not_toml", path=path, error=error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ProjectError(text("config.unreadable", path=path, error=error)) from error
