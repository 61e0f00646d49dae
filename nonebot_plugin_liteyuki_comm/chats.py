"""Chats as plain data that outlives this process, and saying something there, whatever the adapter."""

import importlib
import importlib.util
import json
from typing import Any

import nonebot
from nonebot import logger
from nonebot.adapters import Bot, Event

from liteyuki.comm.protocol import FIRST_SANDBOX_ID
from liteyuki.locale import text

__all__ = ["account_on", "capture_target", "is_sandbox", "private_chat", "send"]

_V11, _V12, _ALCONNA = "onebot-v11", "onebot-v12", "alconna"
_FIELDS = {
    _V11: ("message_type", "user_id", "group_id"),
    _V12: ("detail_type", "user_id", "group_id", "guild_id", "channel_id"),
}
_ADAPTERS = {"OneBot V11": _V11, "OneBot V12": _V12}


def capture_target(bot: Bot, event: Event) -> dict[str, Any]:
    """Where `event` came from; `via` tells how to send there, and is empty if that cannot be done."""
    via = _ADAPTERS.get(bot.adapter.get_name())
    if via is not None:
        names = ((name, getattr(event, name, None)) for name in _FIELDS[via])
        return {"via": via, **{name: value for name, value in names if value is not None}}
    if importlib.util.find_spec("nonebot_plugin_alconna") is None:
        return {"via": ""}
    try:
        # As JSON, because the dump holds enums of theirs that are also str.
        return {"via": _ALCONNA, "target": json.dumps(_uniseg().get_target(event, bot).dump())}
    except Exception as error:  # noqa: BLE001 - an adapter that it cannot serve must not keep the bot from restarting
        logger.opt(exception=error).warning(text("notice.no_target", adapter=bot.adapter.get_name()))
        return {"via": ""}


def private_chat(bot: Bot, account: str) -> dict[str, Any]:
    """The private chat with `account`, as `capture_target` tells of one."""
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
    """The part of nonebot-plugin-alconna that sends to any adapter; loaded only where one needs it."""
    nonebot.require("nonebot_plugin_alconna")
    return importlib.import_module("nonebot_plugin_alconna.uniseg")


async def send(bot: Bot, target: dict[str, Any], words: str) -> None:
    """Say it in the chat that `target` is. Raises what the adapter raises."""
    target = dict(target)
    via = target.pop("via")
    if via == _V11:
        await bot.call_api("send_msg", message=words, **target)
    elif via == _V12:
        message = [{"type": "text", "data": {"text": words}}]
        await bot.call_api("send_message", message=message, **target)
    else:
        uniseg = _uniseg()
        # Without `bot`, another account might be chosen.
        await uniseg.UniMessage(words).send(uniseg.Target.load(json.loads(target["target"])), bot)


def account_on(adapter: str, superuser: str) -> str | None:
    """The account that an entry of SUPERUSERS means on that adapter, as NoneBot reads it; None if it means none."""
    own_prefix = adapter.split(maxsplit=1)[0].lower()
    prefix, colon, account = superuser.partition(":")
    if colon and prefix == own_prefix:
        return account
    if colon and prefix.isalpha():
        return None  # another adapter's
    if own_prefix == "onebot" and adapter.endswith("V11") and not superuser.isdecimal():
        return None  # no number, no account there
    return superuser


def is_sandbox(account: str) -> bool:
    """Whether it is an account of `liteyuki chat`, which reaches nobody outside."""
    return account.isdecimal() and int(account) >= FIRST_SANDBOX_ID
