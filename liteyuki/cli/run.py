"""`liteyuki run`: the main process, in the foreground."""

import os
from pathlib import Path
from typing import Any

import click

from liteyuki.cli.project import settings_for_script
from liteyuki.config import load_settings
from liteyuki.errors import StartError
from liteyuki.locale import text

__all__ = ["command"]


def command() -> click.Command:
    """The verb, with help in the language in force."""

    @click.command("run", help=text("cli.run"))
    @click.argument("script", required=False, type=click.Path(path_type=Path))
    @click.option("--reload", is_flag=True, help=text("cli.reload"))
    def run(script: Path | None, reload: bool) -> None:
        from liteyuki.bot import LiteyukiBot

        settings = settings_for_script(script)
        if reload:
            for name, folder in _source_folders(settings).items():
                settings.setdefault("processes", {}).setdefault(name, {})["watch"] = [folder]
        LiteyukiBot(**settings).run()

    return run


def _source_folders(overrides: dict[str, Any]) -> dict[str, str]:
    """The folder of the sources of each process that runs Python code."""
    try:
        settings = load_settings(Path.cwd(), os.environ, overrides)
    except StartError:
        return {}  # `LiteyukiBot.run` reads the same settings, and says what is wrong with them
    return {spec.family: str(spec.cwd) for spec in settings.processes.values() if spec.program.has_channels}
