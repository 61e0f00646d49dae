"""An adapter that the plugin does not support itself: Satori, with notices through nonebot-plugin-alconna."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from harness import MainProcess, Project, free_port

pytestmark = pytest.mark.end_to_end

SERVER = Path(__file__).with_name("satori_server.py")
SATORI = '[tool.nonebot.adapters]\nsatori = [{ name = "Satori", module_name = "nonebot.adapters.satori" }]'


class Platform(MainProcess):
    """The Satori server: it is no main process, but is started and read like one."""

    def __init__(self, port: int) -> None:
        self._read_end, self._write_end = os.pipe()
        command = [sys.executable, str(SERVER), str(port), "token"]
        super().__init__(command, SERVER.parent, {}, stdin=self._read_end)

    def say(self, place: str, words: str) -> None:
        os.write(self._write_end, f"{place} 10001 {words}\n".encode())

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        os.close(self._read_end)
        os.close(self._write_end)


@pytest.mark.parametrize(("place", "where"), [("private", "private of 10001"), ("room", "room")])
def test_restart_is_announced_where_it_was_asked(project: Project, place: str, where: str) -> None:
    port = free_port()
    client = {"host": "127.0.0.1", "port": str(port), "path": "", "token": "token"}
    project.write_pyproject("", SATORI)
    project.write_env('SUPERUSERS=["10001"]', "DRIVER=~httpx+~websockets", f"SATORI_CLIENTS={json.dumps([client])}")
    with Platform(port) as platform, project.run() as main:
        platform.wait_for("Uvicorn running")
        main.wait_for("Bot test:bot connected")
        platform.say(place, "/restart")
        platform.wait_for(f"^{re.escape(where)}: 正在重启 nonebot…$")
        platform.wait_for(rf"^{re.escape(where)}: 重启完成，用时 [\d.]+ 秒$")
        main.wait_ready(2)
        platform.say(place, "/status")
        platform.wait_for(f"^{re.escape(where)}: nonebot：运行中")
        assert sum("重启完成" in line for line in platform.lines) == 1


def test_superusers_are_told_in_private_what_the_bot_runs_without(project: Project) -> None:
    port = free_port()
    client = {"host": "127.0.0.1", "port": str(port), "path": "", "token": "token"}
    project.write_pyproject("", SATORI)
    project.write_env('SUPERUSERS=["10001"]', "DRIVER=~httpx+~websockets", f"SATORI_CLIENTS={json.dumps([client])}")
    project.write_plugin("broken", "import os\nos._exit(7)\n")
    with Platform(port) as platform, project.run() as main:
        platform.wait_for("^private of 10001: nonebot 无法正常启动，现以安全模式运行")
        platform.wait_for("^未加载 plugins.broken：退出码 7$")
        assert main.stop() == 0
