"""`liteyuki logs`: the last lines of a process's log files, and what is added to them."""

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import click

from liteyuki.cli.project import outline_of_project
from liteyuki.config import Outline
from liteyuki.errors import UnknownProcess
from liteyuki.locale import text
from liteyuki.runtime_dir import LOGS
from liteyuki.supervise.output import OWN_LOG, log_path, numbered

__all__ = ["command", "follow", "last_lines"]

_STEP_BYTES: Final = 64 * 1024
_LOOK_EVERY: Final = 0.2
"""Seconds between two looks at a file that is followed."""


def command() -> click.Command:
    """The verb, with help in the language in force."""
    count_range = click.IntRange(0, 1_000_000)

    @click.command("logs", help=text("cli.logs"))
    @click.argument("process", required=False)
    @click.option("-n", "count", type=count_range, default=20, show_default=True, help=text("cli.logs_count"))
    @click.option("-f", "--follow", "follows", is_flag=True, help=text("cli.logs_follow"))
    def logs(process: str | None, count: int, follows: bool) -> None:
        with contextlib.suppress(KeyboardInterrupt):
            _show_logs(outline_of_project(), process, count, follows=follows)

    return logs


def _show_logs(project: Outline, process: str | None, count: int, *, follows: bool) -> None:
    """Print the last `count` lines of `process` (the first one unless named), and if wanted what is added from then on.

    It ends quietly when nobody reads its output any more; following a log has no other end but Ctrl+C. Raises
    `OSError`; `UnknownProcess` if there is neither such a log nor such a process.
    """
    path = _log_of(process or project.processes[0], project)
    screen = sys.stdout.buffer
    try:
        for data in follow(path, count) if follows else last_lines(path, count):
            screen.write(data)
            if follows:
                screen.flush()
        screen.flush()
    except BrokenPipeError:
        # Python flushes once more at exit, which would fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), screen.fileno())


def _log_of(name: str, project: Outline) -> Path:
    """The newest log file of `name`. It may not exist yet, and `name` may be a process that no longer exists."""
    path = log_path(project.data_dir / LOGS, name)
    if not path.exists():
        known = (*project.processes, OWN_LOG)
        if name not in known:
            raise UnknownProcess(name, known)
        print(text("logs.none", name=name, path=path), file=sys.stderr)
    return path


def last_lines(path: Path, count: int) -> list[bytes]:
    """The last `count` lines, those of older files included. Raises `OSError`."""
    newest = _opened(path)
    if newest is None:
        return []
    with newest:
        return _read_last_lines(newest, path, count)


def follow(path: Path, count: int) -> Generator[bytes, None, None]:
    """The last `count` lines, then what is added, across rotations and restarts, for ever. Raises `OSError`."""
    while (file := _opened(path)) is None:
        time.sleep(_LOOK_EVERY)
    try:
        yield from _read_last_lines(file, path, count)
        while True:
            yield from _rest(file)
            if os.fstat(file.fileno()).st_size < file.tell():
                file.seek(0)  # somebody has emptied it
            newer = _next_newer(path, file)
            if newer is None:
                time.sleep(_LOOK_EVERY)
                continue
            # Nothing is written to it any more, but something may have been since it was read.
            yield from _rest(file)
            file.close()
            file = newer
    finally:
        file.close()


def _rest(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(_STEP_BYTES):
        yield data


def _read_last_lines(newest: BinaryIO, path: Path, count: int) -> list[bytes]:
    """The last `count` lines; `newest` is left at its end."""
    # One line more than wanted: it shows that the first of the wanted lines is whole.
    found = list(deque(newest, count + 1))
    number = 1
    while len(found) <= count and (older := _opened(numbered(path, number))) is not None:
        with older:
            if not os.path.sameopenfile(older.fileno(), newest.fileno()):
                found = _joined([*deque(older, count + 2 - len(found))], found)
        number += 1
    return found[max(0, len(found) - count) :]


def _joined(older: list[bytes], newer: list[bytes]) -> list[bytes]:
    """The lines of two files, of which the older one may end in the middle of a line."""
    if older and newer and not older[-1].endswith(b"\n"):
        return [*older[:-1], older[-1] + newer[0], *newer[1:]]
    return [*older, *newer]


def _next_newer(path: Path, file: BinaryIO) -> BinaryIO | None:
    """The file that was begun after `file`; None if there is none, or if files are being renamed just now."""
    if not path.exists() or _is_at(path, file):
        return None
    # From the newest on, because files are renamed in that direction.
    numbers = range(1, 1 + max((_number_of(other) for other in path.parent.glob(f"{path.name}.*")), default=0))
    for number in numbers:
        if _is_at(numbered(path, number), file):
            newer = _opened(numbered(path, number - 1))
            if newer is not None and not _is_at(numbered(path, number), file):
                newer.close()
                return None
            return newer
    # So much was added in the meantime that `file` is gone; perhaps others are, too.
    return _opened(numbered(path, numbers[-1])) if numbers else _opened(path)


def _is_at(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _number_of(path: Path) -> int:
    number = path.suffix.removeprefix(".")
    return int(number) if number.isascii() and number.isdecimal() else 0


def _opened(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None
