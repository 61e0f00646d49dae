"""A conversation with the running bot, over its control socket and a sandbox account."""

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import click

from liteyuki.cli.sandbox import Sandbox
from liteyuki.control import NOT_READY, ControlClient
from liteyuki.errors import ControlError, NoMainProcess
from liteyuki.locale import text
from liteyuki.runtime_dir import CONTROL_SOCKET

__all__ = ["converse"]

_QUIET: Final = 0.3
"""Seconds without another message after which the bot's answer counts as complete."""
_ASK_AGAIN: Final = 0.1


async def converse(
    data_dir: Path, lines: Sequence[str], *, timeout: float, process: str | None, reconnect: float
) -> int:
    """Talk to the bot of the project whose run-time data is in `data_dir`; the exit code.

    With `lines`, say these and print what comes back: 1 if an answer takes longer than `timeout` seconds. Without them,
    read lines from standard input until it ends.
    """
    async with ControlClient(data_dir / CONTROL_SOCKET) as control:
        opened = await _open(control, process, timeout)
        sandbox = Sandbox(
            url=opened["url"],
            access_token=opened["access_token"],
            self_id=opened["self_id"],
            user_id=opened["user_id"],
            reconnect=reconnect,
        )
        connection = asyncio.ensure_future(sandbox.run())
        try:
            if lines:
                saying = _say_all(sandbox, control, opened, lines, timeout)
                return await _while_it_runs(data_dir / CONTROL_SOCKET, saying)
            return await _talk(sandbox, control, opened["process"])
        finally:
            connection.cancel()
            await asyncio.gather(connection, return_exceptions=True)


async def _while_it_runs(control_socket: Path, saying: Coroutine[Any, Any, int]) -> int:
    """Returns what `saying` returns. Raises `NoMainProcess` as soon as the main process ends."""
    task = asyncio.ensure_future(saying)
    try:
        # A second connection, because `saying` asks its questions over the first one meanwhile.
        async with ControlClient(control_socket) as control:
            ended = asyncio.ensure_future(control.until_ended())
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
        if not task.done():
            raise NoMainProcess(text("error.main_process_ended"))
        return task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _open(control: ControlClient, process: str | None, timeout: float) -> dict[str, Any]:
    """A sandbox account, as soon as the bot is ready."""
    deadline = time.monotonic() + timeout
    params = {} if process is None else {"process": process}
    has_told = False
    while True:
        try:
            opened: dict[str, Any] = await control.call("open_chat", **params)
            return opened
        except ControlError as error:
            if error.code != NOT_READY or time.monotonic() > deadline:
                raise
            if not has_told:
                click.echo(text("chat_cli.waiting", reason=error), err=True)
                has_told = True
        await asyncio.sleep(_ASK_AGAIN)


async def _say_all(
    sandbox: Sandbox, control: ControlClient, opened: dict[str, Any], lines: Sequence[str], timeout: float
) -> int:
    for line in lines:
        try:
            await asyncio.wait_for(sandbox.say(line), timeout)
            _show(await asyncio.wait_for(sandbox.replies.get(), timeout))
            if await _asked_for_a_restart(control, opened):
                _show(await asyncio.wait_for(sandbox.replies.get(), timeout))
            await _show_the_rest(sandbox)
        except asyncio.TimeoutError:
            reason = f" ({sandbox.last_refusal})" if sandbox.last_refusal else ""
            click.echo(text("chat_cli.no_answer", line=line, seconds=timeout, reason=reason), err=True)
            return 1
    return 0


async def _asked_for_a_restart(control: ControlClient, opened: dict[str, Any]) -> bool:
    """Whether a restart that this chat has asked for is under way, so that a notice of it will come."""
    statuses = await control.call("list")
    return any(status["restart_for"] == opened["user_id"] for status in statuses)


async def _show_the_rest(sandbox: Sandbox) -> None:
    while True:
        try:
            _show(await asyncio.wait_for(sandbox.replies.get(), _QUIET))
        except asyncio.TimeoutError:
            return


def _show(reply: str) -> None:
    click.echo(_printable(reply))


def _printable(reply: str) -> str:
    """The reply without characters that would move a terminal's cursor or cannot be printed."""
    kept = "".join(character for character in reply if character.isprintable() or character in "\n\t")
    return kept.encode("utf-8", "replace").decode()


async def _talk(sandbox: Sandbox, control: ControlClient, process: str) -> int:
    prompt = "> " if sys.stdin.isatty() else ""
    click.echo(text("chat_cli.welcome", name=process), err=True)
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    # A thread, because standard input may be a file, which no event loop can wait for; a daemon thread, because nothing
    # can interrupt its reading.
    threading.Thread(target=_read_lines, args=(loop, lines), daemon=True).start()
    tasks = [
        asyncio.ensure_future(_say_lines(sandbox, lines, prompt)),
        asyncio.ensure_future(control.until_ended()),
        asyncio.ensure_future(_show_replies(sandbox, prompt)),
        asyncio.ensure_future(_show_connection(sandbox, prompt)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if tasks[0] not in done:
            raise NoMainProcess(text("error.main_process_ended"))
        return 0
    finally:
        for task in tasks:
            task.cancel()
        if prompt:
            click.echo()


async def _say_lines(sandbox: Sandbox, lines: "asyncio.Queue[str]", prompt: str) -> None:
    click.echo(prompt, nl=False)
    while line := await lines.get():
        if line.strip():
            await sandbox.say(line.rstrip("\n"))
        click.echo(prompt, nl=False)
    if not prompt:
        await asyncio.sleep(_QUIET)  # wait for the answers to lines that were piped in


async def _show_connection(sandbox: Sandbox, prompt: str) -> None:
    """Tell when the bot goes and comes back."""
    await sandbox.until_connected(True)
    while True:
        await sandbox.until_connected(False)
        _tell(text("chat_cli.away"), prompt)
        await sandbox.until_connected(True)
        _tell(text("chat_cli.back"), prompt)


def _tell(sentence: str, prompt: str) -> None:
    click.echo(f"\r{sentence}\n{prompt}", nl=False, err=True)


def _read_lines(loop: asyncio.AbstractEventLoop, lines: "asyncio.Queue[str]") -> None:
    """Every line of standard input, and an empty one at its end."""
    # The loop may be closed: then nobody listens any more.
    with contextlib.suppress(RuntimeError):
        while line := sys.stdin.readline():
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, "")


async def _show_replies(sandbox: Sandbox, prompt: str) -> None:
    while True:
        reply = _printable(await sandbox.replies.get())
        click.echo(f"\r{reply}\n{prompt}" if prompt else f"{reply}\n", nl=False)
