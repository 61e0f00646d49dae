"""The settings `after` and `instances`: each process gets a name of its own, and an order that can be kept."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from liteyuki.config.table import Table
from liteyuki.locale import text
from liteyuki.supervise import ProcessSpec, find_cycle

__all__ = ["expand", "instance_names", "read_instances"]

_MOST_INSTANCES: Final = 1000
"""More instances are a typing mistake, and no machine could run them."""


def read_instances(table: Table) -> int:
    """How many instances of a process are to run. Raises `ConfigError`."""
    number = table.number("instances", 1, at_least=1, whole=True)
    if number > _MOST_INSTANCES:
        raise table.error("instances", text("config.takes_range", least=1, most=_MOST_INSTANCES))
    return number


def expand(written: Mapping[str, ProcessSpec], tables: Mapping[str, Table]) -> dict[str, ProcessSpec]:
    """Each instance under a name of its own, with `after` naming instances.

    Raises `ConfigError` for two of the same name, for an unknown name in `after`, and for a cycle.
    """
    instances = {name: instance_names(name, spec.instances) for name, spec in written.items()}
    for family, names in instances.items():
        for name in names:
            if name != family and name in written:
                raise tables[family].error("instances", text("config.name_taken", name=name))
    known = {name: (name,) for names in instances.values() for name in names} | instances
    after = {family: _after(spec, known, tables[family]) for family, spec in written.items()}
    specs = {
        name: replace(written[family], name=name, after=after[family])
        for family, names in instances.items()
        for name in names
    }
    if cycle := find_cycle({name: spec.after for name, spec in specs.items()}):
        way = " → ".join((*cycle, cycle[0]))
        raise tables[specs[cycle[0]].family].error("after", text("config.cycle", way=way))
    return specs


def instance_names(name: str, instances: object) -> tuple[str, ...]:
    """The names of the instances of `name`; just `name` for one instance, or if `number` is no valid number."""
    if not isinstance(instances, int) or not 1 < instances <= _MOST_INSTANCES:
        return (name,)
    return tuple(f"{name}-{number}" for number in range(1, instances + 1))


def _after(spec: ProcessSpec, known: Mapping[str, tuple[str, ...]], table: Table) -> tuple[str, ...]:
    """The processes that `spec` starts after; the name of a process with several instances stands for all of them."""
    for name in spec.after:
        if name not in known:
            raise table.error("after", text("config.takes_processes", name=name, known=", ".join(sorted(known))))
    return tuple(dict.fromkeys(other for name in spec.after for other in known[name]))
