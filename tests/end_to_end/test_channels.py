"""Channels made at run time, and shared memory, in a main process that is started as a user does."""

import os
import signal
from pathlib import Path

import pytest

from harness import OneBot, Project, wait_until
from tests.process.numbers import check_handled, check_taken, read_records

pytestmark = pytest.mark.end_to_end


SAY = """
import os


def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())  # whole lines: other processes write there as well

"""


def write_main_plugin(project: Project, source: str, *, processes: str = "") -> None:
    project.write_pyproject(f'[tool.liteyuki]\nplugin_dirs = ["main_plugins"]\n{processes}')
    folder = project.directory / "main_plugins"
    folder.mkdir(exist_ok=True)
    (folder / "main_plugin.py").write_text(SAY + source, encoding="utf-8")


def targets(*names: str) -> str:
    """Settings of processes, each running the function of its name in the project's `jobs.py`."""
    at_once = "backoff = { base = 0.0, max = 0.0 }\ngive_up = { deaths = 1000 }"
    return "".join(f'[tool.liteyuki.processes.{name}]\ntarget = "jobs:{name}"\n{at_once}\n' for name in names)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def wait_until_more_than(count: int, path: Path, start: str) -> None:
    """Wait until so many lines begin like that."""
    wait_until(lambda: sum(line.startswith(start) for line in lines(path)) > count, f"more lines {start!r} in {path}")


def pid_of(project: Project, name: str, generation: int) -> int:
    """The pid that the process wrote down when its `generation`-th life began."""
    path = project.directory / f"{name}.pids"
    wait_until(lambda: len(lines(path)) >= generation, f"generation {generation} of {name}")
    return int(lines(path)[generation - 1])


# --- between a main-process plugin and a NoneBot plugin

MAKER = """
from liteyuki import get_bot
from liteyuki.comm import Channel, get_channel_async, set_channel

bot = get_bot()
early = Channel("early", max_queued_bytes=100_000, ack="handled")
set_channel("early", early)
early.send("sent when the plugin was imported")


@early.on_receive()
async def hear(value):
    say("main got", value)


@bot.on_after_start
async def late():
    for name in ("at-import", "in-hook", "in-thread"):
        channel = await get_channel_async(name)
        say("main has", channel.name, channel.options.ack)
        channel.send(f"hello {name}")
        say("main got", await channel.async_receive())
    set_channel("late", late := Channel("late"))
    say("main asked", await late.request("who", timeout=20) if await late.async_receive() else None)
"""

TAKER = """
import threading

from nonebot import get_driver
from liteyuki.comm import Channel, get_channel, get_channel_async, set_channel

early = get_channel("early")
say("bot has", early.name, *early.options)


@early.on_receive()
async def take(value):
    say("bot got", value)
    early.send(["handled", value])


def answer_on(channel):
    @channel.on_receive()
    async def answer(value):
        channel.send(f"{value} too")


at_import = Channel("at-import")
answer_on(at_import)
set_channel("at-import", at_import)


def work():
    channel = Channel("in-thread")
    set_channel("in-thread", channel)
    channel.send(channel.receive(20) + " too")


@get_driver().on_startup
async def start():
    in_hook = Channel("in-hook", ack="handled")
    set_channel("in-hook", in_hook)
    answer_on(in_hook)
    threading.Thread(target=work, daemon=True).start()


@get_driver().on_startup
async def start_waiting():
    import asyncio
    global task
    task = asyncio.create_task(wait())


async def wait():
    late = await get_channel_async("late", timeout=20)

    @late.on_request()
    def who(value):
        return f"{value}? the bot"

    late.send("ask me")
"""


def test_both_sides_make_channels_whenever_they_like(project: Project) -> None:
    write_main_plugin(project, MAKER)
    project.write_plugin("taker", SAY + TAKER)
    with project.run() as main:
        main.wait_for(r"^bot has early 100000 \d+ handled$")
        main.wait_for("^bot got sent when the plugin was imported$")
        main.wait_for(r"^main got \['handled', 'sent when the plugin was imported'\]$")
        for name, ack in (("at-import", "taken"), ("in-hook", "handled"), ("in-thread", "taken")):
            main.wait_for(f"^main has {name} {ack}$")
            main.wait_for(f"^main got hello {name} too$")
        main.wait_for(r"^main asked who\? the bot$")
        main.wait_ready()
        assert main.stop() == 0


