"""Where settings are written: the two files, `LITEYUKI_*` variables, the command line; later sources win."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from liteyuki.config.table import layered, written
from liteyuki.errors import ConfigError, StartError
from liteyuki.locale import LANGUAGES, language, text
from liteyuki.project import read_toml, tomllib
from liteyuki.supervise import ProgramKind

__all__ = ["Layer", "read_language", "read_layers"]

Layer = tuple[str, Mapping[str, Any]]
"""The source of a setting, and its value."""

_PREFIX: Final = "LITEYUKI_"
_PROGRAM_KEYS: Final = frozenset(kind.value for kind in ProgramKind) | {"args", "kwargs"}
# Variables that a child is given (see comm/transport/inheritance.py); they do not configure a main process inside it.
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


def read_layers(
    directory: Path,
    environment: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
    *,
    failed: Callable[[StartError], None] | None = None,
) -> list[Layer]:
    """What the sources set for the project in `directory`.

    Raises `ConfigError` or `ProjectError` for a file that cannot be read; with `failed`, that is called instead, and
    the others are read.
    """
    layers: list[Layer] = []
    for read in (_from_pyproject, _from_own_file):
        try:
            layers.append(read(directory))
        except StartError as error:
            if failed is None:
                raise
            failed(error)
    layers += _from_environment(environment)
    layers.append((text("config.command_line"), overrides or {}))
    _let_later_programs_win(layers)
    return layers


def read_language(directory: Path, environment: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> str:
    """The language that is set, whatever else is wrong, since errors are told in it; if none is, the one in force."""
    layers = read_layers(directory, environment, overrides, failed=lambda error: None)
    wanted = written(layered(layers).get("lang"))
    return wanted if wanted in LANGUAGES else language()


def _from_pyproject(directory: Path) -> Layer:
    tool = read_toml(directory / "pyproject.toml").get("tool", {})
    return _checked("pyproject.toml [tool.liteyuki]", tool.get("liteyuki", {}) if isinstance(tool, dict) else {})


def _from_own_file(directory: Path) -> Layer:
    source = "liteyuki.toml"
    table = read_toml(directory / source)
    if "tool" in table:
        raise ConfigError(source, "tool", text("config.no_prefix"))
    return _checked(source, table)


def _checked(source: str, table: Any) -> Layer:
    if not isinstance(table, dict):
        raise ConfigError(source, "liteyuki", text("config.takes_table"))
    return source, table


def _let_later_programs_win(layers: list[Layer]) -> None:
    """`liteyuki run my_bot.py` replaces the program that the files name for that process, of whatever kind."""
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


def _from_environment(environment: Mapping[str, str]) -> list[Layer]:
    layers: list[Layer] = []
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
