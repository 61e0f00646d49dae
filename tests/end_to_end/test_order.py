"""A bot that comes after a program of its own and two workers, as a user has them."""

import subprocess
import sys

import pytest

from harness import DEADLINE, OneBot, Project

pytestmark = pytest.mark.end_to_end

PROCESSES = """
[tool.liteyuki.processes.nonebot]
after = ["napcat", "worker"]

[tool.liteyuki.processes.worker]
target = "working:work"
instances = 2
after = ["napcat"]

[tool.liteyuki.processes.napcat]
command = ["sh", "-c", "echo napcat runs; exec sleep 1000"]
"""

WORKER = """
from liteyuki.comm import get_channel, own_process


def work():
    print("work of", own_process(), flush=True)
    for value in get_channel(f"{own_process()}-active"):
        pass
"""

STUCK = """
[tool.liteyuki.processes.nonebot]
after = ["stuck"]

[tool.liteyuki.processes.stuck]
script = "stuck.py"
"""


def places(lines: list[str], *words: str) -> list[int]:
    """The first line that contains each of them."""
    return [next(number for number, line in enumerate(lines) if word in line) for word in words]


def test_a_program_two_workers_and_the_bot(project: Project) -> None:
    project.write_pyproject(PROCESSES)
    (project.directory / "working.py").write_text(WORKER)
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for(r"^napcat +\| napcat runs")
        for number in (1, 2):
            main.wait_for(rf"^worker-{number} \| work of worker-{number}$")
        main.wait_ready()
        main.children()
        ready = places(main.lines, *(f"{name}：已就绪" for name in ("napcat", "worker-1", "worker-2")))
        assert ready[0] < min(ready[1:])
        assert max(ready) < places(main.lines, "nonebot：已启动")[0]

        qq.wait_connected()
        qq.say("/restart worker")
        qq.wait_said("^没有名为 worker 的进程，现有：worker-1, worker-2$")
        qq.say("/restart worker-2")
        qq.wait_said("^重启完成（worker-2）")
        qq.say("/status")
        status = qq.wait_said("worker-1：运行中")["text"]
        assert [line.split("：")[0] for line in status.splitlines()] == ["nonebot", "worker-1", "worker-2", "napcat"]
        assert [line.split("重启 ")[1][0] for line in status.splitlines()] == ["0", "0", "1", "0"]
        assert {"worker-1.log", "worker-2.log", "napcat.log"} <= {
            path.name for path in (project.directory / ".liteyuki" / "logs").iterdir()
        }
        stopped_before = len(main.lines)
        assert main.stop() == 0
        after = main.lines[stopped_before:]
        stopped = places(after, *(f"{name}：已停止" for name in ("nonebot", "worker-1", "worker-2", "napcat")))
        assert stopped[0] < min(stopped[1:3])
        assert max(stopped[1:3]) < stopped[3]


def test_a_stop_comes_through_while_one_waits(project: Project) -> None:
    project.write_pyproject(STUCK)
    (project.directory / "stuck.py").write_text("import time\nprint('stuck', flush=True)\ntime.sleep(1000)\n")
    with project.run() as main:
        main.wait_for(r"stuck +\| stuck")
        main.wait_for("nonebot：等 stuck 就绪后启动")
        assert main.stop() == 0
        assert "nonebot：已启动" not in main.text


def test_a_cycle_is_one_sentence(project: Project) -> None:
    project.write_pyproject(PROCESSES + 'after = ["worker"]\n')
    ended = subprocess.run(
        [sys.executable, "-m", "liteyuki", "run"],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 2
    (sentence,) = ended.stderr.splitlines()
    assert "pyproject.toml" in sentence
    assert "processes.napcat.after" in sentence
    assert "napcat → worker-1 → napcat" in sentence
