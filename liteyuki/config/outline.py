"""What is known of a project even if a setting is wrong: for commands that only read files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liteyuki.config.layers import read_layers
from liteyuki.config.order import instance_names
from liteyuki.config.settings import DEFAULT_DATA_DIR, DEFAULT_PROCESS, load_settings
from liteyuki.config.table import layered, written
from liteyuki.errors import StartError

__all__ = ["Outline", "read_outline"]


@dataclass(frozen=True)
class Outline:
    data_dir: Path
    processes: tuple[str, ...]
    """The names of the processes that could be read."""
    problem: StartError | None = None
    """What is wrong with the settings."""


def read_outline(directory: Path, environment: Mapping[str, str]) -> Outline:
    """The outline of the project. Raises nothing: what is wrong with the settings is in `problem`."""
    try:
        settings = load_settings(directory, environment)
    except StartError as error:
        return _guessed(directory, environment, error)
    return Outline(settings.data_dir, tuple(settings.processes))


def _guessed(directory: Path, environment: Mapping[str, str], problem: StartError) -> Outline:
    raw = written(layered(read_layers(directory, environment, failed=lambda error: None)))
    data_dir, processes = raw.get("data_dir"), raw.get("processes")
    return Outline(
        directory / (data_dir if isinstance(data_dir, str) and data_dir else DEFAULT_DATA_DIR),
        tuple(_names(processes)) or (DEFAULT_PROCESS,),
        problem,
    )


def _names(processes: Any) -> list[str]:
    tables = processes if isinstance(processes, Mapping) else {}
    instances = {name: table.get("instances") if isinstance(table, Mapping) else 1 for name, table in tables.items()}
    return [own for name, number in instances.items() for own in instance_names(name, number)]
