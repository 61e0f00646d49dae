"""Settings: files and environment -> frozen, checked values.

`[tool.liteyuki]` in `pyproject.toml`, then `liteyuki.toml`, then `LITEYUKI_*` variables, then the command line; what
comes later wins, key by key. A variable names a nested key with two underscores
(`LITEYUKI_PROCESSES__NONEBOT__STOP_TIMEOUT=5`), and its value is written as in TOML, or as bare text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from liteyuki.config_conditions import read_conditions
from liteyuki.config_values import Table, layered, written
from liteyuki.errors import ConfigError
from liteyuki.locale import LANGUAGES, text
from liteyuki.log import LEVELS
from liteyuki.project import read_toml, tomllib
from liteyuki.supervise.spec import Backoff, GiveUp, LogFiles, ProcessSpec, Program, ProgramKind

__all__ = ["DEFAULT_PROCESS", "Settings", "load_settings"]

DEFAULT_PROCESS: Final = "nonebot"
_PREFIX: Final = "LITEYUKI_"
_PROGRAM_KEYS: Final = frozenset(kind.value for kind in ProgramKind) | {"args", "kwargs"}
# What a child is given (see comm/handles.py); a main process that runs inside a child is not configured by it.
_NOT_SETTINGS: Final = frozenset(
    {
        "LITEYUKI_PROCESS",
        "LITEYUKI_GENERATION",
        "LITEYUKI_HANDLES",
        "LITEYUKI_LOADING",
        "LITEYUKI_PULSE",
        "LITEYUKI_TREE",
    }
)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that a main process is told."""

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
    """The merged settings as written, for `LiteyukiBot.get_config`."""


def load_settings(
    directory: Path, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of the project in `directory`; `overrides` come from the command line.

    Raises `ConfigError` for an unknown key or a bad value, `ProjectError` for a file that is no TOML.
    """
    layers: list[tuple[str, Mapping[str, Any]]] = []
    pyproject = read_toml(directory / "pyproject.toml")
    tool = pyproject.get("tool", {})
    own = tool.get("liteyuki", {}) if isinstance(tool, dict) else {}
    for source, table in (
        ("pyproject.toml [tool.liteyuki]", own),
        ("liteyuki.toml", read_toml(directory / "liteyuki.toml")),
    ):
        if not isinstance(table, dict):
            raise ConfigError(source, "liteyuki", text("config.takes_table"))
        if source == "liteyuki.toml" and "tool" in table:
            raise ConfigError(source, "tool", text("config.no_prefix"))
        layers.append((source, table))
    layers += _from_environment(environment)
    layers.append((text("config.command_line"), overrides or {}))
    _let_later_programs_win(layers)
    return _check(directory, layered(layers))


def _let_later_programs_win(layers: list[tuple[str, Mapping[str, Any]]]) -> None:
    """`liteyuki run my_bot.py` replaces whatever program the files name for that process."""
    replaced: set[str] = set()
    for index in range(len(layers) - 1, -1, -1):
        source, table = layers[index]
        processes = table.get("processes")
        if not isinstance(processes, Mapping):
            continue
        kept = {
            name: {key: value for key, value in process.items() if key not in _PROGRAM_KEYS}
            if name in replaced and isinstance(process, Mapping)
            else process
            for name, process in processes.items()
        }
        replaced.update(
            name for name, process in kept.items() if isinstance(process, Mapping) and _PROGRAM_KEYS & process.keys()
        )
        layers[index] = (source, {**table, "processes": kept})


def _from_environment(environment: Mapping[str, str]) -> list[tuple[str, Mapping[str, Any]]]:
    layers: list[tuple[str, Mapping[str, Any]]] = []
    for name in sorted(environment):
        if not name.startswith(_PREFIX) or name in _NOT_SETTINGS:
            continue
        table: Any = _value_of_variable(environment[name])
        for part in reversed(name.removeprefix(_PREFIX).lower().split("__")):
            table = {part: table}
        layers.append((name, table))
    return layers


def _value_of_variable(written: str) -> Any:
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _check(directory: Path, merged: dict[str, Any]) -> Settings:
    top = Table(merged, "", "pyproject.toml [tool.liteyuki]")
    lang = top.choice("lang", LANGUAGES[0], LANGUAGES)
    processes, log_files = top.table("processes"), top.table("log_files")
    settings = Settings(
        directory=directory,
        lang=lang,
        log_level=top.choice("log_level", "INFO", LEVELS),
        log_icons=top.boolean("log_icons", True),
        data_dir=directory / top.string("data_dir", ".liteyuki"),
        log_files=LogFiles(
            max_bytes=log_files.size("max_size", LogFiles.max_bytes, at_least="1 KiB"),
            count=log_files.number("count", LogFiles.count, at_least=1, whole=True),
        ),
        plugins=top.strings("plugins"),
        plugin_dirs=tuple(directory / name for name in top.strings("plugin_dirs")),
        processes={
            name: _process(name, processes.table(name), directory) for name in processes.names() or (DEFAULT_PROCESS,)
        },
        raw=written(merged),
    )
    log_files.finish()
    top.finish()
    return settings


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
            base=backoff.number("base", Backoff.base),
            factor=backoff.number("factor", Backoff.factor, at_least=1.0),
            max=backoff.number("max", Backoff.max),
            jitter=backoff.number("jitter", Backoff.jitter),
            reset_after=backoff.number("reset_after", Backoff.reset_after),
        ),
        give_up=GiveUp(
            deaths=give_up.number("deaths", GiveUp.deaths, at_least=1, whole=True),
            within=give_up.number("within", GiveUp.within),
            then=give_up.member("then", GiveUp.then),
            slow_every=give_up.number("slow_every", GiveUp.slow_every),
        ),
        start_timeout=table.number("start_timeout", ProcessSpec.start_timeout),
        stop_timeout=table.number("stop_timeout", ProcessSpec.stop_timeout),
        watchdog=table.number("watchdog", ProcessSpec.watchdog),
        memory_limit_bytes=table.size("memory_limit", ProcessSpec.memory_limit_bytes, at_least="1 MiB", or_none=True),
        max_age=table.number("max_age", ProcessSpec.max_age),
        schedule=table.cron("schedule"),
        watch=tuple(directory / name for name in table.strings("watch")),
        conditions=conditions,
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
