"""A wrong setting: commands that run the bot refuse in the configured language, commands that only read still work."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness import DEADLINE

pytestmark = pytest.mark.end_to_end

WRONG = """
lang = "en"
data_dir = "data"
stop_timeout = 5

[processes.worker]
instances = 2
command = ["true"]
"""


def liteyuki(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "liteyuki", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "liteyuki.toml").write_text(WRONG)
    logs = tmp_path / "data" / "logs"
    logs.mkdir(parents=True)
    (logs / "worker-1.log").write_text("a line\n")
    return tmp_path


def test_logs_are_shown_and_the_mistake_is_one_line(directory: Path) -> None:
    for arguments in ((), ("worker-1",)):
        shown = liteyuki(directory, "logs", *arguments)
        assert (shown.returncode, shown.stdout) == (0, "a line\n")
        (line,) = shown.stderr.splitlines()
        assert line.startswith(
            "With these settings `liteyuki run` would not start: liteyuki.toml, setting stop_timeout"
        )
    unknown = liteyuki(directory, "logs", "worker")
    assert unknown.returncode == 1
    assert "there are: worker-1, worker-2, liteyuki" in unknown.stderr


def test_the_history_is_shown_in_the_language_that_is_set(directory: Path) -> None:
    shown = liteyuki(directory, "history")
    assert shown.returncode == 0
    assert shown.stdout == f"There is no history yet in {directory}/data/history.db\n"
    assert "setting stop_timeout" in shown.stderr


def test_a_file_that_cannot_be_read_at_all(directory: Path) -> None:
    (directory / "pyproject.toml").write_text("no TOML")
    shown = liteyuki(directory, "logs")
    assert (shown.returncode, shown.stdout) == (0, "a line\n")
    assert "pyproject.toml is not valid TOML" in shown.stderr
    (directory / "liteyuki.toml").write_text("no TOML")
    shown = liteyuki(directory, "history")
    assert shown.stdout == f"还没有历史：{directory}/.liteyuki/history.db\n"


@pytest.mark.parametrize("command", ["run", "bot.py", "service"])
def test_what_would_run_is_refused_in_the_language_that_is_set(directory: Path, command: str) -> None:
    if command == "bot.py":
        (directory / "bot.py").write_text("from liteyuki import LiteyukiBot\nLiteyukiBot().run()\n")
        words = [sys.executable, "bot.py"]
        refused = subprocess.run(words, cwd=directory, capture_output=True, text=True, timeout=DEADLINE, check=False)
    else:
        refused = liteyuki(directory, *([command, "systemd"] if command == "service" else [command]))
    assert (refused.returncode, refused.stdout) == (2, "")
    (line,) = refused.stderr.splitlines()
    assert "liteyuki.toml, setting stop_timeout: there is no such setting" in line
    assert line.startswith(("Cannot start: ", "Error: "))
