"""The command line: what it takes, and which part does it."""

import liteyuki._late_tls  # noqa: F401 (before anything that imports asyncio)

# isort: split
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from liteyuki import __version__
from liteyuki.config import DEFAULT_PROCESS, Outline, check_processes, load_settings, read_language, read_outline
from liteyuki.errors import LiteyukiError, StartError
from liteyuki.locale import LANGUAGES, set_language, text
from liteyuki.log import configure

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
    """The language for help and all errors: the project's, if it can be read."""
    try:
        return read_language(Path.cwd(), os.environ)
    except FileNotFoundError:
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

    overrides = _overrides(script)
    if reload:
        for name, folder in _folders(overrides).items():
            overrides.setdefault("processes", {}).setdefault(name, {})["watch"] = [folder]
    LiteyukiBot(**overrides).run()


def _overrides(script: Path | None) -> dict[str, Any]:
    """The settings that a script on the command line stands for."""
    return {"processes": {DEFAULT_PROCESS: {"script": str(script)}}} if script is not None else {}


def _folders(overrides: dict[str, Any]) -> dict[str, str]:
    """Where the sources are of each process that runs Python code."""
    try:
        settings = load_settings(Path.cwd(), os.environ, overrides)
    except StartError:
        return {}  # what is wrong is said by whoever starts with it
    return {spec.family: str(spec.cwd) for spec in settings.processes.values() if spec.program.has_channels}


def _chat(lines: tuple[str, ...], timeout: float, process: str | None, reconnect: float) -> None:
    import asyncio

    from liteyuki.cli.chat import chat

    data_dir = _outline().data_dir
    try:
        code = asyncio.run(chat(data_dir, lines, timeout=timeout, process=process, reconnect=reconnect))
    except LiteyukiError as error:
        _fail(error, _EXIT_FAILED)
    except KeyboardInterrupt:
        code = 0
    sys.exit(code)


def _history(process: str | None, count: int, with_output: bool) -> None:
    from liteyuki.cli.history import history_lines

    data_dir = _outline().data_dir
    try:
        lines = history_lines(data_dir, process, count, with_output=with_output, width=_width_of_terminal())
    except LiteyukiError as error:
        _fail(error, _EXIT_FAILED)
    for line in lines:
        click.echo(line)


def _width_of_terminal() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _logs(process: str | None, count: int, follows: bool) -> None:
    from liteyuki.cli.logs import show_logs

    try:
        show_logs(_outline(), process, count, follows=follows)
    except (LiteyukiError, OSError) as error:
        _fail(error, _EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(0)


def _service_systemd(script: Path | None) -> None:
    from liteyuki.cli.service import own_user, systemd_unit

    configure(write=lambda line: click.echo(line, nl=False, err=True))  # the unit alone goes to standard output
    try:
        settings = load_settings(Path.cwd().resolve(), os.environ, _overrides(script))
        check_processes(settings)
    except StartError as error:
        _fail(error, _EXIT_BAD_USAGE)
    click.echo(systemd_unit(settings, script, user=own_user()), nl=False)


def _outline() -> Outline:
    """What a command needs that only looks; what is wrong with the settings is said, and in nobody's way."""
    outline = read_outline(Path.cwd(), os.environ)
    if outline.problem is not None:
        click.echo(text("cli.ignored", error=outline.problem), err=True)
    return outline


def _fail(error: Exception, code: int) -> NoReturn:
    click.echo(text("cli.failed", error=error), err=True)
    sys.exit(code)
