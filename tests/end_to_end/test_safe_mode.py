"""A real bot with a plugin that keeps it from starting: it comes back without it, and the superusers are told."""

import os
import signal
import subprocess
import sys

import pytest

from harness import DEADLINE, OneBot, Project, listening
from liteyuki.supervise.history import read_history
from liteyuki.supervise.safe_mode.decision import ATTEMPTS

pytestmark = pytest.mark.end_to_end

FAST = "[tool.liteyuki.processes.nonebot]\nbackoff = { base = 0.05 }\n"
HEALTHY = 'print("the plugin is loaded")\n'

LOADING = "nonebot：以安全模式启动，不加载插件 "

WAYS_TO_DIE = {
    "exit": ("import sys\nsys.exit('bye')\n", "bye"),
    "at_once": ("import os\nos._exit(7)\n", "退出码 7"),
    "segfault": ("import ctypes\nctypes.string_at(0)\n", "Fatal Python error: Segmentation fault"),
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


def test_a_corrected_plugin_is_back_after_a_restart_by_hand_and_superusers_hear(project: Project) -> None:
    project.write_pyproject(FAST)
    project.write_env('SUPERUSERS=["10001", "onebot:10002", "telegram:10003"]')
    project.write_plugin("changing", HEALTHY)
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        project.write_plugin("changing", "import os\nos._exit(7)\n")
        qq.say("/restart")
        qq.wait_said("^重启完成")
        main.wait_ready(2)
        assert main.text.count("nonebot：已再次启动") == ATTEMPTS + 1
        for count in (1, 2):
            qq.wait_said("未加载 plugins.changing：退出码 7", count=count)
        # A restart without a correction fails once, and the superusers are told again.
        qq.say("/restart")
        main.wait_ready(3)
        assert main.text.count("nonebot：已再次启动") == ATTEMPTS + 3
        for count in (3, 4):
            qq.wait_said("未加载 plugins.changing：退出码 7", count=count)
        # After a death for another reason the bot comes back as it was, and nobody is told again.
        os.kill(main.child(), signal.SIGKILL)
        main.wait_ready(4)
        project.write_plugin("changing", HEALTHY)
        qq.say("/restart")
        main.wait_for("^the plugin is loaded$", count=2)
        for count in (1, 2):
            qq.wait_said("^nonebot 已恢复正常，重新加载了插件 plugins.changing$", count=count)
        said = [message for message in qq.sent if "安全模式" in message["text"] or "恢复正常" in message["text"]]
        assert sorted(message["user_id"] for message in said) == [10001] * 3 + [10002] * 3
        qq.say("/status")
        assert "安全模式" not in qq.wait_said("^nonebot：运行中")["text"]
        assert main.stop() == 0
    starts = [entry.reason for entry in read_history(project.directory / ".liteyuki/history.db", None, count=99)]
    assert sum("不加载插件 plugins.changing" in reason for reason in starts) == 3


def test_changed_files_are_tried_at_the_next_start_whatever_that_is_for(project: Project) -> None:
    project.write_pyproject(FAST)
    package = project.plugins / "package"
    package.mkdir()
    (package / "__init__.py").write_text("from . import part\n")
    (package / "part.py").write_text("import sys\nsys.exit()\n")
    with project.run() as main:
        main.wait_for(f"{LOADING}plugins.package$")
        main.wait_ready()
        (package / "part.py").write_text(HEALTHY)
        os.kill(main.child(), signal.SIGKILL)
        main.wait_for("^the plugin is loaded$")
        main.wait_ready(2)
        main.wait_for("已恢复正常，重新加载了插件 plugins.package")
        assert main.stop() == 0


def test_several_are_left_out_one_after_the_other_and_with_them_what_needs_them(project: Project) -> None:
    project.write_pyproject(FAST)
    for name in ("one", "two", "three"):
        project.write_plugin(name, "import os\nos._exit(7)\n")
    project.write_plugin("needs_one", "from nonebot import require\nrequire('plugins.one')\n")
    project.write_plugin("takes_two", "from plugins.two import something\n")
    project.write_plugin("can_do_without", f"try:\n    import plugins.three\nexcept ImportError:\n    {HEALTHY}")
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for("^the plugin is loaded$")
        main.wait_ready()
        told = qq.wait_said("安全模式")["text"]
        for name in ("one", "two", "three"):
            assert f"未加载 plugins.{name}：退出码 7" in told
        dependents = next(line for line in told.splitlines() if line.startswith("依赖它的插件也未加载："))
        assert set(dependents.partition("：")[2].split(", ")) == {"plugins.needs_one", "plugins.takes_two"}
        main.wait_for(r"插件 needs_one 未能加载，位于 .*needs_one\.py:2：RuntimeError")
        # Three attempts for the first plugin, and one for each that is found after it.
        assert main.text.count("nonebot：已再次启动") == ATTEMPTS + 2
        assert main.stop() == 0


def test_a_thread_that_crashes_while_another_plugin_is_loaded(project: Project) -> None:
    project.write_pyproject(FAST)
    project.write_plugin(
        "crashing",
        "import ctypes, threading, time\n"
        "def crash():\n    while not started.is_set():\n        time.sleep(0.01)\n    ctypes.string_at(0)\n"
        "started = threading.Event()\n"
        "threading.Thread(target=crash, daemon=True).start()\n",
    )
    project.write_plugin(
        "innocent",
        "import time\n"
        "from nonebot import require\n"
        "try:\n    require('plugins.crashing').started.set()\n    time.sleep(3600)\n"
        "except RuntimeError:\n    pass\n",
    )
    with project.run() as main, OneBot(project.port) as qq:
        told = qq.wait_said("安全模式")["text"]
        assert "未加载 plugins.crashing：Fatal Python error: Segmentation fault" in told
        assert "plugins.innocent" not in told
        assert main.stop() == 0


def test_one_that_hangs_is_left_out_after_start_timeout(project: Project) -> None:
    project.write_pyproject(f"{FAST}start_timeout = 10.0\n")
    project.write_plugin("hanging", "import time\ntime.sleep(3600)\n")
    with project.run() as main, OneBot(project.port) as qq:
        qq.wait_said("未加载 plugins.hanging：加载时卡住，10 秒（start_timeout）内未就绪", deadline=60)
        main.wait_ready()


def test_it_can_be_switched_off(project: Project) -> None:
    project.write_pyproject(f"{FAST}safe_mode = false\n")
    project.write_plugin("broken", "import os\nos._exit(7)\n")
    with project.run() as main:
        main.wait_for("60 秒后再试")
        assert "安全模式" not in main.text
        assert main.stop() == 0


SCRIPT = """
import nonebot
from nonebot.adapters.onebot.v11 import Adapter

nonebot.init()
nonebot.get_driver().register_adapter(Adapter)
{load}
nonebot.run()
"""


@pytest.mark.parametrize(
    ("load", "plugin"),
    [
        ('nonebot.load_from_toml("pyproject.toml")', "plugins.broken"),
        ('nonebot.load_plugin("plugins.broken")', "plugins.broken"),
        ('nonebot.load_plugins("plugins")\nnonebot.require("broken")', "plugins.broken"),
        ('nonebot.require("no_such_plugin")', "no_such_plugin"),
    ],
)
def test_a_script_that_loads_its_plugins_itself(project: Project, load: str, plugin: str) -> None:
    project.write_pyproject(FAST)
    (project.directory / "my_bot.py").write_text(SCRIPT.format(load=load))
    project.write_plugin("broken", "import os\nos._exit(7)\n")
    with project.run("my_bot.py") as main, OneBot(project.port) as qq:
        main.wait_for(f"{LOADING}{plugin}$")
        qq.wait_said(f"未加载 {plugin}：(退出码 7|RuntimeError: Cannot load plugin)")
        main.wait_ready()
        assert main.stop() == 0


@pytest.mark.parametrize(
    ("plugins", "folders"),
    [('["listed_plugin"]', "[]"), ('{ "@local" = ["listed_plugin"] }', "[]"), ("[]", '["more/plugins"]')],
)
def test_however_the_project_lists_it(project: Project, plugins: str, folders: str) -> None:
    project.write_pyproject(FAST)
    pyproject = project.directory / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace('plugin_dirs = ["plugins"]', f"plugin_dirs = {folders}\nplugins = {plugins}")
    )
    where = project.directory / ("more/plugins" if folders != "[]" else ".")
    where.mkdir(parents=True, exist_ok=True)
    (where / "listed_plugin.py").write_text("import os\nos._exit(7)\n")
    name = "more.plugins.listed_plugin" if folders != "[]" else "listed_plugin"
    with project.run() as main:
        main.wait_for(f"{LOADING}{name}$")
        main.wait_ready()


def test_a_port_that_is_taken_is_no_plugins_fault(project: Project) -> None:
    project.write_pyproject(FAST)
    project.write_plugin("broken", "import nothing_of_this_name\n")
    with listening(project.port), project.run() as main:
        main.wait_for("60 秒后再试")
        assert "安全模式" not in main.text
        assert main.stop() == 0


def test_a_notice_for_superusers_does_not_go_to_a_sandbox_chat(project: Project) -> None:
    project.write_pyproject(FAST)
    project.write_plugin("broken", "import os\nos._exit(7)\n")
    with project.run() as main:
        main.wait_ready()
        chat = subprocess.run(
            [sys.executable, "-m", "liteyuki", "chat", "--say", "/echo here"],
            cwd=project.directory,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=True,
        )
        assert chat.stdout == "here\n"
        # The notice is not lost either if the bot dies before anybody has connected.
        os.kill(main.child(), signal.SIGKILL)
        main.wait_ready(2)
        with OneBot(project.port) as qq:
            assert qq.wait_said("现以安全模式运行")["user_id"] == 10001
        assert main.stop() == 0
