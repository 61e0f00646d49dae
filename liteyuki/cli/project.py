"""The project in the current folder, as far as a command has to know it."""

import os
from pathlib import Path
from typing import Any

import click

from liteyuki.config import DEFAULT_PROCESS, Outline, read_language, read_outline
from liteyuki.locale import LANGUAGES, text

__all__ = ["language_of_project", "outline_of_project", "settings_for_script"]


def language_of_project() -> str:
    """The language for help and all errors: the project's, if it can be read."""
    try:
        return read_language(Path.cwd(), os.environ)
    except FileNotFoundError:
        return os.environ.get("LITEYUKI_LANG", LANGUAGES[0])


def outline_of_project() -> Outline:
    """What a command that only reads files needs. If the settings are wrong it says so, and goes on."""
    outline = read_outline(Path.cwd(), os.environ)
    if outline.problem is not None:
        click.echo(text("cli.ignored", error=outline.problem), err=True)
    return outline


def settings_for_script(script: Path | None) -> dict[str, Any]:
    """The settings that a script on the command line stands for."""
    return {"processes": {DEFAULT_PROCESS: {"script": str(script)}}} if script is not None else {}
