"""Which plugin the output of a dead program leads to."""

import subprocess
import sys
import traceback
from pathlib import Path, PurePath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki.supervise.safe_mode.stacks import (
    crashed_outside,
    error_of,
    fatal_error,
    last_error,
    plugin_behind,
    stacks_in,
)

HOMES = {
    "plugins.single": PurePath("/bot/plugins/single.py"),
    "plugins.package": PurePath("/bot/plugins/package"),
    "plugins.package.inner": PurePath("/bot/plugins/package/inner"),
    "installed": PurePath("/venv/site-packages/installed"),
}
FILES = {
    "/bot/plugins/single.py": "plugins.single",
    "/bot/plugins/package/__init__.py": "plugins.package",
    "/bot/plugins/package/inner/part.py": "plugins.package.inner",
    "/venv/site-packages/installed/deep/er.py": "installed",
    "/bot/plugins/single_other.py": None,
    "/bot/plugins/package2/x.py": None,
    "/bot/bot.py": None,
    "/venv/site-packages/nonebot/plugin/manager.py": None,
    "<frozen importlib._bootstrap>": None,
    "/bot/带 空格/x, y.py": None,
}
frames = st.lists(
    st.tuples(st.sampled_from(list(FILES)), st.integers(1, 999), st.sampled_from(["<module>", "f"])), min_size=1
)
log_lines = st.lists(
    st.text(st.characters(exclude_characters="\n\r", exclude_categories=["Cs"]), max_size=30).map(
        lambda words: f"11-27 17:00:00 [INFO] nonebot | {words}"
    ),
    max_size=5,
)


def printed(frames: list[tuple[str, int, str]], error: Exception) -> list[str]:
    """As the interpreter prints it."""
    summary = traceback.StackSummary.from_list([(*frame, "source()") for frame in frames])
    lines = ["Traceback (most recent call last):", *summary.format(), *traceback.format_exception_only(error)]
    return "\n".join(line.rstrip("\n") for line in lines).splitlines()


@given(frames, log_lines, log_lines)
def test_the_last_frame_in_a_plugin_is_what_counts(
    frames: list[tuple[str, int, str]], before: list[str], after: list[str]
) -> None:
    stacks = stacks_in([*before, *printed(frames, ValueError("on purpose")), *after])
    owners = [FILES[file] for file, _, _ in frames if FILES[file]]
    assert plugin_behind(stacks, HOMES) == (owners[-1] if owners else None)
    assert last_error(stacks) == "ValueError: on purpose"


@given(frames, frames, st.booleans())
def test_of_two_errors_the_last_counts_unless_the_first_is_its_cause(
    first: list[tuple[str, int, str]], second: list[tuple[str, int, str]], is_cause: bool
) -> None:
    between = ["", "The above exception was the direct cause of the following exception:", ""] if is_cause else ["log"]
    stacks = stacks_in([*printed(first, KeyError(1)), *between, *printed(second, ValueError("last"))])
    owners = [FILES[file] for file, _, _ in second if FILES[file]]
    if is_cause and not owners:
        owners = [FILES[file] for file, _, _ in first if FILES[file]]
    assert plugin_behind(stacks, HOMES) == (owners[-1] if owners else None)


SINGLE = [("/bot/plugins/single.py", 3, "<module>")]
NOBODYS = [("/bot/bot.py", 4, "<module>")]


@pytest.mark.parametrize(
    ("between", "plugin"),
    [
        ("The above exception was the direct cause of the following exception:", "plugins.single"),
        ("During handling of the above exception, another exception occurred:", "plugins.single"),
        ("[INFO] it goes on", None),
    ],
)
def test_an_error_before_the_last_one_counts_if_it_is_its_cause(between: str, plugin: str | None) -> None:
    lines = [*printed(SINGLE, KeyError(1)), "", between, "", *printed(NOBODYS, ValueError("last"))]
    assert plugin_behind(stacks_in(lines), HOMES) == plugin


