"""`python bot.py` and `liteyuki run` as a user meets them: start, Ctrl+C, kill -9, plugins, hooks."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import DEADLINE, MainProcess, OneBot, Project, free_port, is_alive, wait_until, wait_until_gone

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]

MAIN_PLUGIN = """
from liteyuki import get_bot
from liteyuki.comm import get_channel

bot = get_bot()
active = get_channel("nonebot-active")
passive = get_channel("nonebot-passive")


@passive.on_receive()
def from_child(value):
    print("main got", value, flush=True)


@bot.on_after_start
def greet():
    active.send({"numbers": (1, 2)})
    passive.send("for the handler")
"""

CHILD_PLUGIN = """
from nonebot import get_driver
from liteyuki.comm import active_channel, get_channel, passive_channel

assert active_channel is get_channel("nonebot-active")


@passive_channel.on_receive(filter_func=lambda value: value == "for the handler")
async def handle(value):
    passive_channel.send(["handled", value])


@get_driver().on_startup
async def startup():
    passive_channel.send(["received", await active_channel.async_receive()])
"""


def test_bot_py_of_this_repository(tmp_path: Path) -> None:
    port = free_port()
    environment = {"PORT": str(port), "LITEYUKI_DATA_DIR": str(tmp_path / "data")}
    with MainProcess([sys.executable, "bot.py"], ROOT, environment) as main, OneBot(port) as qq:
        main.wait_ready()
        main.wait_for(rf"ws://127\.0\.0\.1:{port}/onebot/v11/ws")
        main.wait_for("liteyuki chat")
        main.wait_for("Loaded adapters: OneBot V11, OneBot V12")
        qq.wait_connected()
        qq.say("/echo hi")
        qq.wait_said("^hi$")
        child = main.child()
        assert main.stop() == 0
        assert not is_alive(child)
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert not (tmp_path / "data" / "control.sock").exists()


def test_killed_child_comes_back(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        first = main.wait_ready()
        qq.wait_connected()
        os.kill(first, signal.SIGKILL)
        main.wait_for(r"意外退出（pid \d+，信号 SIGKILL）")
        assert main.wait_ready(2) != first
        qq.wait_connected(2)
        qq.say("/echo back")
        qq.wait_said("^back$")


def test_nothing_outlives_a_killed_main_process(project: Project) -> None:
    project.write_pyproject(
        '[tool.liteyuki.processes.nonebot]\n[tool.liteyuki.processes.other]\ncommand = ["sleep", "1000"]'
    )
    project.write_plugin("grandchild", 'import subprocess\nsubprocess.Popen(["sleep", "1000"])\n')
    with project.run() as main:
        bot = main.wait_ready()
        children: list[int] = wait_until(lambda: len(found := main.children()) == 2 and found, "two children")
        listed = subprocess.run(["pgrep", "-P", str(bot)], capture_output=True, text=True, check=True)
        grandchildren = [int(pid) for pid in listed.stdout.split()]
        assert grandchildren
        main.send(signal.SIGKILL)
        for pid in (*children, *grandchildren):
            wait_until_gone(pid, deadline=1.0)


def test_a_bot_that_holds_its_loop_up_does_not_outlive_the_main_process(project: Project) -> None:
    project.write_plugin(
        "busy",
        "import time\nfrom nonebot import get_driver\n"
        "@get_driver().on_startup\nasync def block():\n    print('blocked', flush=True)\n    time.sleep(1000)\n",
    )
    with project.run() as main:
        main.wait_for("^blocked$")
        bot = main.child()
        main.send(signal.SIGKILL)
        wait_until_gone(bot, deadline=1.0)


def test_second_signal_ends_it_now(project: Project) -> None:
    project.write_pyproject("[tool.liteyuki.processes.nonebot]\nstop_timeout = 1000.0")
    project.write_plugin(
        "stubborn",
        "import asyncio\nfrom nonebot import get_driver\n"
        "@get_driver().on_shutdown\nasync def wait():\n"
        "    print('stubborn', flush=True)\n    await asyncio.sleep(1000)\n",
    )
    with project.run() as main:
        bot = main.wait_ready()
        main.wait_for("Uvicorn running")
        main.send(signal.SIGINT)
        main.wait_for("^stubborn$")
        main.send(signal.SIGINT)
        assert main.wait() == 1
        wait_until_gone(bot)


def test_plugins_on_both_sides_talk(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugin_dirs = ["main_plugins"]')
    folder = project.directory / "main_plugins"
    folder.mkdir()
    (folder / "broken.py").write_text("import nothing_of_this_name\n")
    (folder / "talker.py").write_text(MAIN_PLUGIN)
    project.write_plugin("listener", CHILD_PLUGIN)
    with project.run() as main:
        main.wait_for("主进程插件 main_plugins.broken 未能加载：ModuleNotFoundError")
        main.wait_for(r"^main got \['received', \{'numbers': \(1, 2\)\}\]$")
        main.wait_for(r"^main got \['handled', 'for the handler'\]$")
        main.wait_ready()
        assert main.stop() == 0


def test_every_hook_is_called_when_its_name_says(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["hooked"]')
    hooks = [
        "before_start",
        "after_start",
        "before_process_restart",
        "after_restart",
        "before_process_shutdown",
        "after_shutdown",
    ]
    source = "import asyncio\nfrom liteyuki import get_bot\nbot = get_bot()\n"
    for hook in hooks:
        name = "name" if "process" in hook or hook == "after_restart" else ""
        source += f"@bot.on_{hook}\nasync def {hook}({name}):\n    print('hook {hook}', {name or '0'}, flush=True)\n"
        source += f"@bot.on_{hook}\ndef {hook}_raises():\n    raise RuntimeError('on purpose')\n"
        source += f"@bot.on_{hook}\nasync def {hook}_for_ever():\n    await asyncio.sleep(3600)\n"
    source += "@bot.on_after_start\nasync def ask():\n    import asyncio\n    await asyncio.sleep(0)\n"
    (project.directory / "hooked.py").write_text(source)
    with project.run(PYTHONPATH=str(project.directory)) as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say("/restart")
        qq.wait_said("^重启完成")
        main.wait_for("hook after_restart nonebot")
        assert main.stop() == 0
        seen = [line.split()[1:] for line in main.lines if line.startswith("hook ")]
        assert seen == [
            ["before_start", "0"],
            ["after_start", "0"],
            ["before_process_restart", "nonebot"],
            ["after_restart", "nonebot"],
            ["before_process_shutdown", "nonebot"],
            ["after_shutdown", "0"],
        ]
        assert main.text.count("RuntimeError: on purpose") == len(hooks)


def test_the_bot_object_restarts_and_stops(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["driver_plugin"]')
    (project.directory / "driver_plugin.py").write_text(
        "from liteyuki import get_bot\nbot = get_bot()\n"
        "@bot.on_after_start\nasync def go():\n"
        "    print('config', bot.get_config('plugins'), bot.get_config('no.such', 7), flush=True)\n"
        "    print('outcome', bot.restart_process('nonebot', reason='a test').outcome, flush=True)\n"
        "@bot.on_after_restart\nasync def done():\n    bot.stop()\n"
    )
    with project.run(PYTHONPATH=str(project.directory)) as main:
        main.wait_for(r"^config \['driver_plugin'\] 7$")
        main.wait_for("^outcome accepted$")
        assert main.wait(DEADLINE) == 0
        assert "原因：a test" in main.text


def test_what_a_child_is_given_stays_with_it(project: Project) -> None:
    project.write_plugin(
        "looker",
        "import os, subprocess, sys\n"
        "print('environment', sorted(k for k in os.environ if k in"
        " ('LITEYUKI_PROCESS', 'LITEYUKI_GENERATION', 'LITEYUKI_HANDLES')), flush=True)\n"
        'code = \'import os; print("handles", len(os.listdir("/proc/self/fd")))\'\n'
        "subprocess.run([sys.executable, '-c', code], close_fds=False)\n",
    )
    with project.run() as main:
        main.wait_for(r"^environment \[\]$")
        # 0, 1, 2 and the handle that lists them.
        main.wait_for(r"^handles 4$")
        main.wait_ready()


def test_messages_survive_a_restart(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugin_dirs = ["main_plugins"]')
    folder = project.directory / "main_plugins"
    folder.mkdir()
    (folder / "numbers.py").write_text(
        "from liteyuki import get_bot\nfrom liteyuki.comm import get_channel\nbot = get_bot()\n"
        "active = get_channel('nonebot-active')\n"
        "@bot.on_before_start\ndef early():\n    [active.send(n) for n in range(5)]\n"
        "@bot.on_before_process_restart\ndef between():\n    [active.send(n) for n in range(5, 8)]\n"
        "@bot.on_after_restart\ndef late():\n    [active.send(n) for n in range(8, 10)]\n"
    )
    project.write_plugin(
        "taker",
        "import asyncio\nfrom nonebot import get_driver\nfrom liteyuki.comm import active_channel\n"
        "from liteyuki.comm.registry import current_registry\n"
        "async def take():\n"
        "    count = 3 if current_registry().generation == 1 else 7\n"
        "    for _ in range(count):\n"
        "        print('took', await active_channel.async_receive(), flush=True)\n"
        "@get_driver().on_startup\nasync def start():\n"
        "    global task\n    task = asyncio.create_task(take())\n",
    )
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for("^took 2$")
        qq.wait_connected()
        qq.say("/restart")
        qq.wait_said("^重启完成")
        main.wait_for("^took 9$")
        assert [line for line in main.lines if line.startswith("took")] == [f"took {n}" for n in range(10)]


@pytest.mark.parametrize(
    "state",
    [
        "import re; print('in a state', flush=True); re.match('(a+)+$', 'a' * 60 + 'b')",
        "import os, signal; print('in a state', flush=True); os.kill(os.getpid(), signal.SIGSTOP)",
        "import os\n    try:\n        while True: os.dup(0)\n    except OSError: print('in a state', flush=True)",
    ],
    ids=["in C code", "stopped", "out of handles"],
)
def test_no_state_of_the_bot_lets_it_outlive_the_main_process(project: Project, state: str) -> None:
    project.write_plugin(
        "stuck",
        "import resource\nfrom nonebot import get_driver\n"
        f"@get_driver().on_startup\nasync def stick():\n"
        f"    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n    {state}\n",
    )
    with project.run() as main:
        main.wait_for("^in a state$")
        bot = main.child()
        main.send(signal.SIGKILL)
        wait_until_gone(bot, deadline=1.0)


def test_plugins_cannot_end_or_hold_up_the_main_process(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugin_dirs = ["main_plugins"]')
    folder = project.directory / "main_plugins"
    folder.mkdir()
    (folder / "leaver.py").write_text("import sys\nsys.exit('no token')\n")
    (folder / "raiser.py").write_text(
        "import asyncio, sys\nfrom liteyuki import get_bot\nbot = get_bot()\n"
        "@bot.on_before_start\nasync def leave():\n    sys.exit('from a hook')\n"
        "@bot.on_after_start\ndef interrupt():\n    raise KeyboardInterrupt\n"
        "@bot.on_after_start\nasync def hang():\n    await asyncio.to_thread(__import__('time').sleep, 3600)\n"
        "@bot.on_after_start\nasync def deaf():\n"
        "    while True:\n        try:\n            await asyncio.sleep(3600)\n"
        "        except asyncio.CancelledError:\n            print('will not', flush=True)\n"
    )
    with project.run() as main:
        main.wait_for("主进程插件 main_plugins.leaver 未能加载：SystemExit: no token")
        main.wait_for("^SystemExit: from a hook$")
        main.wait_ready()
        assert main.stop() == 0


def test_second_signal_reaches_a_main_process_that_a_plugin_blocks(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["blocker"]')
    (project.directory / "blocker.py").write_text(
        "import time\nfrom liteyuki import get_bot\n"
        "@get_bot().on_after_restart\ndef block():\n    print('blocking', flush=True)\n    time.sleep(3600)\n"
    )
    with project.run() as main:
        bot = main.wait_ready()
        os.kill(bot, signal.SIGKILL)
        main.wait_for("^blocking$")
        main.children()
        main.send(signal.SIGINT)
        main.wait_for("正在停止所有进程")
        main.send(signal.SIGINT)
        assert main.wait() == 1


def test_started_with_odd_signals_and_without_standard_output(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki.processes.a]\ncommand = ["sh", "-c", "exit 7"]\nrestart = "on-failure"')
    code = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'liteyuki', 'run'])\n"
    )
    with MainProcess([sys.executable, "-c", code], project.directory, {}) as main:
        main.wait_for("意外退出（pid .*退出码 7")
        main.send(signal.SIGTERM)
        assert main.wait() == 0
    closed = subprocess.Popen(["sh", "-c", f"exec {sys.executable} -m liteyuki run <&- >&-"], cwd=project.directory)
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            closed.wait(3)
        closed.send_signal(signal.SIGTERM)
        assert closed.wait(DEADLINE) == 0
    finally:
        closed.kill()
        closed.wait()


def test_a_folder_of_the_project_with_our_name_hides_nothing(project: Project) -> None:
    (project.directory / "liteyuki").mkdir()
    (project.directory / "liteyuki" / "__init__.py").write_text("raise RuntimeError('not me')\n")
    console_script = Path(sys.executable).with_name("liteyuki")
    with MainProcess([str(console_script), "run"], project.directory, {}) as main:
        main.wait_ready()
        assert "not me" not in main.text


def test_a_stream_of_numbers_survives_restarts_in_both_directions(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugin_dirs = ["main_plugins"]')
    folder = project.directory / "main_plugins"
    folder.mkdir()
    (folder / "stream.py").write_text(
        "import asyncio\nfrom liteyuki import get_bot\nfrom liteyuki.comm import get_channel\nbot = get_bot()\n"
        "active = get_channel('nonebot-active')\nup = open('up.txt', 'a', buffering=1)\n"
        "@bot.on_after_start\nasync def stream():\n"
        "    number = 0\n    while True:\n        active.send(number)\n        number += 1\n"
        "        await asyncio.sleep(0.001)\n"
        "@active.on_receive()\nasync def hear(value):\n    up.write(f'{value}\\n')\n"
    )
    project.write_plugin(
        "stream_end",
        "import asyncio\nfrom liteyuki.comm import active_channel\ndown = open('down.txt', 'a', buffering=1)\n"
        "@active_channel.on_receive()\nasync def hear(value):\n"
        "    down.write(f'{value}\\n')\n    active_channel.send(value)\n    await asyncio.sleep(0)\n",
    )
    with project.run() as main, OneBot(project.port) as qq:
        for run in range(1, 5):
            main.wait_ready(run)
            qq.wait_connected(run)
            qq.say("/restart")
            qq.wait_said("^重启完成", count=run)
        main.wait_ready(5)
        enough = len(_numbers(project, "up")) + 100
        wait_until(lambda: len(_numbers(project, "up")) >= enough, "numbers from the last generation")
        assert main.stop() == 0
        for direction in ("down", "up"):
            seen = _numbers(project, direction)
            assert seen == list(range(len(seen))), direction


def _numbers(project: Project, direction: str) -> list[int]:
    return [int(line) for line in (project.directory / f"{direction}.txt").read_text().splitlines()]
