"""Tells every superuser once, in a private chat, what the main process has to say about their bot."""

import asyncio

import nonebot
from nonebot import get_driver, logger
from nonebot.adapters import Bot

from liteyuki.comm.protocol import ANSWER_TIMEOUT, FIRST_SANDBOX_ID, ClaimTelling, TellSuperusers
from liteyuki.comm.registry import own_channel
from liteyuki.locale import text
from nonebot_plugin_liteyuki_comm.notice import private_chat, send

__all__ = ["account_on", "tell_superusers"]


class _Order:
    """What is to be said through every account that connects, as long as this process runs."""

    def __init__(self, order: TellSuperusers) -> None:
        self.number = order.notice_id
        self.sentence = order.sentence
        self.told = set(order.told)
        self.claimed: set[str] = set()
        """Those whom this process has claimed, to tell them."""
        self.turn = asyncio.Lock()


class _Orders:
    latest: _Order | None = None


async def tell_superusers(order: TellSuperusers) -> None:
    """Handler of the main process's order; it returns at once, so that the next order is not held up."""
    latest = _Orders.latest = _Order(order)
    for bot in nonebot.get_bots().values():
        task = asyncio.ensure_future(_tell_through(bot, latest))
        _running.add(task)
        task.add_done_callback(_running.discard)


_running: set["asyncio.Task[None]"] = set()


@get_driver().on_bot_connect
async def _tell_now(bot: Bot) -> None:
    if _Orders.latest is not None:
        await _tell_through(bot, _Orders.latest)


async def _tell_through(bot: Bot, order: _Order) -> None:
    """One account after the other: a later one may reach whom the first cannot.

    A sandbox chat hears none of it, and its account reaches nobody else. Its user sees the log, and may be a program
    that counts the answers.
    """
    if _is_sandbox(bot.self_id):
        return
    async with order.turn:
        for superuser in sorted(bot.config.superusers):
            account = account_on(bot.adapter.get_name(), superuser)
            if account is None or superuser in order.told or _is_sandbox(account):
                continue
            try:
                await _tell(bot, account, superuser, order)
            except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the next one is to be told
                reason = f"{type(error).__name__}: {error}"
                logger.warning(text("notice.superuser_not_told", superuser=superuser, reason=reason))


async def _tell(bot: Bot, account: str, superuser: str, order: _Order) -> None:
    target = private_chat(bot, account)
    if not target["via"]:
        logger.warning(text("notice.superuser_no_way", superuser=superuser, adapter=bot.adapter.get_name()))
        return
    if superuser not in order.claimed:
        claim = ClaimTelling(order.number, superuser)
        if not await own_channel("passive").ask(claim, timeout=ANSWER_TIMEOUT):
            order.told.add(superuser)
            return
        order.claimed.add(superuser)
    await send(bot, target, order.sentence)
    order.told.add(superuser)


def account_on(adapter: str, superuser: str) -> str | None:
    """The account on that adapter that an entry of SUPERUSERS means, as NoneBot reads it; None if there is none."""
    own_prefix = adapter.split(maxsplit=1)[0].lower()
    prefix, colon, account = superuser.partition(":")
    if colon and prefix == own_prefix:
        return account
    if colon and prefix.isalpha():
        return None  # it belongs to another adapter
    if own_prefix == "onebot" and adapter.endswith("V11") and not superuser.isdecimal():
        return None  # accounts of OneBot v11 are numbers
    return superuser


def _is_sandbox(account: str) -> bool:
    """Whether it is an account of `liteyuki chat`, which reaches nobody outside."""
    return account.isdecimal() and int(account) >= FIRST_SANDBOX_ID
