"""The commands: each verb is there, and loads only what it needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROBE = """
import sys
from liteyuki.cli.main import main
try:
    main()
finally:
    heavy = ("liteyuki.comm", "liteyuki.bot", "liteyuki.supervise.supervisor", "sqlite3", "websockets")
    print("loaded:", *(name for name in heavy if name in sys.modules))
"""


def run(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
    return subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT), "LITEYUKI_LANG": "en"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments", [("--help",), ("--version",), ("run", "--help"), ("chat", "--help"), ("logs",)], ids=" ".join
)
def test_what_needs_no_channel_loads_none(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ended = run(tmp_path, *arguments)
    assert ended.stdout.splitlines()[-1] == "loaded:", ended.stdout


def test_help_lists_every_verb(tmp_path: Path) -> None:
    ended = run(tmp_path, "--help")
    assert ended.returncode == 0
    _, _, commands = ended.stdout.partition("Commands:\n")
    assert [line.split()[0] for line in commands.splitlines()[:-1]] == ["chat", "history", "logs", "run", "service"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("chat", "--say", "hi"), 1, "Error: no main process"),
        (("logs", "nobody"), 1, "Error: there is no process nobody"),
        (("service", "systemd"), 2, "Error: "),
        (("run", "--nonsense"), 2, "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_failure_is_one_sentence_and_a_code(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = run(tmp_path, *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
