"""`liteyuki service`: what makes the bot a service of this system."""

import os
from pathlib import Path

import click

from liteyuki.cli.project import settings_for_script
from liteyuki.config import check_processes, load_settings
from liteyuki.locale import text
from liteyuki.log import configure

__all__ = ["command"]


def command() -> click.Command:
    """The verb, with help in the language in force."""

    @click.group("service", help=text("cli.service"))
    def service() -> None:
        pass

    @service.command("systemd", help=text("cli.service_systemd"))
    @click.argument("script", required=False, type=click.Path(path_type=Path))
    def systemd(script: Path | None) -> None:
        from liteyuki.cli.systemd import own_user, systemd_unit

        configure(write=lambda line: click.echo(line, nl=False, err=True))  # only the unit goes to standard output
        settings = load_settings(Path.cwd().resolve(), os.environ, settings_for_script(script))
        check_processes(settings)
        click.echo(systemd_unit(settings, script, user=own_user()), nl=False)

    return service
