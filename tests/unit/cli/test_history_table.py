"""`liteyuki history` as a table, in both languages."""

import asyncio
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.cli.history_table import history_lines
from liteyuki.cli.table import aligned, width_of, wrapped
from liteyuki.comm.protocol import Origin
from liteyuki.errors import UnknownProcess
from liteyuki.locale import set_language, text
from liteyuki.supervise import Cause, Event, EventKind
from liteyuki.supervise.history import HistoryWriter

CHAT = Origin(kind="chat", who="10001", where="group 5")
TOLD = [
    Event(EventKind.STARTED, "nonebot", 1, cause=Cause.MAIN_STARTED, at=1e9),
    Event(EventKind.READY, "nonebot", 1, lived=1.234, at=1e9 + 1),
    Event(
        EventKind.EXITED,
        "nonebot",
        1,
        cause=Cause.CRASH,
        exit_code=7,
        lived=93784.0,
        output=("oh", "no\rway\x07"),
        at=1e9 + 2,
    ),
    Event(EventKind.RESTART_ASKED, "nonebot", 2, CHAT, Cause.CHAT, "新\n配置", at=1e9 + 3),
    Event(EventKind.EXITED, "nonebot", 2, CHAT, Cause.CHAT, "新\n配置", signal="SIGTERM", lived=1.0, at=1e9 + 3),
    Event(EventKind.STARTED, "nonebot", 3, CHAT, Cause.CHAT, "新\n配置", at=1e9 + 3),
    Event(EventKind.READY, "nonebot", 3, CHAT, Cause.CHAT, "新\n配置", lived=2.0, at=1e9 + 3),
    Event(EventKind.EXITED, "worker-1", 1, cause=Cause.SIGNAL, signal="SIGSEGV", lived=185.0, at=1e9 + 4),
]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    async def main() -> None:
        writer = HistoryWriter(tmp_path / "history.db")
        for event in TOLD:
            writer.record(event)
        writer.close()

    asyncio.run(main())
    return tmp_path


def table(
    data_dir: Path,
    process: str | None = None,
    count: int = 20,
    *,
    with_output: bool = False,
    width: int | None = None,
) -> list[str]:
    lines = history_lines(data_dir, process, count, with_output=with_output, width=width)
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "(when)", line) for line in lines]


def test_in_english(data_dir: Path) -> None:
    set_language("en")
    assert table(data_dir)[1:] == [
        "(when)  nonebot   1    start              main process started",
        "(when)  nonebot   1    ready    1.2 s",
        "(when)  nonebot   1    exit     26:03:04  crash (code 7)",
        "(when)  nonebot   2    restart            asked in chat: 10001 / group 5, 新 配置",
        "(when)  nonebot   2    exit     1.0 s     asked in chat",
        "(when)  nonebot   3    start              asked in chat",
        "(when)  nonebot   3    ready    2.0 s",
        "(when)  worker-1  1    exit     3:05      signal (SIGSEGV)",
    ]


def test_in_chinese_columns_stand_below_each_other(data_dir: Path) -> None:
    heading, started, _, crashed, *_ = history_lines(data_dir, None, 20, with_output=False)
    assert heading.split() == ["时间", "进程", "代", "事件", "用时", "原因"]
    assert started.endswith("1   启动                主进程启动")
    assert crashed.endswith("1   退出      26:03:04  崩溃 (退出码 7)")


def test_long_entries_are_wrapped_on_a_terminal(data_dir: Path) -> None:
    set_language("en")
    lines = table(data_dir, width=80)
    asked = next(number for number, line in enumerate(lines) if "asked in chat" in line)
    assert lines[asked].endswith("restart            asked in chat")
    assert lines[asked + 1] == "    10001 / group 5, 新 配置"
    for width in (20, 40, 72, 80):
        narrow = history_lines(data_dir, None, 20, with_output=False, width=width)
        assert all(width_of(line) <= max(width, 75) for line in narrow)
        assert "".join("".join(narrow).split()) != ""
    narrow = table(data_dir, width=72)
    started = next(number for number, line in enumerate(narrow) if "main process" in line)
    assert [line.split()[-2:] for line in narrow[started : started + 2]] == [["main", "process"], ["started"]]


def test_entries_of_this_year_leave_it_out(tmp_path: Path) -> None:
    async def main() -> None:
        writer = HistoryWriter(tmp_path / "history.db")
        writer.record(Event(EventKind.STARTED, "nonebot", 1, cause=Cause.MAIN_STARTED))
        writer.close()

    asyncio.run(main())
    assert re.match(r"\d\d-\d\d \d\d:\d\d:\d\d  nonebot", history_lines(tmp_path, None, 1, with_output=False)[1])


def test_that_it_was_a_command_in_the_chat_is_said_once_and_in_one_language(tmp_path: Path) -> None:
    async def main() -> None:
        writer = HistoryWriter(tmp_path / "history.db")
        writer.record(Event(EventKind.RESTART_ASKED, "nonebot", 1, CHAT, Cause.CHAT, text("chat.reason")))
        rule = Origin(kind="main", who="age")
        writer.record(Event(EventKind.RESTART_ASKED, "nonebot", 1, rule, Cause.AGE, "old"))
        writer.close()

    asyncio.run(main())
    set_language("en")
    _, command, age = history_lines(tmp_path, None, 9, with_output=False)
    assert command.endswith("asked in chat: 10001 / group 5")
    assert age.endswith("age: old")


def test_only_what_is_asked_for(data_dir: Path) -> None:
    set_language("en")
    assert [line.split()[1] for line in table(data_dir, "worker-1")[1:]] == ["worker-1"]
    assert len(table(data_dir, count=2)) == 1 + 2
    lines = table(data_dir, with_output=True)
    crash = next(number for number, line in enumerate(lines) if "crash" in line)
    assert lines[crash + 1 : crash + 3] == ["    | oh", "    | no way "]
    with pytest.raises(UnknownProcess, match="nonebot, worker-1"):
        table(data_dir, "nobody")


def test_without_any_history(tmp_path: Path) -> None:
    set_language("en")
    assert history_lines(tmp_path, None, 20, with_output=False) == [
        f"There is no history yet in {tmp_path / 'history.db'}"
    ]
    assert len(history_lines(tmp_path, "nonebot", 20, with_output=False)) == 1


def test_wide_characters_and_empty_columns() -> None:
    assert aligned([["a", "empty", "b"], ["进程", "", "x"], ["e\u0301", "", "y"]]) == [
        ["a     b"],
        ["进程  x"],
        ["e\u0301     y"],
    ]


words = st.text(st.sampled_from("ab 进\u0301"), max_size=40)


@given(words, st.integers(2, 12))
def test_wrapped_lines_fit_and_nothing_but_spaces_is_lost(written: str, width: int) -> None:
    lines = wrapped(written, width)
    assert all(width_of(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == written.replace(" ", "")


@given(words, words, st.integers(16, 60))
def test_a_table_fits_where_there_is_room_for_its_last_column(first: str, last: str, room: int) -> None:
    width = max(width_of(first), 1) + 2 + room
    _, lines = aligned([["a", "b"], [first or "-", last]], width)
    assert all(width_of(line) <= width for line in lines)


def test_words_are_kept_together_where_they_can_be() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("abcdefgh ij", 3) == ["abc", "def", "gh", "ij"]
    assert wrapped("进程进程", 5) == ["进程", "进程"]
    assert wrapped("", 5) == [""]
