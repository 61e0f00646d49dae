"""A real bot one of whose plugins keeps it from starting: it comes back without, and the superusers are told."""

import pytest

from liteyuki.supervise.safe_mode import ATTEMPTS
from liteyuki.supervise.history_reader import read_history
from tests.harness import MainProcess, OneBot, Project

pytestmark = pytest.mark.end_to_end

FAST = "[tool.liteyuki.processes.nonebot]\nbackoff = { base = 0.05 }\n"
HEALTHY = 'print("the plugin is loaded")\n'

LOADING = "nonebot：以安全模式启动，不加载插件 "

WAYS_TO_DIE = {
    "exit": ("import sys\nsys.exit('bye')\n", "bye"),
    "clean_exit": ("raise SystemExit\n", "退出了整个程序"),
    "at_once": ("import os\nos._exit(7)\n", "退出码 7"),
    "segfault": ("import ctypes\nctypes.string_at(0)\n", "Fatal Python error: Segmentation fault"),
    "killed": ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", "信号 SIGKILL"),
    "base_exception": ("class Odd(BaseException): pass\nraise Odd('on purpose')\n", "Odd: on purpose"),
    "hook": (
        "from nonebot import get_driver\n"
        "@get_driver().on_startup\nasync def start():\n    raise ValueError('no database')\n",
        "ValueError: no database",
    ),
    "plain_hook": (
        "from nonebot import get_driver\n@get_driver().on_startup\ndef start():\n    raise ValueError('no database')\n",
        "ValueError: no database",
    ),
    "foreign_hook": (
        "import functools, os\nfrom nonebot import get_driver\n"
        "get_driver().on_startup(functools.partial(os._exit, 9))\n",
        "退出码 9",
    ),
}


@pytest.mark.parametrize("way", WAYS_TO_DIE)
def test_the_bot_comes_back_without_the_plugin_that_ends_it(project: Project, way: str) -> None:
    source, why = WAYS_TO_DIE[way]
    project.write_pyproject(FAST)
    project.write_plugin("broken", source)
    project.write_plugin("good", HEALTHY)
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for(f"{LOADING}plugins.broken$")
        main.wait_for("^the plugin is loaded$")
        main.wait_ready()
        told = qq.wait_said("^nonebot 无法正常启动，现以安全模式运行")
        assert "未加载 plugins.broken：" in told["text"]
        assert why in told["text"]
        assert "/restart nonebot" in told["text"]
        assert (told["message_type"], told["user_id"]) == ("private", 10001)
        qq.say("/status")
        assert "未加载：plugins.broken" in qq.wait_said("^nonebot：运行中")["text"]
        assert main.text.count("nonebot：已再次启动") == ATTEMPTS
        assert main.stop() == 0
