"""The main job over a real WebSocket: restart from the chat, and what must not happen."""

import os
import re
import signal
import time

import pytest

from harness import OneBot, Project, is_alive, wait_until

pytestmark = pytest.mark.end_to_end


@pytest.mark.parametrize(("word", "group"), [("/restart", None), ("/重启", 4242)])
def test_restart_is_answered_done_and_announced_once_where_it_was_asked(
    project: Project, word: str, group: int | None
) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        first = main.wait_ready()
        qq.wait_connected()
        qq.say(word, group=group)
        answer = qq.wait_said("^正在重启 nonebot")
        done = qq.wait_said(r"^重启完成，用时 [\d.]+ 秒$")
        second = main.wait_ready(2)
        assert first != second
        assert not is_alive(first)
        for message in (answer, done):
            assert message.get("group_id") == group
            assert message["message_type"] == ("private" if group is None else "group")
        assert done["connection"] > answer["connection"]
        # Anything said a second time would have come before this.
        qq.say("/echo still here")
        qq.wait_said("^still here$")
        assert [m["text"] for m in qq.sent if "重启" in m["text"]] == [answer["text"], done["text"]]
        assert main.stop() == 0


def test_notice_is_not_repeated_after_a_later_crash(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say("/restart")
        qq.wait_said("^重启完成")

        os.kill(main.child(), signal.SIGKILL)
        main.wait_ready(3)
        qq.wait_connected(3)
        qq.say("/echo after the crash")
        qq.wait_said("^after the crash$")
        assert len([m for m in qq.sent if m["text"].startswith("重启完成")]) == 1


def test_notice_waits_for_the_same_account(project: Project) -> None:
    with project.run() as main, OneBot(project.port, self_id=1) as asked, OneBot(project.port, self_id=2) as other:
        main.wait_ready()
        asked.wait_connected()
        other.wait_connected()
        asked.may_connect.clear()
        asked.say("/restart")
        main.wait_ready(2)
        other.wait_connected(2)
        other.say("/echo only me")
        other.wait_said("^only me$")
        assert not [m for m in asked.sent + other.sent if m["text"].startswith("重启完成")]
        asked.may_connect.set()
        asked.wait_said("^重启完成")
        assert not [m for m in other.sent if m["text"].startswith("重启完成")]


def test_a_repeated_message_and_an_old_one_restart_nothing(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        number = qq.say("/restart")
        qq.wait_said("^重启完成")
        second = main.wait_ready(2)
        qq.say("/restart", message_id=number)
        main.wait_for("重复送达")
        qq.say("/restart", sent_at=time.time() - 3600)
        qq.wait_said("^这条消息发送之后已经重启过了")
        assert main.child() == second


def test_only_superusers_are_obeyed(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        pid = main.wait_ready()
        qq.wait_connected()
        qq.say("/restart", user=10002)
        qq.say("/status", user=10002)
        qq.say("/echo who am I", user=10002)
        qq.wait_said("^who am I$")
        assert [m["text"] for m in qq.sent] == ["who am I"]
        assert main.child() == pid


def test_two_who_ask_at_once_get_one_restart(project: Project) -> None:
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say("/restart")
        qq.say("/restart", group=5)
        qq.wait_said("^正在重启 nonebot")
        qq.wait_said("^nonebot 已经在重启了$")
        qq.wait_said("^重启完成")
        main.wait_ready(2)
        qq.say("/status")
        assert "重启 1 次" in qq.wait_said("^nonebot：运行中")["text"]


def test_status_and_logs_and_unknown_process(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki.processes.nonebot]\nmemory_limit = "2 GiB"')
    project.write_plugin("printer", 'print("a line of its own")\n')
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_ready()
        qq.wait_connected()
        qq.say("/status")
        line = qq.wait_said("^nonebot：运行中")["text"]
        assert "重启 0 次" in line
        assert re.search(r"内存 \d+ MiB（上限 2048 MiB）$", line)
        qq.say("/logs 200")
        assert "a line of its own" in qq.wait_said("Running NoneBot")["text"]
        qq.say("/日志 0")
        qq.wait_said("不是行数")
        qq.say("/restart napcat")
        qq.wait_said("^没有名为 napcat 的进程，现有：nonebot$")


def test_replies_follow_the_language(project: Project) -> None:
    project.write_pyproject('[tool.liteyuki]\nlang = "en"')
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for(r"\[ℹ️INFO\] Liteyuki's main process has started")
        qq.wait_connected()
        qq.say("/restart")
        qq.wait_said("^Restarting nonebot")
        qq.wait_said(r"^Restarted in [\d.]+ s$")
        assert main.stop() == 0


def test_stuck_handler_delays_a_restart_by_the_stop_timeout_at_most(project: Project) -> None:
    project.write_pyproject("[tool.liteyuki.processes.nonebot]\nstop_timeout = 1.0")
    project.write_plugin(
        "stuck",
        "import asyncio\nfrom nonebot import on_command\n"
        'stuck = on_command("stuck")\n'
        "@stuck.handle()\nasync def handle():\n"
        '    print("stuck now", flush=True)\n    await asyncio.sleep(3600)\n',
    )
    with project.run() as main, OneBot(project.port) as qq:
        first = main.wait_ready()
        qq.wait_connected()
        qq.say("/stuck")
        main.wait_for("^stuck now$")
        qq.say("/restart")
        qq.wait_said("^正在重启")
        main.wait_for("已强制结束")
        qq.wait_said("^重启完成")
        wait_until(lambda: not is_alive(first), "the end of the stuck child")
