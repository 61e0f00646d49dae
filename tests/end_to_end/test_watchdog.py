"""A real bot whose loop blocks, that grows, whose files change, and that nobody connects to."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness import MainProcess, OneBot, Project

pytestmark = pytest.mark.end_to_end

BLOCKING = """
import asyncio
import faulthandler
import re
import threading
import time

from nonebot import on_command

armed = threading.Event()
arm = faulthandler.dump_traceback_later


def note(*args, **kwargs):
    arm(*args, **kwargs)
    armed.set()


faulthandler.dump_traceback_later = note
block = on_command("block")
hold = on_command("hold")


@block.handle()
async def _():
    time.sleep(3600)


@hold.handle()
async def _():
    await asyncio.to_thread(armed.wait)
    re.match(r"(a+)+$", "a" * 60 + "b")
"""

NOTICED = "文件有改动"

IMPATIENT = """
import nonebot_plugin_liteyuki_comm.silence as silence

silence.SILENCE = 1.0
"""


def write_settings(project: Project, settings: str) -> None:
    project.write_pyproject(f"[tool.liteyuki.processes.nonebot]\n{settings}")


def told_by_history(project: Project) -> str:
    command = [sys.executable, "-m", "liteyuki", "history", "--output"]
    return subprocess.run(command, cwd=project.directory, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(("command", "place"), [("/block", "time.sleep"), ("/hold", "re.match")])
def test_a_bot_whose_handler_blocks_is_started_again_with_the_stack_in_its_output(
    project: Project, command: str, place: str
) -> None:
    write_settings(project, "watchdog = 7")
    project.write_plugin("blocking", BLOCKING)
    line = next(number for number, code in enumerate(BLOCKING.splitlines(), start=1) if place in code)
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say(command)
        main.wait_for("没有转动（pid")
        main.wait_for(r"意外退出（pid \d+，信号 SIGKILL）")
        main.wait_ready(2)
        qq.wait_connected(2)
        warned, _, ended = main.text.partition("没有转动（pid")
        assert f'blocking.py", line {line} in' in ended.partition("SIGKILL")[0]
        assert f'blocking.py", line {line}' in warned
        shown = told_by_history(project)
        assert "most recent call first" in shown.partition(f'blocking.py", line {line} in')[0]
        # The main thread's stack to its end, though it has far more than fifty lines.
        assert "liteyuki/child/run.py" in shown.rpartition(f'blocking.py", line {line} in')[2]
        qq.say("/logs 150")
        assert "most recent call first" in qq.wait_said("most recent call first")["text"]


def test_a_bot_that_is_busy_and_in_good_health_is_left_alone(project: Project) -> None:
    write_settings(project, "watchdog = 2")
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        end, said = time.monotonic() + 6.0, 0
        while time.monotonic() < end:
            for _ in range(10):
                qq.say("/echo busy")
            said += 10
            qq.wait_said("^busy$", count=said)
        assert "没有转动（pid" not in main.text
        assert "意外" not in main.text


def test_a_bot_that_is_as_old_as_it_may_become_is_restarted_gracefully(project: Project) -> None:
    write_settings(project, "max_age = 1")
    with project.run() as main:
        main.wait_ready()
        main.wait_for("max_age（1 秒）")
        main.wait_for(r"nonebot：已停止（pid \d+）")
        main.wait_ready(2)
        assert main.stop() == 0
        assert "意外" not in main.text


def test_a_bot_that_nobody_connects_to_says_so_once_and_is_not_restarted(project: Project) -> None:
    project.write_plugin("impatient", IMPATIENT)
    with project.run() as main:
        main.wait_for("没有任何机器人账号连接")
        with OneBot(project.port) as qq:
            qq.wait_connected()
            main.wait_for("账号 777 已连接，此前")
        main.wait_for("没有任何机器人账号连接；", count=2)
        time.sleep(1.5)  # there is no event for "it is not said again"
        assert main.text.count("没有任何机器人账号连接；") == 2
        assert main.text.count("已就绪（pid") == 1


def change_until(main: MainProcess, path: Path, source: str, pattern: str) -> None:
    """Write again until it is noticed: there is no event for "the folder is being watched"."""
    noticed = main.text.count(NOTICED) + 1
    for number in range(10):
        path.write_text(f"{source}\n# {number}\n")
        try:
            main.wait_for(NOTICED, count=noticed, deadline=3.0)
        except AssertionError:
            continue
        break
    main.wait_for(pattern)


def test_reload_restarts_when_a_plugin_changes_and_survives_a_broken_one(project: Project) -> None:
    project.write_plugin("words", "print('first words')\n")
    path = project.plugins / "words.py"
    with project.run("--reload") as main:
        main.wait_ready()
        change_until(main, path, "print('second words')", "^second words$")
        main.wait_for(r"文件有改动：words\.py")
        main.wait_ready(2)
        change_until(main, path, "import sys\nsys.exit('broken')", "退出了整个程序")
        change_until(main, path, "print('third words')", "^third words$")
        main.wait_ready(3)
        assert main.stop() == 0


def test_reload_of_a_script(project: Project) -> None:
    script = project.directory / "my_bot.py"
    source = "import nonebot\nnonebot.init()\nprint('{}')\nnonebot.run()\n"
    script.write_text(source.format("first"))
    with project.run("my_bot.py", "--reload") as main:
        main.wait_for(f"nonebot：监视 {project.directory} 中的源文件")
        main.wait_ready()
        change_until(main, script, source.format("second"), "^second$")
        main.wait_ready(2)
        # Files that the main process or the bot writes restart nothing.
        noticed = main.text.count(NOTICED)
        (project.directory / ".liteyuki" / "note.py").write_text("x = 1\n")
        (project.directory / "data.json").write_text("{}\n")
        time.sleep(1.0)  # there is no event for "it is not noticed"
        assert main.text.count(NOTICED) == noticed
        assert main.stop() == 0
