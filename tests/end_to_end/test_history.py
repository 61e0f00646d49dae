"""The history of real main processes: every event stays on record, and the file never blocks anything."""

import os
import signal
import subprocess
import sys

import pytest

from harness import DEADLINE, MainProcess, OneBot, Project, wait_until
from liteyuki.supervise import Cause, EventKind
from liteyuki.supervise.history import HistoryEntry, read_history

pytestmark = pytest.mark.end_to_end

LOOP = """
[tool.liteyuki.processes.loop]
command = ["sh", "-c", "echo 'in the loop'; exit 5"]
backoff = { base = 0.0 }
give_up = { deaths = 1000000 }
"""

MAIN_PLUGIN = """
from liteyuki import get_bot

bot = get_bot()


@bot.on_before_process_start
async def before(event):
    print("hook before_start", event.process, event.generation, event.cause.value, flush=True)


@bot.on_process_ready
def ready(event):
    print("hook ready", event.process, event.generation, flush=True)


@bot.on_process_exit
def exited(event):
    print("hook exit", event.process, event.generation, event.cause.value, event.signal, flush=True)


@bot.on_process_exit
def takes_nothing():
    raise RuntimeError("on purpose")
"""

CHILD_PLUGIN = """
from liteyuki.comm import shared_memory


@shared_memory.on_subscriber_receive("liteyuki.process")
async def heard(event):
    print("heard", event["kind"], event["process"], event["cause"], flush=True)
"""


def history(project: Project, process: str | None = None) -> list[HistoryEntry]:
    return read_history(project.directory / ".liteyuki" / "history.db", process, count=10**6)


def facts(project: Project, process: str) -> list[tuple[str, int, Cause | None]]:
    return [(entry.kind.value, entry.generation, entry.cause) for entry in history(project, process)]


def command_line(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liteyuki", "history", *arguments],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_what_was_told_survives_everything(project: Project) -> None:
    assert "还没有历史" in command_line(project).stdout
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say("/restart", group=5)
        qq.wait_said("^重启完成")
        os.kill(main.child(), signal.SIGSEGV)
        main.wait_ready(3)
        main.send(signal.SIGKILL)
        main.wait()
    told = [
        ("start", 1, Cause.MAIN_STARTED),
        ("ready", 1, None),
        ("restart", 1, Cause.CHAT),
        ("exit", 1, Cause.CHAT),
        ("start", 2, Cause.CHAT),
        ("ready", 2, Cause.CHAT),
        ("exit", 2, Cause.SIGNAL),
        ("start", 3, Cause.SIGNAL),
    ]
    assert facts(project, "nonebot")[: len(told)] == told
    entries = history(project)
    assert "10001" in entries[3].asked_by
    assert entries[6].signal == "SIGSEGV"
    assert any("Running NoneBot" in line for line in entries[6].output)
    with project.run() as main:
        main.wait_ready()
        assert main.stop() == 0
    assert [(kind, cause) for kind, _, cause in facts(project, "nonebot")[-4:]] == [
        ("exit", Cause.MAIN_GONE),
        ("start", Cause.MAIN_STARTED),
        ("ready", None),
        ("exit", Cause.MAIN_STOPPING),
    ]
    shown = command_line(project, "nonebot", "-n", "100", "--output")
    assert shown.returncode == 0
    for words in ("聊天命令", "SIGSEGV", "主进程被杀", "聊天命令: OneBot V11 / 10001", "Running NoneBot"):
        assert words in shown.stdout
    assert command_line(project, "nobody").returncode == 1
    assert command_line(project, "-n", "0").returncode == 2


def test_garbage_is_set_aside_at_any_time(project: Project) -> None:
    project.write_pyproject(LOOP.replace("base = 0.0", "base = 0.05, max = 0.05"))
    file = project.directory / ".liteyuki" / "history.db"
    file.parent.mkdir()
    file.write_bytes(os.urandom(10_000))
    with project.run() as main:
        main.wait_for("history.db.damaged")
        for _ in range(3):
            file.write_bytes(os.urandom(10_000))
            before = len(main.lines)
            wait_until(lambda before=before: "loop：已再次启动" in "\n".join(main.lines[before:]), "a restart")  # type: ignore[misc]
        wait_until(lambda: is_readable(project), "a new history")
        assert main.stop() == 0
    assert facts(project, "loop")[-1][0] == "exit"
    # Such files do not pile up, however often this happens.
    assert {path.name for path in file.parent.iterdir()} <= {
        ".gitignore",
        "history.db",
        "history.db.damaged",
        "logs",
        "main.lock",
    }


def is_readable(project: Project) -> bool:
    shown = command_line(project)
    return shown.returncode == 0 and "崩溃" in shown.stdout


def test_a_full_disk_is_a_warning(project: Project) -> None:
    """A limit on the size of files stands in for a full disk."""
    project.write_pyproject(LOOP)
    command = ["sh", "-c", f"ulimit -f 100; exec {sys.executable} -m liteyuki run"]
    with MainProcess(command, project.directory, {"PYTHONDONTWRITEBYTECODE": "1"}) as main:
        main.wait_for("历史无法写入")
        before = len(main.lines)
        wait_until(lambda: sum("loop：已再次启动" in line for line in main.lines[before:]) >= 20, "restarts")
        assert main.stop() == 0
    assert sum("历史无法写入" in line for line in main.lines) == 1
    assert history(project)[0].kind is EventKind.STARTED


def test_a_history_that_cannot_be_opened_is_a_warning(project: Project) -> None:
    """A folder of its name stops everybody; a read-only folder would not stop root."""
    project.write_pyproject(LOOP)
    (project.directory / ".liteyuki" / "history.db").mkdir(parents=True)
    with project.run() as main:
        main.wait_for("历史无法写入")
        main.wait_for("loop：已再次启动", count=5)
        assert main.stop() == 0
        assert "没能写入" in main.text
    assert command_line(project).returncode == 1


def test_hooks_and_subscribers_are_told_why(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nplugins = ["watching"]')
    (project.directory / "watching.py").write_text(MAIN_PLUGIN)
    project.write_plugin("listening", CHILD_PLUGIN)
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for("^hook before_start nonebot 1 main_started$")
        main.wait_for("^hook ready nonebot 1$")
        main.wait_for("^heard ready nonebot None$")
        qq.wait_connected()
        os.kill(main.child(), signal.SIGSEGV)
        main.wait_for("^hook exit nonebot 1 signal SIGSEGV$")
        main.wait_for("RuntimeError: on purpose")
        main.wait_for("^hook before_start nonebot 2 signal$")
        main.wait_for("^hook ready nonebot 2$")
        qq.wait_connected(2)
        qq.say("/restart")
        main.wait_for("^heard restart nonebot chat$")
        main.wait_for("^hook exit nonebot 2 chat SIGTERM$|^hook exit nonebot 2 chat None$")
        main.wait_for("^hook ready nonebot 3$")
        assert main.stop() == 0
        main.wait_for("^hook exit nonebot 3 main_stopping")
