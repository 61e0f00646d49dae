"""Which plugin the output of a dead program leads to."""

import subprocess
import sys
import traceback
from pathlib import Path, PurePath

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


@given(st.lists(st.text() | st.sampled_from(['  File "x", line 1', "Traceback (most recent call last):", "", "  x"])))
def test_anything_can_be_printed(lines: list[str]) -> None:
    stacks = stacks_in(lines)
    plugin_behind(stacks, HOMES)
    error_of(stacks, HOMES["installed"])
    last_error(stacks)
    fatal_error(stacks)


def test_a_plugin_that_nonebot_goes_on_without_is_not_what_has_ended_the_program() -> None:
    frames = [("/bot/plugins/single.py", 3, "<module>")]
    lines = ['[ERROR] nonebot | Failed to import "single"', *printed(frames, ImportError("no such module"))]
    stacks = stacks_in(lines)
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


def test_the_stack_of_a_crash_in_c_code(tmp_path: Path) -> None:
    """As this Python prints it, with a second thread that is of no interest."""
    plugin, other = tmp_path / "plugin.py", tmp_path / "other.py"
    plugin.write_text("import other\nother.die()\n")
    other.write_text(
        "import ctypes, threading, time\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "def die():\n    ctypes.string_at(0)\n"
    )
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