def test_a_line_that_came_in_between_does_not_end_a_stack_before_its_first_frame() -> None:
    head, *rest = printed(SINGLE, ValueError("x"))
    stacks = stacks_in([head, "[INFO] another thread's", *rest])
    assert plugin_behind(stacks, HOMES) == "plugins.single"
    assert last_error(stacks) == "ValueError: x"
    assert not crashed_outside(stacks, HOMES["installed"])


@given(st.lists(st.text() | st.sampled_from(['  File "x", line 1', "Traceback (most recent call last):", "", "  x"])))
def test_anything_can_be_printed(lines: list[str]) -> None:
    stacks = stacks_in(lines)
    plugin_behind(stacks, HOMES)
    error_of(stacks, HOMES["installed"])
    last_error(stacks)
    fatal_error(stacks)


@pytest.mark.parametrize("between", [[], [""]])
def test_a_plugin_that_nonebot_goes_on_without_is_not_what_has_ended_the_program(between: list[str]) -> None:
    head = '[ERROR] nonebot | Failed to import "single"'
    stacks = stacks_in([head, *between, *printed(SINGLE, ImportError("no such module"))])
    assert plugin_behind(stacks, HOMES) is None
    assert last_error(stacks) == ""
    # But if it is known from elsewhere that it has, this is why.
    assert error_of(stacks, HOMES["plugins.single"]) == "ImportError: no such module"


def test_one_whose_beginning_is_not_there_any_more() -> None:
    frames = [("/bot/plugins/single.py", 3, "<module>"), ("/lib/x.py", 4, "f")]
    stacks = stacks_in(printed(frames, ValueError("x"))[1:])
    # It may be one that was only logged.
    assert plugin_behind(stacks, HOMES) is None
    assert last_error(stacks) == ""
    assert error_of(stacks, HOMES["plugins.single"]) == "ValueError: x"


@pytest.mark.parametrize(("beside", "here"), [("other.wait()", "other.die()"), ("other.die()", "other.wait()")])
def test_the_stack_of_a_crash_in_c_code(tmp_path: Path, beside: str, here: str) -> None:
    """As this Python prints it, before and after that of a thread that is of no interest."""
    plugin, other = tmp_path / "plugin.py", tmp_path / "other.py"
    plugin.write_text(
        f"import threading, other\nthreading.Thread(target=lambda: {beside}, daemon=True).start()\n{here}\n"
    )
    other.write_text("import ctypes, time\ndef die():\n    ctypes.string_at(0)\ndef wait():\n    time.sleep(60)\n")
    ended = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", "import plugin"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    stacks = stacks_in(ended.stderr.splitlines())
    assert fatal_error(stacks) == "Fatal Python error: Segmentation fault"
    assert plugin_behind(stacks, {"plugin": plugin}) == "plugin"
    assert plugin_behind(stacks, {"plugin": plugin, "other": other}) == "other"
    assert not crashed_outside(stacks, plugin)
    assert crashed_outside(stacks, tmp_path / "third.py")


@pytest.mark.parametrize(
    "others", [[], ["Thread 0x02 (most recent call first):", '  File "/bot/plugins/package/x.py", line 4 in wait', ""]]
)
def test_a_crash_is_of_one_thread_whatever_is_printed_after_it(others: list[str]) -> None:
    head = ["Fatal Python error: Aborted", "", "Current thread 0x01 (most recent call first):"]
    frames = [
        '  File "/bot/plugins/single.py", line 3 in f',
        '  File "/venv/site-packages/installed/x.py", line 1 in g',
        "",
    ]
    stacks = stacks_in([*head, *frames, *others, "Extension modules: one (total: 1)"])
    assert fatal_error(stacks) == "Fatal Python error: Aborted"
    assert plugin_behind(stacks, HOMES) == "plugins.single"
    assert not crashed_outside(stacks, HOMES["plugins.single"])
    assert crashed_outside(stacks, HOMES["plugins.package"])
