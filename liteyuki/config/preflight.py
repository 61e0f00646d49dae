"""Checks before anything is started, so that a mistake leads to one clear sentence and not to a crash loop."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from liteyuki._platform import first_out_of_reach
from liteyuki.config.settings import Settings
from liteyuki.errors import ProjectError
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.project import read_project, runs_nonebot
from liteyuki.supervise import ProcessSpec, ProgramKind

__all__ = ["check_processes"]


def check_processes(settings: Settings) -> None:
    """Raises `ProjectError` for a process that cannot run as things are. Imports nothing of the project's."""
    for spec in settings.processes.values():
        _check(spec)


def _check(spec: ProcessSpec) -> None:
    kind, word = spec.program.kind, spec.program.words[0]
    if kind is ProgramKind.APP:
        read_project(spec.cwd)
    elif kind is ProgramKind.SCRIPT and not (spec.cwd / word).is_file():
        raise ProjectError(text("project.no_script", path=spec.cwd / word))
    elif kind is ProgramKind.COMMAND and not _is_program(spec, word):
        raise ProjectError(text("project.no_command", name=spec.name, program=word))
    if kind in (ProgramKind.APP, ProgramKind.SCRIPT) and not _has_nonebot():
        raise ProjectError(text("project.no_nonebot", python=sys.executable))
    if (user := spec.conditions.user) is not None and (path := first_out_of_reach(user, _needed(spec))) is not None:
        raise ProjectError(text("project.out_of_reach", name=spec.name, user=user, path=path))
    if kind is ProgramKind.APP and runs_nonebot(spec.cwd / "bot.py"):
        logger.info(text("project.bot_py_not_run", path=spec.cwd / "bot.py"))


def _needed(spec: ProcessSpec) -> Iterator[Path]:
    """The folders that a Python program imports from after it has become another user."""
    if spec.program.has_channels:
        yield Path(os.__file__).resolve().parent
        yield Path(__file__).resolve().parents[1]
    if spec.program.kind in (ProgramKind.APP, ProgramKind.SCRIPT):
        yield spec.cwd.resolve()


def _has_nonebot() -> bool:
    # Adapters also lie in the package `nonebot`: without nonebot2, what they leave of the package has no file.
    found = importlib.util.find_spec("nonebot")
    return found is not None and found.origin is not None


def _is_program(spec: ProcessSpec, word: str) -> bool:
    path = spec.env.get("PATH") or os.environ.get("PATH")
    return shutil.which(word, path=path) is not None or os.access(spec.cwd / word, os.X_OK)
