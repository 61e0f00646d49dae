"""`liteyuki chat`: talk to the running bot from the terminal, without any account."""

import contextlib
import sys

import click

from liteyuki.cli.project import outline_of_project
from liteyuki.locale import text

__all__ = ["command"]


def command() -> click.Command:
    """The verb, with help in the language in force."""
    seconds = click.FloatRange(min=0, min_open=True)

    @click.command("chat", help=text("cli.chat"))
    @click.option("--say", "lines", multiple=True, metavar="TEXT", help=text("cli.chat_say"))
    @click.option("--timeout", type=seconds, default=30.0, show_default=True, help=text("cli.chat_timeout"))
    @click.option("--process", help=text("cli.chat_process"))
    @click.option("--reconnect", type=seconds, default=0.05, show_default=True, help=text("cli.chat_reconnect"))
    def chat(lines: tuple[str, ...], timeout: float, process: str | None, reconnect: float) -> None:
        import asyncio

        from liteyuki.cli.conversation import converse

        data_dir = outline_of_project().data_dir
        with contextlib.suppress(KeyboardInterrupt):
            sys.exit(asyncio.run(converse(data_dir, lines, timeout=timeout, process=process, reconnect=reconnect)))

    return chat
