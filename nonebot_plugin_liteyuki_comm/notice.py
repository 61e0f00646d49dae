"""The notice "Restarted": sent once, in the chat and by the account that was asked for the restart."""

import asyncio
import importlib
import importlib.util
import json
from typing import Any

import nonebot
from nonebot import get_driver, logger
from nonebot.adapters import Bot, Event

from liteyuki.comm.protocol import ANSWER_TIMEOUT, ClaimNotice, DeliverNotice, NoticeOutcome
from liteyuki.comm.registry import own_channel, own_process
from liteyuki.locale import text

__all__ = ["capture_target", "deliver", "private_chat", "send"]

_V11, _V12, _ALCONNA = "onebot-v11", "onebot-v12", "alconna"
_FIELDS = {
    _V11: ("message_type", "user_id", "group_id"),
    _V12: ("detail_type", "user_id", "group_id", "guild_id", "channel_id"),
}
_ADAPTERS = {"OneBot V11": _V11, "OneBot V12": _V12}

# Set whenever a bot connects, and then replaced, so that each waiter looks for its own account again.
_connected = asyncio.Event()


@get_driver().on_bot_connect
async def _note_connection(bot: Bot) -> None:
    global _connected
    before, _connected = _connected, asyncio.Event()
    before.set()


def capture_target(bot: Bot, event: Event) -> dict[str, Any]:
    """The chat that `event` came from, as plain data that outlives this process; `via` says how to send there."""
    via = _ADAPTERS.get(bot.adapter.get_name())
    if via is not None:
        names = ((name, getattr(event, name, None)) for name in _FIELDS[via])
        return {"via": via, **{name: value for name, value in names if value is not None}}
    if importlib.util.find_spec("nonebot_plugin_alconna") is None:
        return {"via": ""}
    try:
        # JSON, because the dump contains enums that are also str.
        return {"via": _ALCONNA, "target": json.dumps(_uniseg().get_target(event, bot).dump())}
    except Exception as error:  # noqa: BLE001 - an adapter that it cannot serve must not keep the bot from restarting
        logger.opt(exception=error).warning(text("notice.no_target", adapter=bot.adapter.get_name()))
        return {"via": ""}


def private_chat(bot: Bot, account: str) -> dict[str, Any]:
    """The private chat with `account`, in the form of `capture_target`."""
    via = _ADAPTERS.get(bot.adapter.get_name())
    if via == _V11:
        return {"via": via, "message_type": "private", "user_id": int(account)}
    if via == _V12:
        return {"via": via, "detail_type": "private", "user_id": account}
    if importlib.util.find_spec("nonebot_plugin_alconna") is None:
        return {"via": ""}
    target = _uniseg().Target(account, private=True, self_id=bot.self_id, adapter=bot.adapter.get_name())
    return {"via": _ALCONNA, "target": json.dumps(target.dump())}


def _uniseg() -> Any:
    """The module of nonebot-plugin-alconna that sends to any adapter; loaded only where one needs it."""
    nonebot.require("nonebot_plugin_alconna")
    return importlib.import_module("nonebot_plugin_alconna.uniseg")


async def deliver(notice: DeliverNotice) -> None:
    """Handler of the main process's order; it returns at once, so that the next order is not held up."""
    task = asyncio.ensure_future(_deliver(notice))
    _running.add(task)
    task.add_done_callback(_running.discard)


_running: set["asyncio.Task[None]"] = set()


async def _deliver(notice: DeliverNotice) -> None:
    try:
        problem = await _try_to_deliver(notice)
    except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the main process must hear of it
        problem = text("notice.failed", process=notice.process, error=f"{type(error).__name__}: {error}")
    own_channel("passive").tell(NoticeOutcome(notice.notice_id, problem))


async def _try_to_deliver(notice: DeliverNotice) -> str:
    """Send the notice; returns the problem, or an empty string."""
    origin = notice.origin
    target = origin.target or {}
    if not target.get("via"):
        return text("notice.no_way", process=notice.process, adapter=origin.adapter)
    try:
        bot = await asyncio.wait_for(_bot_of(origin.adapter, origin.self_id), notice.wait)
    except asyncio.TimeoutError:
        return text("notice.account_away", process=notice.process, account=origin.self_id, seconds=notice.wait)
    seconds = await own_channel("passive").ask(ClaimNotice(notice.notice_id), timeout=ANSWER_TIMEOUT)
    if seconds is not None:
        key = "chat.restarted" if notice.process == own_process() else "chat.restarted_other"
        await send(bot, target, text(key, name=notice.process, seconds=seconds))
    return ""


async def _bot_of(adapter: str, self_id: str) -> Bot:
    """The account, as soon as it is connected. Another account never replaces it."""
    while True:
        connected = _connected
        bot = nonebot.get_bots().get(self_id)
        if bot is not None and bot.adapter.get_name() == adapter:
            return bot
        await connected.wait()


async def send(bot: Bot, target: dict[str, Any], sentence: str) -> None:
    """Send `sentence` to the chat `target`. Raises what the adapter raises."""
    target = dict(target)
    via = target.pop("via")
    if via == _V11:
        await bot.call_api("send_msg", message=sentence, **target)
    elif via == _V12:
        message = [{"type": "text", "data": {"text": sentence}}]
        await bot.call_api("send_message", message=message, **target)
    else:
        uniseg = _uniseg()
        # Without `bot`, alconna might choose another account.
        await uniseg.UniMessage(sentence).send(uniseg.Target.load(json.loads(target["target"])), bot)
