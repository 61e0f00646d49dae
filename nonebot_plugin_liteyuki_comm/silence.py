"""Logs when no bot account has been connected for a while, and when one is back.

This is no reason for a restart: the bot runs; the platform, its client or the network is away.
"""

import asyncio
import time
from typing import Final

import nonebot
from nonebot import get_driver, logger
from nonebot.adapters import Bot

from liteyuki.locale import text

__all__ = ["SILENCE", "report_silence"]

SILENCE: Final = 300.0
"""Seconds without any account after which the log says so."""

_MINUTE: Final = 60.0


class _Silence:
    """The time without accounts, if there is none connected."""

    def __init__(self) -> None:
        self.since: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.is_reported = False

    def begin(self) -> None:
        """No account is connected from now on."""
        self.end()
        self.since = time.monotonic()
        self.timer = asyncio.get_running_loop().call_later(SILENCE, self._report)

    def _report(self) -> None:
        self.is_reported = True
        logger.warning(text("chat.no_bot", minutes=SILENCE / _MINUTE))

    def end(self) -> float | None:
        """An account is connected; the seconds without one, if that was reported."""
        reported_since = self.since if self.is_reported else None
        if self.timer is not None:
            self.timer.cancel()
        self.since, self.timer, self.is_reported = None, None, False
        return None if reported_since is None else time.monotonic() - reported_since


_silence = _Silence()


def report_silence() -> None:
    """Report from now on. Once, on the driver's event loop, when the bot has started."""
    driver = get_driver()
    driver.on_bot_connect(_connected)
    driver.on_bot_disconnect(_disconnected)
    if not nonebot.get_bots():
        _silence.begin()


async def _connected(bot: Bot) -> None:
    seconds = _silence.end()
    if seconds is not None:
        logger.info(text("chat.bot_back", account=bot.self_id, minutes=seconds / _MINUTE))


async def _disconnected(bot: Bot) -> None:
    if not nonebot.get_bots():
        _silence.begin()
