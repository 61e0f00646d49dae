"""`liteyuki chat`, as somebody without an account uses it."""

import json
import os
import pty
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness import DEADLINE, OneBot, Project, wait_until

pytestmark = pytest.mark.end_to_end

CHAT = [sys.executable, "-m", "liteyuki", "chat"]

SILENT = """
from nonebot import on_command


@on_command("silent").handle()
async def _():
    print("heard it", flush=True)
"""


def chat(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*CHAT, *arguments], cwd=directory, capture_output=True, text=True, timeout=DEADLINE * 2, check=False
    )


def control(directory: Path, *lines: bytes) -> list[dict[str, Any]]:
    """The answers of the control socket to these lines."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(DEADLINE)
        connection.connect(os.path.relpath(directory / ".liteyuki" / "control.sock"))
        connection.sendall(b"".join(line + b"\n" for line in lines))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


def request(method: str, **params: object) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def test_says_what_it_is_told_and_waits_across_a_restart(project: Project) -> None:
    with project.run() as main:
        first = main.child()
        ended = chat(project.directory, "--say", "/echo hi", "--say", "/restart", "--say", "/echo again")
        assert ended.returncode == 0, ended.stderr
        lines = ended.stdout.splitlines()
        assert lines[:2] == ["hi", "正在重启 nonebot…"]
        assert lines[2].startswith("重启完成，用时 ")
        assert lines[3:] == ["again"]
        assert main.wait_ready(2) != first


def test_works_with_an_access_token_and_leaves_superusers_alone(project: Project) -> None:
    project.write_env('SUPERUSERS=["10001"]', "ONEBOT_ACCESS_TOKEN=secret")
    with project.run() as main, OneBot(project.port, token="secret") as qq:
        main.wait_ready()
        assert chat(project.directory, "--say", "/status").returncode == 0
        qq.wait_connected()
        qq.say("/status")
        qq.wait_said("^nonebot：运行中")
        qq.say("/status", user=10002)
        qq.say("/echo end", user=10002)
        qq.wait_said("^end$")
        assert len(qq.sent) == 2


def test_a_sandbox_user_is_nobody_once_its_chat_is_closed(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        (opened,) = control(project.directory, request("open_chat"))
        user = int(opened["result"]["user_id"])
        assert user > 2**61
        # The connection that opened the chat is closed by now, and the main process has seen that.
        wait_until(lambda: _is_nobody(qq, user), "the end of the sandbox user's rights")


def _is_nobody(qq: OneBot, user: int) -> bool:
    before = len(qq.sent)
    qq.say("/status", user=user)
    qq.say(f"/echo {before}", user=user)
    qq.wait_said(f"^{before}$")
    return len(qq.sent) == before + 1


def test_no_answer_in_time_is_an_exit_code(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        ended = chat(project.directory, "--say", "nobody answers this", "--timeout", "0.5")
        assert ended.returncode == 1
        assert "没有回应" in ended.stderr


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_waits_for_an_answer_ends_with_the_main_process(project: Project, number: signal.Signals) -> None:
    project.write_plugin("silent", SILENT)
    with project.run() as main:
        main.wait_ready()
        command = [*CHAT, "--say", "/silent", "--timeout", str(10 * DEADLINE)]
        with subprocess.Popen(command, cwd=project.directory, stderr=subprocess.PIPE, text=True) as waiting:
            main.wait_for("^heard it$")
            main.send(number)
            _, said = waiting.communicate(timeout=DEADLINE)
        assert waiting.returncode == 1
        assert "主进程已结束" in said


def test_without_a_main_process_it_says_how_to_start_one(project: Project) -> None:
    ended = chat(project.directory, "--say", "hi")
    assert ended.returncode == 1
    assert "liteyuki run" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_without_the_adapter_it_says_how_to_get_it(project: Project) -> None:
    project.write_pyproject("", "")
    with project.run() as main:
        main.wait_ready()
        ended = chat(project.directory, "--say", "hi")
        assert ended.returncode == 1
        assert "nb adapter install" in ended.stderr


def test_in_a_terminal(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        terminal, child_end = pty.openpty()
        process = subprocess.Popen(CHAT, cwd=project.directory, stdin=child_end, stdout=child_end, stderr=child_end)
        os.close(child_end)
        try:
            screen = _read_until(terminal, "", "> ")
            os.write(terminal, b"/echo hello there\n")
            screen = _read_until(terminal, screen, "\rhello there\r\n> ")
            os.kill(main.child(), signal.SIGKILL)
            screen = _read_until(terminal, screen, "已重新连接")
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0
            assert "Traceback" not in screen
        finally:
            process.kill()
            process.wait()
            os.close(terminal)


def test_in_a_terminal_it_tells_that_the_main_process_is_gone(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        terminal, child_end = pty.openpty()
        process = subprocess.Popen(CHAT, cwd=project.directory, stdin=child_end, stdout=child_end, stderr=child_end)
        os.close(child_end)
        try:
            screen = _read_until(terminal, "", "> ")
            main.send(signal.SIGKILL)
            _read_until(terminal, screen, "主进程已结束")
            assert process.wait(DEADLINE) == 1
        finally:
            process.kill()
            process.wait()
            os.close(terminal)


def _read_until(terminal: int, screen: str, wanted: str) -> str:
    end = time.monotonic() + DEADLINE
    while wanted not in screen:
        readable, _, _ = select.select([terminal], [], [], max(0.0, end - time.monotonic()))
        assert readable, screen
        screen += os.read(terminal, 4096).decode()
    return screen


def test_lines_from_a_file(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        ended = subprocess.run(
            CHAT,
            cwd=project.directory,
            input="/echo one\n",
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert ended.returncode == 0
        assert ended.stdout.split() == ["one"]


def test_garbage_on_the_control_socket_is_answered_and_logged(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        answers = control(
            project.directory,
            b"\xff garbage",
            b"[1, 2]",
            b'{"jsonrpc": "2.0", "id": 1}',
            request("no_such"),
            request("restart", process="no_such"),
            request("restart", nonsense=1),
            request("restart", reason=5),
            b'{"jsonrpc": "2.0", "id": 1, "method": "list", "params": [1]}',
            request("list"),
        )
        codes = [answer.get("error", {}).get("code") for answer in answers]
        assert codes == [-32700, -32600, -32600, -32601, -32602, -32602, -32602, -32602, None]
        assert answers[-1]["result"][0]["name"] == "nonebot"
        main.wait_for("拒绝了一个控制请求", count=8)
        (too_long,) = control(project.directory, b"x" * 2_000_000)
        assert too_long["error"]["code"] == -32600
        mode = (project.directory / ".liteyuki" / "control.sock").stat().st_mode
        assert mode & 0o077 == 0


def test_restart_and_stop_over_the_control_socket(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        (answer,) = control(project.directory, request("restart", reason="a test"))
        assert answer["result"] == {"outcome": "accepted", "process": "nonebot"}
        main.wait_for("来自 control / uid .*，原因：a test")
        main.wait_ready(2)
        assert control(project.directory, request("stop"))[0]["result"] == {}
        assert main.wait() == 0
