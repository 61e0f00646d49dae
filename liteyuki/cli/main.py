"""The `liteyuki` command: it collects the verbs, each of which has a module of its own.

These modules are imported whenever help is shown; what a verb needs to do its work is imported when it is called.
"""

import liteyuki._late_tls  # noqa: F401 (before anything that imports asyncio)

# isort: split
import sys

import click

from liteyuki import __version__
from liteyuki.cli import chat, history, logs, run, service
from liteyuki.cli.project import language_of_project
from liteyuki.errors import LiteyukiError, StartError
from liteyuki.exit_codes import BAD_SETTINGS, FAILED
from liteyuki.locale import set_language, text

__all__ = ["main"]

_VERBS = (run, chat, history, logs, service)


def main() -> None:
    """The console script."""
    try:
        set_language(language_of_project())
        _group()(prog_name="liteyuki")
    except (LiteyukiError, OSError) as error:
        click.echo(text("cli.failed", error=error), err=True)
        sys.exit(BAD_SETTINGS if isinstance(error, StartError) else FAILED)
    except KeyboardInterrupt:
        sys.exit(0)  # before anything has been started


def _group() -> click.Group:
    """All commands; built when called, so that help is in the language of the project."""
    group = click.Group("liteyuki", help=text("cli.help"), context_settings={"help_option_names": ["-h", "--help"]})
    click.version_option(__version__, "--version", prog_name="liteyuki")(group)
    for verb in _VERBS:
        group.add_command(verb.command())
    return group
