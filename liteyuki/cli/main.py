"""The command line: what it takes, and which part does it."""

import liteyuki._late_tls  # noqa: F401 (before anything that imports asyncio)

# isort: split
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from liteyuki import __version__
from liteyuki.config import DEFAULT_PROCESS, Settings, load_settings
from liteyuki.errors import LiteyukiError, StartError
from liteyuki.locale import LANGUAGES, set_language, text

__all__ = ["main"]

_EXIT_FAILED = 1
_EXIT_BAD_USAGE = 2


def main() -> None:
    """The console script."""
    try:
        set_language(_language_of_project())
        _build()(prog_name="liteyuki", standalone_mode=True)
    except KeyboardInterrupt:
        sys.exit(0)  # before anything has been started


def _language_of_project() -> str:
    """The language for help and usage errors: the project's, if its settings can be read."""
    try:
        return load_settings(Path.cwd(), os.environ).lang
    except (StartError, FileNotFoundError):
        return os.environ.get("LITEYUKI_LANG", LANGUAGES[0])


def _build() -> click.Group:
    """The commands; built when called, so that help is in the language of the project."""
    group = click.Group("liteyuki", help=text("cli.help"), context_settings={"help_option_names": ["-h", "--help"]})
    click.version_option(__version__, "--version", prog_name="liteyuki")(group)
    group.add_command(
        click.Command(
            "run",
            callback=_run,
            help=text("cli.run"),
            params=[
                click.Argument(["script"], required=False, type=click.Path(path_type=Path)),
                click.Option(["--reload"], is_flag=True, help=text("cli.reload")),
            ],
        )
    )
    group.add_command(
        click.Command(
            "chat",
            callback=_chat,
            help=text("cli.chat"),
            params=[
                click.Option(["--say", "lines"], multiple=True, metavar="TEXT", help=text("cli.chat_say")),
                click.Option(
                    ["--timeout"],
                    type=click.FloatRange(min=0, min_open=True),
                    default=30.0,
                    show_default=True,
                    help=text("cli.chat_timeout"),
                ),
                click.Option(["--process"], default=None, help=text("cli.chat_process")),
                click.Option(
                    ["--reconnect"],
                    type=click.FloatRange(min=0, min_open=True),
                    default=0.05,
                    show_default=True,
                    help=text("cli.chat_reconnect"),
                ),
            ],
        )
    )
    group.add_command(
        click.Command(
            "history",
            callback=_history,
            help=text("cli.history"),
            params=[
                click.Argument(["process"], required=False),
                _count_option(1, text("cli.history_count")),
                click.Option(["--output", "with_output"], is_flag=True, help=text("cli.history_output")),
            ],
        )
    )
    group.add_command(
        click.Command(
            "logs",
            callback=_logs,
            help=text("cli.logs"),
            params=[
                click.Argument(["process"], required=False),
                _count_option(0, text("cli.logs_count")),
                click.Option(["-f", "--follow", "follows"], is_flag=True, help=text("cli.logs_follow")),
            ],
        )
    )
    service = click.Group("service", help=text("cli.service"))
    service.add_command(
        click.Command(
            "systemd",
            callback=_service_systemd,
            help=text("cli.service_systemd"),
            params=[click.Argument(["script"], required=False, type=click.Path(path_type=Path))],
        )
    )
    group.add_command(service)
    return group


def _count_option(least: int, words: str) -> click.Option:
    """How many of the latest are shown."""
    return click.Option(
        ["-n", "count"], type=click.IntRange(least, 1_000_000), default=20, show_default=True, help=words
    )


def _run(script: Path | None, reload: bool) -> NoReturn:
    from liteyuki.bot import LiteyukiBot

    processes: dict[str, dict[str, Any]] = {}
    if script is not None:
        processes[DEFAULT_PROCESS] = {"script": str(script)}
    if reload:
        for name, folder in _folders(processes).items():
            processes.setdefault(name, {})["watch"] = [folder]
    overrides: dict[str, Any] = {"processes": processes} if processes else {}
    LiteyukiBot(**overrides).run()


def _folders(processes: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Where the sources are of each process that runs Python code."""
    try:
        settings = load_settings(Path.cwd(), os.environ, {"processes": processes} if processes else {})
    except StartError:
        return {}  # what is wrong is said by whoever starts with it
    return {name: str(spec.cwd) for name, spec in settings.processes.items() if spec.program.has_channels}


def _chat(lines: tuple[str, ...], timeout: float, process: str | None, reconnect: float) -> None:
    import asyncio

    from liteyuki.cli.chat import chat

    try:
        settings: Settings = load_settings(Path.cwd(), os.environ)
        code = asyncio.run(chat(settings.data_dir, lines, timeout=timeout, process=process, reconnect=reconnect))
    except StartError as error:
        _fail(error, _EXIT_BAD_USAGE)
    except LiteyukiError as error:
        _fail(error, _EXIT_FAILED)
    except KeyboardInterrupt:
        code = 0
    sys.exit(code)


def _history(process: str | None, count: int, with_output: bool) -> None:
    from liteyuki.cli.history import history_lines

    try:
        settings = load_settings(Path.cwd(), os.environ)
        lines = history_lines(settings.data_dir, process, count, with_output=with_output)
    except StartError as error:
        _fail(error, _EXIT_BAD_USAGE)
    except LiteyukiError as error:
        _fail(error, _EXIT_FAILED)
    for line in lines:
        click.echo(line)


def _logs(process: str | None, count: int, follows: bool) -> None:
    from liteyuki.cli.logs import show_logs

    try:
        show_logs(load_settings(Path.cwd(), os.environ), process, count, follows=follows)
    except StartError as error:
        _fail(error, _EXIT_BAD_USAGE)
    except (LiteyukiError, OSError) as error:
        _fail(error, _EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(0)


def _service_systemd(script: Path | None) -> None:
    from liteyuki.cli.service import own_user, systemd_unit

    try:
        settings = load_settings(Path.cwd().resolve(), os.environ)
    except StartError as error:
        _fail(error, _EXIT_BAD_USAGE)
    click.echo(systemd_unit(settings, script, user=own_user()), nl=False)


def _fail(error: Exception, code: int) -> NoReturn:
    click.echo(text("cli.failed", error=error), err=True)
    sys.exit(code)
