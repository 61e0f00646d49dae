"""The log: one loguru logger of our own, its line format, level names and icons.

    11-23 10:00:00 [ℹ️信息] Passive receive: hello

It exists beside loguru's global logger, because NoneBot (and many a plugin) removes the global one's handlers and sets
its own: in the child both print to the same console, each in its own format.
"""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from liteyuki._compat import independent_logger
from liteyuki.locale import language

if TYPE_CHECKING:
    import loguru

__all__ = ["LEVELS", "configure", "logger"]


class LevelLook(NamedTuple):
    """How a level is shown: icon, name in Chinese and English, colour of a terminal (loguru markup)."""

    icon: str
    zh: str
    en: str
    colour: str


LEVELS: Final = {
    "TRACE": LevelLook("🔍", "跟踪", "TRACE", "cyan"),
    "DEBUG": LevelLook("🐛", "调试", "DEBUG", "blue"),
    "INFO": LevelLook("ℹ️", "信息", "INFO", "bold"),
    "SUCCESS": LevelLook("✅", "成功", "SUCCESS", "green"),
    "WARNING": LevelLook("⚠️", "警告", "WARNING", "yellow"),
    "ERROR": LevelLook("❌", "错误", "ERROR", "red"),
    "CRITICAL": LevelLook("💥", "严重", "CRITICAL", "magenta"),
}


logger: Final = independent_logger()
"""The logger for main-process plugins and the child alike. Safe from any thread."""


def line_format(record: "loguru.Record", *, icons: bool) -> str:
    """The loguru format of one line; level names follow the language in force."""
    name = record["level"].name
    look = LEVELS.get(name) or LevelLook("", name, name, "white")
    label = look.zh if language() == "zh" else look.en
    icon = look.icon if icons else ""
    return (
        "<green>{time:MM-DD HH:mm:ss}</green> "
        f"[<{look.colour}>{icon}{label}</{look.colour}>] "
        "{message}\n{exception}"
    )


def configure(*, level: str = "INFO", icons: bool = True, write: Callable[[str], None] | None = None) -> None:
    """Set what is shown from now on, on standard output or through `write`.

    Each process that we start calls it once. From any thread.
    """
    logger.remove()
    logger.add(
        write or _write,
        level=level,
        format=functools.partial(line_format, icons=icons),
        colorize=bool(sys.stdout) and sys.stdout.isatty(),
        backtrace=False,
        diagnose=False,
    )


def _write(message: str) -> None:
    # Looked up for each line, so that a replaced sys.stdout (a test's, a Textual app's) is used.
    sys.stdout.write(message)
    sys.stdout.flush()


configure()
