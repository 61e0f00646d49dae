"""As the first process of a container: zombies, signals, exit codes. Needs a namespace of its own."""

import os
import re
import signal
import subprocess
import sys

import pytest

from harness import DEADLINE, MainProcess, Project, wait_until

UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _why_not() -> str:
    """Why a process namespace cannot be made here; empty if it can."""
    if not sys.platform.startswith("linux"):
        return "process namespaces are Linux's"
    try:
        tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False, timeout=DEADLINE)
    except FileNotFoundError:
        return "unshare(1) is not installed"
    return tried.stderr.strip() if tried.returncode else ""


WHY_NOT = _why_not()
pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(bool(WHY_NOT), reason=f"no process namespace to be had: {WHY_NOT}"),
]

# Leaves two orphans behind: one whose exit code would mean something to us, and one that runs for a while.
ORPHANS = """
import os, signal, sys, time
def told(number, frame):
    print("got", signal.Signals(number).name, flush=True)
signal.signal(signal.SIGUSR1, told)
def is_zombie(name):
    try:
        return ") Z " in open(f"/proc/{name}/stat").read()
    except OSError:
        return False  # it was collected meanwhile
reader, writer = os.pipe()
for _ in range(3):
    if not os.fork():
        os.setsid()
        for code in (3, 70, 0):
            if not os.fork():
                time.sleep(0.2)
                os._exit(code)
        os._exit(0)
    os.wait()
print("left", flush=True)
os.close(writer)
os.read(reader, 1)  # returns when the last orphan has ended
while any(is_zombie(name) for name in os.listdir("/proc") if name.isdecimal()):
    time.sleep(0.01)
print("no zombies", flush=True)
while True:
    time.sleep(3600)
"""


def run_as_init(project: Project, **changes: str) -> MainProcess:
    (project.directory / "orphans.py").write_text(ORPHANS)
    settings = {"command": f"['{sys.executable}', '-S', 'orphans.py']", **changes}
    lines = "\n".join(f"{key} = {value}" for key, value in settings.items())
    project.write_pyproject(f"[tool.liteyuki.processes.a]\n{lines}")
    return MainProcess([*UNSHARE, sys.executable, "-m", "liteyuki", "run"], project.directory, {})


def pid_outside(main: MainProcess) -> int:
    """The main process's pid outside of its namespace, to which the outer world sends signals."""
    (pid,) = wait_until(main.children, "the main process")
    return int(pid)


def test_orphans_are_collected_and_harm_nobody(project: Project) -> None:
    with run_as_init(project) as main:
        main.wait_for(r"主进程已启动（pid 1）")
        main.wait_for("^left$")
        main.wait_for("^no zombies$")
        assert "退出码" not in main.text
        os.kill(pid_outside(main), signal.SIGTERM)
        assert main.wait() == 0
        assert re.search("a：已停止", main.text)


def test_signals_are_passed_on_and_those_that_stop_do(project: Project) -> None:
    with run_as_init(project) as main:
        main.wait_for("^left$")
        os.kill(pid_outside(main), signal.SIGUSR1)
        main.wait_for("^got SIGUSR1$")
        os.kill(pid_outside(main), signal.SIGQUIT)
        assert main.wait() == 0


def test_giving_up_ends_the_container_with_code_70(project: Project) -> None:
    with run_as_init(
        project, command='["false"]', backoff="{ base = 0.01 }", give_up='{ deaths = 2, then = "exit" }'
    ) as main:
        assert main.wait() == 70


def test_a_bot_runs_there_too(project: Project) -> None:
    with MainProcess([*UNSHARE, sys.executable, "-m", "liteyuki", "run"], project.directory, {}) as main:
        main.wait_for("nonebot：已就绪")
        os.kill(pid_outside(main), signal.SIGINT)
        assert main.wait() == 0
