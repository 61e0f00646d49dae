"""The console: NoneBot's lines as NoneBot prints them, and ours beside them."""

import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from harness import DEADLINE, Project

pytestmark = pytest.mark.end_to_end

MAIN_PLUGIN = """
import asyncio
from liteyuki import get_bot, get_channel

active, passive = get_channel("nonebot-active"), get_channel("nonebot-passive")


@get_bot().on_after_start
async def talk():
    while True:
        passive.send("for the handler")
        active.send("for the loop")
        await asyncio.sleep(0.05)
"""

CHILD_PLUGIN = """
from nonebot import get_driver
from liteyuki.comm import get_channel
from liteyuki.log import logger

active, passive = get_channel("nonebot-active"), get_channel("nonebot-passive")


@passive.on_receive(filter_func=lambda value: isinstance(value, str))
async def handle(value):
    logger.info(f"handled: {value}")


@get_driver().on_startup
async def block():
    while True:
        logger.info(f"received: {active.receive()}")
"""


def test_a_startup_hook_that_blocks_in_receive_lets_handlers_run_in_turn(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugin_dirs = ["main_plugins"]')
    folder = project.directory / "main_plugins"
    folder.mkdir()
    (folder / "talker.py").write_text(MAIN_PLUGIN)
    project.write_plugin("blocking", CHILD_PLUGIN)
    with project.run() as main:
        main.wait_for("received: for the loop", count=10)
        assert main.stop() == 0
    lines = [line for line in main.lines if "handled: " in line or "received: " in line]
    stamp = r"^\d\d-\d\d \d\d:\d\d:\d\d \[ℹ️信息\] "
    for number, line in enumerate(lines[:20]):
        what = "received: for the loop" if number % 2 else "handled: for the handler"
        assert re.fullmatch(stamp + what, line), lines
    (warning,) = [line for line in main.lines if "async_receive" in line]
    assert "blocking.py:17" in warning


def test_colours_in_a_terminal_and_order(project: Project) -> None:
    project.write_plugin(
        "printer",
        "import sys\nprint('tty', sys.stdout.isatty(), sys.stderr.isatty(), flush=True)\n"
        "for n in range(50):\n    print('out', n, flush=True)\n    print('err', n, file=sys.stderr, flush=True)\n",
    )
    terminal, child_end = pty.openpty()
    command = [sys.executable, "-m", "liteyuki", "run"]
    process = subprocess.Popen(command, cwd=project.directory, stdin=child_end, stdout=child_end, stderr=child_end)
    os.close(child_end)
    screen = b""
    try:
        end = time.monotonic() + DEADLINE
        while b"Uvicorn running" not in screen:
            readable, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
            assert readable, screen
            screen += os.read(terminal, 65536)
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(OSError):  # the terminal's way to say that its last user has gone
            while data := os.read(terminal, 65536):
                screen += data
        assert process.wait(DEADLINE) == 0
    finally:
        process.kill()
        process.wait()
        os.close(terminal)
    text = screen.decode().replace("\r", "")
    assert "tty True True" in text
    assert re.search(r"\x1b\[32m.*SUCCESS.*Running NoneBot", text)
    printed = re.findall(r"^(out|err) (\d+)$", text, re.MULTILINE)
    assert printed == [(stream, str(n)) for n in range(50) for stream in ("out", "err")]


def test_no_icons(project: Project) -> None:
    project.write_pyproject("[tool.liteyuki]\nlog_icons = false")
    with project.run() as main:
        main.wait_for(r"^\d\d-\d\d \d\d:\d\d:\d\d \[信息\] 轻雪主进程已启动")
        main.wait_ready()
        assert main.stop() == 0
