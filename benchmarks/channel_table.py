"""Runs cases, all systems of one taking turns, and prints them as one table."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.channel_run import MeasurementFailed, Unsupported

__all__ = ["MICROSECONDS", "NANOSECONDS", "PER_SECOND", "Case", "Measurement", "Unit", "mebibytes", "run_case"]

Measurement = Callable[[], float]
"""One round: seconds per message, round trip or value. Raises `Unsupported` or `MeasurementFailed`."""


@dataclass(frozen=True)
class Unit:
    """In what seconds are shown."""

    name: str
    show: Callable[[float], str]


PER_SECOND: Final = Unit("messages/s", lambda seconds: f"{1 / seconds:,.0f}")
MICROSECONDS: Final = Unit("µs", lambda seconds: f"{seconds * 1e6:,.1f}")
NANOSECONDS: Final = Unit("ns", lambda seconds: f"{seconds * 1e9:,.0f}")


def mebibytes(each: int) -> Unit:
    """For messages of `each` MiB."""
    return Unit("MiB/s", lambda seconds: f"{each / seconds:,.0f}")


@dataclass(frozen=True)
class Case:
    """A part of the table."""

    key: str
    """By which it is chosen on the command line; several may share one."""
    title: str
    unit: Unit
    measurements: Mapping[str, Measurement]
    """By system."""
    yardstick: str = "Pipe"
    """The system to which the others are compared."""
    rounds: int = 5


def run_case(case: Case) -> list[str]:
    """Measure and print `case`; one sentence for each system that failed."""
    print()
    _print_line(f"{case.title} ({case.unit.name})", "median", "slowest .. fastest", f"x {case.yardstick}")
    costs, notes, failures = _rounds(case.measurements, case.rounds)
    yardstick = costs[case.yardstick]
    for system in case.measurements:
        if system in notes:
            _print_line(f"  {system}", notes[system])
            continue
        median, slowest, fastest = statistics.median(costs[system]), max(costs[system]), min(costs[system])
        spread = f"{case.unit.show(slowest)} .. {case.unit.show(fastest)}"
        ratio = f"{statistics.median(yardstick) / median:.2f}" if yardstick else "-"
        _print_line(f"  {system}", case.unit.show(median), spread, ratio)
    return failures


def _print_line(what: str, median: str, spread: str = "", ratio: str = "") -> None:
    print(f"{what:<56}{median:>14}{spread:>26}{ratio:>20}".rstrip(), flush=True)


def _rounds(
    measurements: Mapping[str, Measurement], rounds: int
) -> tuple[dict[str, list[float]], dict[str, str], list[str]]:
    """The figures of each system, what stands in the place of the missing ones, and what went wrong."""
    costs: dict[str, list[float]] = {name: [] for name in measurements}
    notes: dict[str, str] = {}
    failures = []
    for _ in range(rounds):
        for name, measurement in measurements.items():
            if name in notes:
                continue
            try:
                costs[name].append(measurement())
            except Unsupported as reason:
                notes[name] = str(reason)
            except MeasurementFailed as failure:
                notes[name] = "failed"
                failures.append(str(failure))
    return costs, notes, failures
