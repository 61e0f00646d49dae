"""Driver hooks: rebuild the channels, tell the main process that the bot is ready, and follow its orders."""

import os

import nonebot
from nonebot import get_driver, logger
from nonebot.drivers import ASGIMixin

from liteyuki.comm import attach_channels, own_process
from liteyuki.comm.protocol import ConnectionPoint, Notice, SandboxUsers, StateReport
from liteyuki.comm.registry import current_registry, own_channel
from liteyuki.locale import set_language, text
from nonebot_plugin_liteyuki_comm.notices import deliver
from nonebot_plugin_liteyuki_comm.silence import report_silence

__all__: list[str] = []

_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}

driver = get_driver()
_sandbox_entries: set[str] = set()


def _connection_point() -> ConnectionPoint | None:
    """Where a OneBot v11 client reaches this bot by reverse WebSocket, if it can."""
    adapter = nonebot.get_adapters().get("OneBot V11")
    if adapter is None or not isinstance(driver, ASGIMixin):
        return None
    host = str(driver.config.host)
    host = _EVERY_ADDRESS.get(host, host)
    host = f"[{host}]" if ":" in host else host
    token = getattr(getattr(adapter, "onebot_config", None), "onebot_access_token", None)
    return ConnectionPoint(f"ws://{host}:{driver.config.port}/onebot/v11/ws", token or "")


def _set_sandbox_users(update: SandboxUsers) -> None:
    """Make these users superusers, and no earlier ones; those that the configuration names are not touched."""
    superusers = driver.config.superusers
    superusers -= _sandbox_entries
    _sandbox_entries.clear()
    _sandbox_entries.update(f"onebot:{user_id}" for user_id in update.user_ids)
    _sandbox_entries.difference_update(superusers)
    superusers |= _sandbox_entries


async def _rebuild_channels() -> None:
    attach_channels()


async def _report_ready() -> None:
    passive = own_channel("passive")
    passive.on_control(SandboxUsers, _set_sandbox_users)
    passive.on_control(Notice, deliver)
    if not driver.config.superusers and current_registry().generation == 1:
        logger.warning(text("chat.no_superusers"))
    report_silence()
    passive.tell(StateReport("ready", connection_point=_connection_point()))


if own_process() is not None:
    driver.on_startup(_rebuild_channels)
    # The name under which adapters register for "all startup hooks have run"; `Driver` has no public one.
    driver._lifespan.on_ready(_report_ready)
else:
    set_language(os.environ.get("LITEYUKI_LANG", ""))
