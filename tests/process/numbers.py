"""Numbered messages of all kinds and sizes, and what a stream of them must look like that was cut by kills."""

from collections import defaultdict
from typing import Any, NamedTuple

STREAM_BOUND = 256 * 1024
"""Bytes that may be queued in a stream; some messages are larger."""


def numbered(number: int) -> Any:
    """The message of that number: mostly small, some by themselves, a few in pieces, and a few over the bound."""
    if number % 503 == 11:
        return [number, bytes(1_200_000)]
    if number % 101 == 7:
        return [number, bytes(90_000)]
    if number % 17 == 5:
        return [number, bytes(3_000)]
    return (number, "tagged") if number % 17 == 3 else number


def number_of(message: Any) -> int:
    """Raises `AssertionError` if it is not, to the byte, the message of its number."""
    number: int = message if isinstance(message, int) else message[0]
    assert message == numbered(number), number
    return number


class Record(NamedTuple):
    """What a process has written when it had a message in hand."""

    generation: int
    number: int
    is_redelivered: bool

    def line(self) -> bytes:
        return f"{self.generation} {self.number} {self.is_redelivered:d}\n".encode()


def read_records(content: bytes) -> list[Record]:
    """What all generations have written, one line each."""
    lines = content.decode().splitlines()
    return [Record(int(generation), int(number), flag == "1") for generation, number, flag in map(str.split, lines)]


def check_generations(records: list[Record]) -> None:
    """Within a generation every number follows the one before, and no generation comes back."""
    numbers: dict[int, list[int]] = defaultdict(list)
    for record in records:
        numbers[record.generation].append(record.number)
    for generation, received in numbers.items():
        assert received == list(range(received[0], received[0] + len(received))), f"generation {generation}"
    generations = [record.generation for record in records]
    assert generations == sorted(generations)


def check_taken(records: list[Record]) -> int:
    """No number twice, and none missing but what a killed generation had in hand, one each; how many those are."""
    check_generations(records)
    missing = 0
    before = Record(0, -1, False)
    for record in records:
        assert not record.is_redelivered, record
        gap = record.number - before.number - 1
        assert 0 <= gap <= record.generation - max(before.generation, 1), (before, record)
        missing += gap
        before = record
    return missing


def check_handled(records: list[Record]) -> int:
    """No number missing; twice only the one that a killed generation had in hand, marked; how many those are."""
    check_generations(records)
    repeated, last, generation = 0, -1, 0
    for record in records:
        is_first = record.generation != generation
        generation = record.generation
        is_repeated = record.number == last
        assert is_repeated or record.number == last + 1, (last, record)
        assert record.is_redelivered or not is_repeated, record
        assert is_first or not record.is_redelivered, record
        repeated += is_repeated
        last = record.number
    return repeated


def check_handled_in_any_order(records: list[Record]) -> int:
    """No number missing; again only in a later generation, and marked; how many those are."""
    generations: dict[int, int] = {}
    repeated = 0
    for record in records:
        before = generations.get(record.number, 0)
        assert before < record.generation, record
        assert record.is_redelivered or not before, record
        generations[record.number] = record.generation
        repeated += bool(before)
    assert sorted(generations) == list(range(len(generations)))
    return repeated
