"""What the main process has to say: "restarted", where that was asked, and news to every superuser. Once each."""

import asyncio

import nonebot
from nonebot import get_driver, logger
from nonebot.adapters import Bot

from liteyuki.comm.protocol import ANSWER_TIMEOUT, ClaimNotice, Notice, Origin
from liteyuki.comm.registry import own_channel
from liteyuki.locale import text
from nonebot_plugin_liteyuki_comm.chats import account_on, is_sandbox, private_chat, send

__all__ = ["deliver"]


class _Delivery:
    """A notice, as long as this process runs."""

    latest: "_Delivery | None" = None
    """To superusers, who are told through every account that connects."""

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.told = set(notice.told)
        self._words: dict[str, str] = {}
        """What is this process's to say, by recipient."""
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        if self.notice.chat is not None:
            await self._tell_in_chat(self.notice.chat)
        else:
            await asyncio.gather(*map(self.tell_through, nonebot.get_bots().values()))

    async def _claim(self, superuser: str = "") -> str | None:
        """What to say to them, unless somebody has said it. From then on it is this process's to say."""
        if superuser not in self._words:
            claim = ClaimNotice(self.notice.notice_id, superuser)
            words: str | None = await own_channel("passive").ask(claim, timeout=ANSWER_TIMEOUT)
            if words is None:
                return None
            self._words[superuser] = words
        return self._words[superuser]

    async def _tell_in_chat(self, chat: Origin) -> None:
        target = chat.target or {}
        try:
            bot = await asyncio.wait_for(_bot_of(chat.adapter, chat.self_id), self.notice.wait)
        except asyncio.TimeoutError:
            bot = None
        try:
            words = await self._claim()
            if words is None:
                return
            if bot is None:
                problem = text("notice.account_away", account=chat.self_id, seconds=self.notice.wait)
            elif not target.get("via"):
                problem = text("notice.no_way", adapter=chat.adapter)
            else:
                await send(bot, target, words)
                return
        except Exception as error:  # noqa: BLE001 - whatever an adapter raises, it goes on record
            problem = text("notice.failed", error=f"{type(error).__name__}: {error}")
        logger.warning(text("notice.not_sent", problem=problem))

    async def tell_through(self, bot: Bot) -> None:
        """One account after the other: whom the first one cannot reach, the next one may.

        A sandbox chat hears none of it, and nobody else would through its account. Whoever opens one sees the log, and
        their program may count the answers.
        """
        if is_sandbox(bot.self_id):
            return
        async with self._turn:
            for superuser in sorted(bot.config.superusers):
                account = account_on(bot.adapter.get_name(), superuser)
                if account is None or superuser in self.told or is_sandbox(account):
                    continue
                try:
                    await self._tell_superuser(bot, account, superuser)
                except Exception as error:  # noqa: BLE001 - whatever an adapter raises, the next one is to be told
                    reason = f"{type(error).__name__}: {error}"
                    logger.warning(text("notice.superuser_not_told", superuser=superuser, reason=reason))

    async def _tell_superuser(self, bot: Bot, account: str, superuser: str) -> None:
        target = private_chat(bot, account)
        if not target["via"]:
            logger.warning(text("notice.superuser_no_way", superuser=superuser, adapter=bot.adapter.get_name()))
            return
        words = await self._claim(superuser)
        if words is not None:
            await send(bot, target, words)
        self.told.add(superuser)


# Set whenever a bot connects; replaced by a fresh one, so that each waiter looks for its own account again.
_connected = asyncio.Event()
_running: set["asyncio.Task[None]"] = set()


async def deliver(notice: Notice) -> None:
    """Handler of the main process's order; it returns at once, so that the order is not held up."""
    delivery = _Delivery(notice)
    if notice.chat is None:
        _Delivery.latest = delivery
    task = asyncio.ensure_future(delivery.run())
    _running.add(task)
    task.add_done_callback(_running.discard)


async def _bot_of(adapter: str, self_id: str) -> Bot:
    """The account, as soon as it is connected. Another account is never taken for it."""
    while True:
        connected = _connected
        bot = nonebot.get_bots().get(self_id)
        if bot is not None and bot.adapter.get_name() == adapter:
            return bot
        await connected.wait()


@get_driver().on_bot_connect
async def _has_connected(bot: Bot) -> None:
    global _connected
    before, _connected = _connected, asyncio.Event()
    before.set()
    if _Delivery.latest is not None:
        await _Delivery.latest.tell_through(bot)