STREAM = """
import asyncio
from liteyuki import get_bot
from liteyuki.comm import Channel, set_channel

bot = get_bot()
stream = Channel("stream", max_queued_bytes=64 * 1024, ack={ack!r})
set_channel("stream", stream)
up = open("up.txt", "a", buffering=1)


@bot.on_after_start
async def send():
    number = 0
    while True:
        await stream.asend(number)
        number += 1
        if number % 20 == 0:
            await asyncio.sleep(0.001)


@stream.on_receive()
async def hear(value):
    up.write(" ".join(map(str, value)) + "\\n")
"""

STREAM_END = """
import asyncio, os
from nonebot import get_driver
from liteyuki.comm import Channel, get_channel, set_channel
from liteyuki.comm.registry import current_registry

generation = current_registry().generation
down = os.open("down.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
if generation % 2:
    stream = get_channel("stream")
else:
    stream = Channel("stream", max_queued_bytes=64 * 1024, ack={ack!r})
    set_channel("stream", stream)
sent = 0


@stream.on_receive()
def take(number):
    global sent
    os.write(down, f"{{generation}} {{number}} {{stream.redelivered:d}}\\n".encode())
    stream.send([generation, sent])
    sent += 1
"""


@pytest.mark.parametrize("ack", ["taken", "handled"])
def test_numbers_survive_restarts_and_kills_of_the_bot_in_both_directions(project: Project, ack: str) -> None:
    write_main_plugin(project, STREAM.format(ack=ack))
    project.write_plugin("stream_end", STREAM_END.format(ack=ack))
    down, up = project.directory / "down.txt", project.directory / "up.txt"
    with project.run() as main, OneBot(project.port) as qq:
        for run in range(1, 5):
            bot = main.wait_ready(run)
            qq.wait_connected(run)
            wait_until_more_than(0, up, f"{run} ")
            if run % 2:
                os.kill(bot, signal.SIGKILL)
            else:
                qq.say("/restart")
                qq.wait_said("^重启完成", count=run // 2)
        main.wait_ready(5)
        wait_until_more_than(100, up, "5 ")
        assert main.stop() == 0
    check = check_taken if ack == "taken" else check_handled
    assert check(read_records(down.read_bytes())) <= 4
    heard = [tuple(map(int, line.split())) for line in lines(up)]
    assert [generation for generation, _ in heard] == sorted(generation for generation, _ in heard)
    for run in range(1, 6):
        numbers = [number for generation, number in heard if generation == run]
        assert numbers == list(range(len(numbers)))


# --- directly from one child to the other

JOBS = """
import itertools, os, time
from liteyuki.comm import Channel, get_channel, own_process, set_channel
from liteyuki.comm.registry import current_registry

generation = current_registry().generation
record = os.open(f"{own_process()}.txt", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def begin():
    with open(f"{own_process()}.pids", "a") as file:
        file.write(f"{os.getpid()}\\n")


def sender():
    direct = Channel("direct", max_queued_bytes=32 * 1024, ack="handled")
    set_channel("direct", direct, to="receiver")
    begin()
    for number in itertools.count():
        direct.send([generation, number])
        answer = direct.receive() if number % 10 == 9 else None
        if answer is not None:
            os.write(record, f"{generation} {answer[0]} {answer[1]}\\n".encode())
        time.sleep(0.001)


def receiver():
    direct = get_channel("direct", timeout=20)
    begin()
    for sender, number in direct:
        os.write(record, f"{sender} {generation} {number} {direct.redelivered:d}\\n".encode())
        if number % 10 == 9:
            direct.send([sender, number])
"""


def test_two_children_talk_on_while_the_main_process_is_stopped(project: Project) -> None:
    project.write_pyproject(targets("sender", "receiver"))
    (project.directory / "jobs.py").write_text(JOBS)
    with project.run() as main:
        pid_of(project, "receiver", 1)
        received, answered = project.directory / "receiver.txt", project.directory / "sender.txt"
        wait_until(lambda: len(lines(answered)) >= 3, "the first answers")
        main.send(signal.SIGSTOP)
        try:
            wait_until(lambda: "State:\tT" in Path(f"/proc/{main.pid}/status").read_text(), "the main process to stop")
            enough = len(lines(received)) + 300, len(lines(answered)) + 30
            wait_until(lambda: len(lines(received)) > enough[0] and len(lines(answered)) > enough[1], "more numbers")
            assert "State:\tT" in Path(f"/proc/{main.pid}/status").read_text()
        finally:
            main.send(signal.SIGCONT)
        assert main.stop() == 0
    numbers = [int(line.split()[2]) for line in lines(received)]
    assert numbers == list(range(len(numbers)))


def test_a_direct_channel_outlives_kills_of_both(project: Project) -> None:
    project.write_pyproject(targets("sender", "receiver"))
    (project.directory / "jobs.py").write_text(JOBS)
    received = project.directory / "receiver.txt"
    with project.run() as main:
        senders = receivers = 1
        for name in ("receiver", "sender", "receiver", "sender"):
            wait_until_more_than(50, received, f"{senders} {receivers} ")
            os.kill(pid_of(project, name, senders if name == "sender" else receivers), signal.SIGKILL)
            senders, receivers = senders + (name == "sender"), receivers + (name == "receiver")
        wait_until_more_than(50, received, "3 3 ")
        main.children()
        assert main.stop() == 0
    records = [tuple(map(int, line.split())) for line in lines(received)]
    assert [(sender, receiver) for sender, receiver, _, _ in records] == sorted((s, r) for s, r, _, _ in records)
    for wanted in range(1, 4):
        last = -1
        for sender, _, number, is_redelivered in records:
            if sender == wanted:
                # Each once and in order; only what a receiver was handling when it was killed comes again.
                assert number == last + 1 or (is_redelivered and number == last), (sender, number, last)
                last = number


# --- shared memory

SHARING = """
from liteyuki import get_bot
from liteyuki.comm import shared_memory

bot = get_bot()
shared_memory.set("count", 1000)


@shared_memory.on_subscriber_receive("news")
async def hear(value):
    say("main heard", value)


@bot.on_after_restart
async def tell(name):
    await shared_memory.async_publish("news", [name, "is back", await shared_memory.async_get("count") >= 1000])
"""

SHARING_JOBS = """
import asyncio, os, time
from liteyuki.comm import own_process, shared_memory
from liteyuki.comm.registry import current_registry

TIMES = 200


def begin():
    with open(f"{own_process()}.pids", "a") as file:
        file.write(f"{os.getpid()}\\n")


async def one():
    @shared_memory.on_subscriber_receive("news")
    def hear(value):
        say("one heard", value)

    for _ in range(TIMES):
        await shared_memory.async_increment("count")
    begin()
    await shared_memory.async_publish("news", ["one", current_registry().generation])
    await asyncio.sleep(3600)


def other():
    for _ in range(TIMES):
        shared_memory.increment("count")
    begin()
    for change in shared_memory.watch("count"):
        say("other sees", change.value)
"""


def test_two_children_and_a_main_process_plugin_share_values_and_news(project: Project) -> None:
    write_main_plugin(project, SHARING, processes=targets("one", "other"))
    (project.directory / "jobs.py").write_text(SAY + SHARING_JOBS)
    with project.run() as main:
        for listener in ("main", r"one   \| one"):
            main.wait_for(rf"^{listener} heard \['one', 1\]$")
        main.wait_for(r"^other \| other sees 1400$")
        os.kill(pid_of(project, "one", 1), signal.SIGKILL)
        for listener in ("main", r"one   \| one"):
            main.wait_for(rf"^{listener} heard \['one', 2\]$")
        main.wait_for("^main heard .'one', 'is back', True.$")
        main.wait_for(r"^other \| other sees 1600$")
        os.kill(pid_of(project, "other", 1), signal.SIGKILL)
        for listener in ("main", r"one   \| one"):
            main.wait_for(rf"^{listener} heard \['other', 'is back', True\]$")
        main.wait_for(r"^other \| other sees 1800$")
        main.children()
        assert main.stop() == 0


# --- what cannot be


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("set_channel('work', Channel('work'))", "ValueError: .*work.*one, other"),
        ("set_channel('work', Channel('work'), to='third')", "UnknownProcess: .*third.*one, other"),
        ("set_channel('one-active', Channel('work'), to='one')", "ValueError: .*one-active"),
        ("get_channel('work')", "ChannelNotFound: .*work.*one-active, one-passive, other-active, other-passive"),
    ],
)
def test_a_main_process_plugin_is_told_what_is_impossible(project: Project, call: str, sentence: str) -> None:
    source = f"from liteyuki.comm import Channel, get_channel, set_channel\n{call}\n"
    write_main_plugin(project, source, processes=targets("one", "other"))
    (project.directory / "jobs.py").write_text(SAY + SHARING_JOBS)
    with project.run() as main:
        main.wait_for(f"main_plugins.main_plugin.*{sentence}")
        pid_of(project, "other", 1)
        main.children()
        assert main.stop() == 0


def test_a_nonebot_plugin_that_names_no_process_is_told_and_the_bot_runs(project: Project) -> None:
    project.write_plugin(
        "wrong",
        "from liteyuki.comm import Channel, set_channel\nset_channel('work', Channel('work'), to='nobody')\n",
    )
    with project.run() as main:
        main.wait_for(r"wrong.*UnknownProcess.*nobody.*nonebot")
        main.wait_ready()
        assert main.stop() == 0
