"""A main-process plugin that blocks, or raises, delays no supervision."""

import asyncio
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from harness import DEADLINE, MainProcess, OneBot, Project
from liteyuki.control import ControlClient

pytestmark = pytest.mark.end_to_end

FOR_EVER = {"sleeps": "time.sleep(3600)", "computes": "while True: pass"}

# The places in which a plugin can block; all are reached by the time the bot is ready for the first time.
PLACES = {
    "hook": "@bot.on_process_ready\n{block}",
    "before_hook": "@bot.on_before_process_start\n{block}",
    "handler": "@get_channel('nonebot-passive').on_receive()\n{block}",
    "filter": "{block}\nget_channel('nonebot-passive').on_request(block)(print)\n",
    "subscriber": "@shared_memory.on_subscriber_receive('liteyuki.process')\n{block}",
}

CHILD = """
import asyncio
import contextlib
from nonebot import get_driver
from liteyuki.comm import passive_channel

async def ask():
    with contextlib.suppress(Exception):  # nobody may answer
        await passive_channel.request('a request')

@get_driver().on_startup
async def start():
    passive_channel.send('a message')
    asyncio.get_running_loop().create_task(ask())
"""


def write_blocker(project: Project, place: str, for_ever: str) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["blocker"]')
    (project.directory / "blocker.py").write_text(
        "import time\nfrom liteyuki import get_bot\nfrom liteyuki.comm import get_channel, shared_memory\n"
        "bot = get_bot()\n"
        + PLACES[place].format(block=f"def block(value):\n    print('blocking', flush=True)\n    {for_ever}\n")
    )
    project.write_plugin("talker", CHILD)


async def list_processes(control_socket: Path) -> list[dict[str, Any]]:
    async with ControlClient(control_socket) as client:
        listed: list[dict[str, Any]] = await asyncio.wait_for(client.call("list"), DEADLINE)
        return listed


def supervision_goes_on(project: Project, main: MainProcess, qq: OneBot) -> None:
    """A crash, a restart from the chat, the control socket, a stop."""
    os.kill(main.child(), signal.SIGKILL)
    main.wait_ready(2)
    qq.wait_connected(2)
    qq.say("/restart")
    qq.wait_said("^正在重启 nonebot")
    qq.wait_said("^重启完成")
    listed = asyncio.run(list_processes(project.directory / ".liteyuki" / "control.sock"))
    assert [(one["name"], one["state"], one["generation"]) for one in listed] == [("nonebot", "ready", 3)]
    assert main.stop() == 0


@pytest.mark.parametrize("place", PLACES)
def test_one_that_sleeps_for_ever(project: Project, place: str) -> None:
    write_blocker(project, place, FOR_EVER["sleeps"])
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for("^blocking$")
        main.wait_ready()
        qq.wait_connected()
        main.wait_for(rf"主进程插件在 {re.escape(str(project.directory / 'blocker.py'))}:\d+ \(block\) 处阻塞")
        supervision_goes_on(project, main, qq)


def test_one_that_computes_for_ever(project: Project) -> None:
    write_blocker(project, "hook", FOR_EVER["computes"])
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for("^blocking$")
        qq.wait_connected()
        supervision_goes_on(project, main, qq)


def test_one_that_is_imported_for_ever(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["blocker"]')
    (project.directory / "blocker.py").write_text("import time\ntime.sleep(3600)\n")
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for(r"10 秒后仍未加载完（停在 \S+blocker\.py:2 ")
        main.wait_ready()
        qq.wait_connected()
        supervision_goes_on(project, main, qq)


def test_one_that_raises_everywhere(project: Project) -> None:
    for place in PLACES:
        write_blocker(project, place, "raise SystemExit('on purpose')")
        with project.run() as main, OneBot(project.port) as qq:
            main.wait_for("^blocking$")
            main.wait_ready()
            qq.wait_connected()
            supervision_goes_on(project, main, qq)
            assert "SystemExit: on purpose" in main.text
