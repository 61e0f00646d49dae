"""`liteyuki history`: what has happened to the processes."""

import shutil
import sys

import click

from liteyuki.cli.project import outline_of_project
from liteyuki.locale import text

__all__ = ["command"]


def command() -> click.Command:
    """The verb, with help in the language in force."""
    count_range = click.IntRange(1, 1_000_000)

    @click.command("history", help=text("cli.history"))
    @click.argument("process", required=False)
    @click.option("-n", "count", type=count_range, default=20, show_default=True, help=text("cli.history_count"))
    @click.option("--output", "with_output", is_flag=True, help=text("cli.history_output"))
    def history(process: str | None, count: int, with_output: bool) -> None:
        from liteyuki.cli.history_table import history_lines

        data_dir = outline_of_project().data_dir
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        for line in history_lines(data_dir, process, count, with_output=with_output, width=width):
            click.echo(line)

    return history
