"""The chat commands restart, status and logs. For superusers, on every adapter; they always answer."""

import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from nonebot import logger, on_command
from nonebot.adapters import Bot, Event, Message
from nonebot.exception import AdapterException
from nonebot.matcher import Matcher
from nonebot.params import CommandArg
from nonebot.permission import SUPERUSER

from liteyuki.comm import ProcessStatus, logs, own_process, restart, status
from liteyuki.comm.protocol import BeginRestart, Origin, RestartAnswer
from liteyuki.comm.registry import own_channel
from liteyuki.errors import LiteyukiError
from liteyuki.locale import text
from nonebot_plugin_liteyuki_comm.chats import capture_target

__all__: list[str] = []

_DEFAULT_LINES = 20
_REDELIVERY_SECONDS = 60.0
"""Seconds after its start in which a child may get messages that were sent before it."""

_started_at = time.time()
_started_clock = time.monotonic()

restart_command = on_command(
    "restart", aliases={"重启"}, permission=SUPERUSER, priority=1, block=True, force_whitespace=True
)
status_command = on_command(
    "status", aliases={"状态"}, permission=SUPERUSER, priority=1, block=True, force_whitespace=True
)
logs_command = on_command("logs", aliases={"日志"}, permission=SUPERUSER, priority=1, block=True, force_whitespace=True)


def _event_time(event: Event) -> float | None:
    """When the message was sent, as the platform says, in seconds since the epoch."""
    for name in ("time", "date", "timestamp"):
        value = getattr(event, name, None)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, (int, float)):
            return float(value)
    return None


def _origin(bot: Bot, event: Event) -> Origin:
    message_id = getattr(event, "message_id", None) or getattr(event, "id", "")
    return Origin(
        kind="chat",
        who=event.get_user_id(),
        where=event.get_session_id(),
        adapter=bot.adapter.get_name(),
        self_id=bot.self_id,
        message_id=str(message_id),
        event_time=_event_time(event),
        target=capture_target(bot, event),
    )


def _was_sent_before_this_child(origin: Origin) -> bool:
    """Whether the message was sent before the restart and delivered late.

    Only soon after the start: a platform whose clock differs must not lose its commands for ever. Platforms count whole
    seconds, hence one second of tolerance.
    """
    if origin.event_time is None or time.monotonic() - _started_clock > _REDELIVERY_SECONDS:
        return False
    return origin.event_time + 1.0 < _started_at


@restart_command.handle()
async def handle_restart(bot: Bot, event: Event, matcher: Matcher, argument: Message[Any] = CommandArg()) -> None:
    """Ask, answer, return. It must not wait for the restart, because the restart waits for handlers to end."""
    if own_process() is None:
        await matcher.finish(text("chat.no_main_process"))
    origin = _origin(bot, event)
    if _was_sent_before_this_child(origin):
        logger.info(text("chat.outdated"))
        await matcher.finish(text("chat.outdated"))
    name = argument.extract_plain_text().strip() or None
    try:
        answer = await restart(name, reason=text("chat.reason"), origin=origin)
    except (LiteyukiError, TimeoutError) as error:
        await matcher.finish(text("chat.failed", error=error))
    if answer.outcome == "repeated":
        return
    try:
        await matcher.send(_sentence(answer))
    except AdapterException as error:
        # The bot may already be closing its connections; the restart goes on all the same.
        logger.warning(text("chat.answer_lost", error=error))
    finally:
        if answer.accepted:
            own_channel("passive").tell(BeginRestart())


def _sentence(answer: RestartAnswer) -> str:
    return text(f"chat.restart_{answer.outcome}", name=answer.process, known=", ".join(answer.known))


@status_command.handle()
async def handle_status(matcher: Matcher) -> None:
    await matcher.finish(await _answer_to(_status_lines))


@logs_command.handle()
async def handle_logs(matcher: Matcher, argument: Message[Any] = CommandArg()) -> None:
    wanted = argument.extract_plain_text().strip()
    if wanted and not (wanted.isdecimal() and int(wanted) > 0):
        await matcher.finish(text("chat.bad_count", value=wanted))
    count = int(wanted or _DEFAULT_LINES)
    await matcher.finish(await _answer_to(lambda: _log_lines(count)))


async def _answer_to(question: Callable[[], Awaitable[str]]) -> str:
    """What the main process answers to `question`, or a sentence that says why there is no answer."""
    if own_process() is None:
        return text("chat.no_main_process")
    try:
        return await question()
    except (LiteyukiError, TimeoutError) as error:
        return text("chat.failed", error=error)


async def _status_lines() -> str:
    return "\n".join(_status_line(process) for process in await status())


async def _log_lines(count: int) -> str:
    return "\n".join(await logs(count)) or text("chat.no_output")


def _status_line(process: ProcessStatus) -> str:
    line = text(
        "chat.status_line",
        name=process.name,
        state=text(f"state.{process.state}"),
        uptime="-" if process.uptime is None else _duration(process.uptime),
        restarts=process.restarts,
        memory=_memory(process),
    )
    if process.left_out:
        line += "\n" + text("chat.status_left_out", plugins=", ".join(process.left_out))
    return line


def _memory(process: ProcessStatus) -> str:
    if process.memory_bytes is None:
        return "-"
    used = f"{process.memory_bytes / 2**20:.0f} MiB"
    if process.memory_limit_bytes is None:
        return used
    return text("chat.memory_of", used=used, limit=f"{process.memory_limit_bytes / 2**20:.0f} MiB")


def _duration(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return text("chat.days", days=days, clock=clock) if days else clock
