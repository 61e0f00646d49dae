"""`liteyuki history` as a table, in both languages."""

import asyncio
import re
from pathlib import Path

import pytest

from liteyuki.cli.history import history_lines
from liteyuki.cli.table import aligned
from liteyuki.comm.messages import Origin
from liteyuki.errors import UnknownProcess
from liteyuki.locale import set_language
from liteyuki.supervise.cause import Cause
from liteyuki.supervise.events import Event, EventKind
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


def table(data_dir: Path, process: str | None = None, count: int = 20, *, with_output: bool = False) -> list[str]:
    lines = history_lines(data_dir, process, count, with_output=with_output)
    return [re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "(when)", line) for line in lines]


def test_in_english(data_dir: Path) -> None:
    set_language("en")
    assert table(data_dir)[1:] == [
        "(when)  nonebot   1    start    main process started",
        "(when)  nonebot   1    ready                                   1.2 s",
        "(when)  nonebot   1    exit     crash                 code 7   26:03:04",
        "(when)  nonebot   2    restart  asked in chat                            chat / 10001 / group 5, 新 配置",
        "(when)  worker-1  1    exit     signal                SIGSEGV  3:05",
    ]


def test_in_chinese_columns_stand_below_each_other(data_dir: Path) -> None:
    heading, started, _, crashed, *_ = history_lines(data_dir, None, 20, with_output=False)
    assert heading.split() == ["时间", "进程", "代", "事件", "原因", "结果", "用时", "来自"]
    assert started.endswith("1   启动      主进程启动")
    assert crashed.endswith("1   退出      崩溃        退出码 7  26:03:04")


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
        "a     b",
        "进程  x",
        "e\u0301     y",
    ]
