"""Settings: files and environment -> frozen, checked values.

`[tool.liteyuki]` in `pyproject.toml`, then `liteyuki.toml`, then `LITEYUKI_*` variables, then the command line; what
comes later wins, key by key. A variable names a nested key with two underscores
(`LITEYUKI_PROCESSES__NONEBOT__STOP_TIMEOUT=5`), and its value is written as in TOML, or as bare text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liteyuki.config.conditions import read_conditions
from liteyuki.config.layers import read_layers
from liteyuki.config.order import expand, read_instances
from liteyuki.config.table import Table, layered, written
from liteyuki.errors import ConfigError
from liteyuki.locale import LANGUAGES, text
from liteyuki.log import LEVELS
from liteyuki.supervise import Backoff, GiveUp, LogFiles, ProcessSpec, Program, ProgramKind

__all__ = ["DEFAULT_DATA_DIR", "DEFAULT_PROCESS", "Settings", "load_settings"]

DEFAULT_PROCESS: Final = "nonebot"
DEFAULT_DATA_DIR: Final = ".liteyuki"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a main process is configured with."""

    directory: Path
    """The project's folder."""
    lang: str
    log_level: str
    log_icons: bool
    data_dir: Path
    log_files: LogFiles
    plugins: tuple[str, ...]
    plugin_dirs: tuple[Path, ...]
    processes: Mapping[str, ProcessSpec]
    raw: Mapping[str, Any]
    """The merged settings as they were written, for `LiteyukiBot.get_config`."""


def load_settings(
    directory: Path, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of the project in `directory`; `overrides` come from the command line.

    Raises `ConfigError` for an unknown key or a bad value, `ProjectError` for a file that is no TOML.
    """
    return _check(directory, layered(read_layers(directory, environment, overrides)))


def _check(directory: Path, merged: dict[str, Any]) -> Settings:
    top = Table(merged, "", "pyproject.toml [tool.liteyuki]")
    lang = top.choice("lang", LANGUAGES[0], LANGUAGES)
    processes, log_files = top.table("processes"), top.table("log_files")
    settings = Settings(
        directory=directory,
        lang=lang,
        log_level=top.choice("log_level", "INFO", LEVELS),
        log_icons=top.boolean("log_icons", True),
        data_dir=directory / top.string("data_dir", DEFAULT_DATA_DIR),
        log_files=LogFiles(
            max_bytes=log_files.size("max_size", LogFiles.max_bytes, at_least="1 KiB"),
            count=log_files.number("count", LogFiles.count, at_least=1, whole=True),
        ),
        plugins=top.strings("plugins"),
        plugin_dirs=tuple(directory / name for name in top.strings("plugin_dirs")),
        processes=_processes(processes, directory),
        raw=written(merged),
    )
    log_files.finish()
    top.finish()
    return settings


def _processes(table: Table, directory: Path) -> dict[str, ProcessSpec]:
    tables = {name: table.table(name) for name in table.names() or (DEFAULT_PROCESS,)}
    return expand({name: _process(name, own, directory) for name, own in tables.items()}, tables)


def _process(name: str, table: Table, directory: Path) -> ProcessSpec:
    if not name.replace("-", "").replace("_", "").isalnum():
        raise ConfigError("[tool.liteyuki.processes]", name, text("config.process_name"))
    backoff, give_up = table.table("backoff"), table.table("give_up")
    env = table.table("env")
    conditions, user_variables = read_conditions(table)
    spec = ProcessSpec(
        name=name,
        program=_program(table),
        cwd=directory / table.string("cwd", "."),
        env=user_variables | {key: env.string(key, "", may_be_empty=True) for key in env.names()},
        restart=table.member("restart", ProcessSpec.restart),
        backoff=Backoff(
            base=backoff.seconds("base", Backoff.base),
            factor=backoff.number("factor", Backoff.factor, at_least=1.0),
            max=backoff.seconds("max", Backoff.max),
            jitter=backoff.number("jitter", Backoff.jitter),
            reset_after=backoff.seconds("reset_after", Backoff.reset_after),
        ),
        give_up=GiveUp(
            deaths=give_up.number("deaths", GiveUp.deaths, at_least=1, whole=True),
            within=give_up.seconds("within", GiveUp.within),
            then=give_up.member("then", GiveUp.then),
            slow_every=give_up.seconds("slow_every", GiveUp.slow_every),
        ),
        start_timeout=table.seconds("start_timeout", ProcessSpec.start_timeout),
        stop_timeout=table.seconds("stop_timeout", ProcessSpec.stop_timeout),
        watchdog=table.seconds("watchdog", ProcessSpec.watchdog),
        memory_limit_bytes=table.size("memory_limit", ProcessSpec.memory_limit_bytes, at_least="1 MiB", or_none=True),
        max_age=table.seconds("max_age", ProcessSpec.max_age),
        schedule=table.cron("schedule"),
        watch=tuple(directory / name for name in table.strings("watch")),
        conditions=conditions,
        after=table.strings("after"),
        instances=read_instances(table),
        safe_mode=table.boolean("safe_mode", ProcessSpec.safe_mode),
    )
    for part in (backoff, give_up, env, table):
        part.finish()
    if spec.backoff.jitter >= 1.0:
        raise backoff.error("jitter", text("config.takes_share"))
    if not spec.cwd.is_dir():
        raise table.error("cwd", text("config.takes_directory"))
    if table.has("watchdog") and spec.watchdog and not spec.program.has_channels:
        raise table.error("watchdog", text("config.no_loop"))
    if table.has("safe_mode") and spec.safe_mode and not spec.program.runs_nonebot:
        raise table.error("safe_mode", text("config.no_plugins"))
    if not all(path.exists() for path in spec.watch):
        raise table.error("watch", text("config.takes_paths"))
    return spec


def _program(table: Table) -> Program:
    kinds = [kind for kind in ProgramKind if table.has(kind.value)]
    if len(kinds) > 1:
        raise table.error(kinds[1].value, text("config.one_program"))
    kind = kinds[0] if kinds else ProgramKind.APP
    args, kwargs = table.items("args"), table.table("kwargs")
    keywords = {key: kwargs.anything(key) for key in kwargs.names()}
    if (args or keywords) and kind is not ProgramKind.TARGET:
        raise table.error("args" if args else "kwargs", text("config.args_for_target"))
    if kind is ProgramKind.COMMAND:
        words = table.strings("command")
        if not words:
            raise table.error("command", text("config.takes_strings"))
        return Program(kind, words)
    if kind is ProgramKind.APP:
        return Program(kind, (table.choice("app", "nonebot", ("nonebot",)),))
    word = table.string(kind.value, "")
    if kind is ProgramKind.TARGET and (word.count(":") != 1 or word.startswith(":") or word.endswith(":")):
        raise table.error("target", text("config.takes_target"))
    return Program(kind, (word,), args, keywords)
