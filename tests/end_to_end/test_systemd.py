"""The main process under systemd: what it reports over a socket, and the unit that is printed."""

import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from harness import DEADLINE, Project

pytestmark = pytest.mark.end_to_end

LOOKER = "import os\nprint('told', sorted(set(os.environ) & {'NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'}))\n"


def test_it_is_told_of_the_beginning_the_state_and_the_end(project: Project, tmp_path: Path) -> None:
    project.write_plugin("looker", LOOKER)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(DEADLINE)
        heard: list[str] = []

        def hear_until(line: str) -> None:
            while line not in heard:
                heard.append(listener.recv(4096).decode())

        with project.run(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="100000") as main:
            hear_until("READY=1")
            main.wait_for(r"^told \[\]$")
            hear_until("STATUS=nonebot 运行中")
            hear_until("WATCHDOG=1")
            main.send(signal.SIGTERM)
            hear_until("STOPPING=1")
            assert main.wait() == 0


def service_systemd(directory: Path, *arguments: str) -> str:
    printed = subprocess.run(
        [sys.executable, "-m", "liteyuki", "service", "systemd", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE,
    )
    return printed.stdout


def test_the_unit_fits_the_project(project: Project) -> None:
    project.write_pyproject(
        "[tool.liteyuki.processes.nonebot]\nstop_timeout = 20\n"
        '[tool.liteyuki.processes.my-worker]\ncommand = ["sleep", "1"]\nstop_timeout = 5\n'
    )
    lines = service_systemd(project.directory).splitlines()
    assert lines[0].startswith("# ")
    assert "systemctl enable --now bot" in lines[0]
    for line in (
        "Type=notify",
        "NotifyAccess=main",
        f"WorkingDirectory={project.directory}",
        "Restart=on-failure",
        "RestartForceExitStatus=70",
        "KillMode=mixed",
        "Delegate=yes",
        "TimeoutStopSec=35",
        "Environment=LITEYUKI_PROCESSES__NONEBOT__GIVE_UP__THEN=exit",
    ):
        assert line in lines
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    assert start.startswith(f"ExecStart={sys.executable} ")
    assert start.endswith(" run")


def test_the_command_of_the_unit_runs_from_any_folder_name(tmp_path: Path) -> None:
    project = Project(tmp_path / 'a "bot" of 100%')
    (project.directory / "my bot.py").touch()
    unit = service_systemd(project.directory, "my bot.py")
    assert f"WorkingDirectory={project.directory}".replace("%", "%%") in unit
    assert unit.count('run "my bot.py"\n') == 1


def test_there_is_no_unit_for_what_cannot_run(project: Project, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for directory, arguments, said in (
        (empty, (), rf"错误：没有 {empty}/pyproject\.toml，这里不是 NoneBot 项目"),
        (project.directory, ("no.py",), rf"错误：找不到脚本 {project.directory}/no\.py"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "liteyuki", "service", "systemd", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=DEADLINE,
        )
        assert (ended.returncode, ended.stdout) == (2, "")
        assert re.match(said, ended.stderr)


def test_only_the_unit_is_printed_to_standard_output(project: Project) -> None:
    (project.directory / "bot.py").write_text("import nonebot\nnonebot.run()\n")
    assert service_systemd(project.directory).startswith("# ")


def test_the_unit_of_several_processes_in_an_order(project: Project) -> None:
    project.write_pyproject(
        '[tool.liteyuki.processes.nonebot]\nafter = ["worker", "napcat"]\n'
        '[tool.liteyuki.processes.worker]\ncommand = ["sleep", "1"]\ninstances = 2\n'
        '[tool.liteyuki.processes.napcat]\ncommand = ["sleep", "1"]\nstart_timeout = 100\n'
    )
    lines = service_systemd(project.directory).splitlines()
    assert "TimeoutStartSec=220" in lines
    assert "TimeoutStopSec=50" in lines
    assert [line.split("__")[1] for line in lines if line.startswith("Environment=")] == ["NONEBOT", "WORKER", "NAPCAT"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["bot", "a bot of 100%"])
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path, name: str) -> None:
    project = Project(tmp_path / name)
    (project.directory / "my bot.py").touch()
    path = tmp_path / "liteyuki-test.service"
    path.write_text(service_systemd(project.directory, "my bot.py"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert "liteyuki-test.service" not in verified.stderr
    assert verified.returncode == 0, verified.stderr
