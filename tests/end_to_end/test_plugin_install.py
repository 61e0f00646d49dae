"""From the store into a project of its own: `nb plugin install`, then a restart from the chat."""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness import MainProcess, OneBot, Project, is_alive
from liteyuki.project import read_toml

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = "nonebot-plugin-liteyuki-comm"
PLUGIN = "nonebot_plugin_liteyuki_comm"
VERSION = str(read_toml(ROOT / "pyproject.toml")["project"]["version"])
STEP_LIMIT = 100.0
"""Seconds for one step of an installation."""

# The project that `nb create` writes for FastAPI and OneBot v11. It has no bot.py: `nb run` generates one.
PYPROJECT = """\
[project]
name = "bot"
version = "0.1.0"
requires-python = ">=3.10, <4.0"
dependencies = [
    "nonebot2[fastapi]>=2.4",
    "nonebot-adapter-onebot>=2.4",
]

[tool.nonebot]
plugin_dirs = []
builtin_plugins = []

[tool.nonebot.adapters]
nonebot-adapter-onebot = [
    { name = "OneBot V11", module_name = "nonebot.adapters.onebot.v11" }
]
"@local" = []

[tool.nonebot.plugins]
"@local" = []
"""

# One line of the store's list, as nb-cli caches it.
STORE_ENTRY = {
    "module_name": PLUGIN,
    "project_link": DISTRIBUTION,
    "name": "轻雪通信",
    "desc": "让机器人永不掉线",
    "author": "Liteyuki",
    "homepage": "https://example.invalid/",
    "tags": [],
    "is_official": False,
    "type": "application",
    "valid": True,
    "time": "2026-01-01T00:00:00Z",
    "version": VERSION,
    "skip_test": False,
}

OWN_SCRIPT = """\
import nonebot
from nonebot.adapters.onebot.v11 import Adapter

nonebot.init()
nonebot.get_driver().register_adapter(Adapter)
nonebot.load_from_toml("pyproject.toml")

if __name__ == "__main__":
    nonebot.run()
"""

NO_PYTHONPATH = {"PYTHONPATH": ""}
"""The environment's own packages only: this source tree must not be found by accident."""


@dataclass(frozen=True)
class Installation:
    """A project with a virtual environment of its own, after `nb plugin install`."""

    project: Project
    environment: Path
    variables: Mapping[str, str]
    """The environment variables for nb-cli."""

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def nb(self, *arguments: str) -> list[str]:
        """nb-cli, on the project's own Python."""
        return [sys.executable, "-m", "nb_cli", "-py", str(self.python), *arguments]

    def run(self, *arguments: str) -> MainProcess:
        """`liteyuki run`, by the console script that the installation has made."""
        script = self.environment / "bin" / "liteyuki"
        return MainProcess([str(script), "run", *arguments], self.project.directory, NO_PYTHONPATH)

    def pyproject(self) -> dict[str, Any]:
        return read_toml(self.project.directory / "pyproject.toml")


def _step(command: list[str], directory: Path, variables: Mapping[str, str] = NO_PYTHONPATH) -> str:
    """Run one step of the installation to its end; returns what it printed."""
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=STEP_LIMIT,
        check=False,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def _make_environment(environment: Path) -> None:
    """A virtual environment that sees all packages of this one, except for our own distribution.

    One link per package: a folder can only be shared as a whole, and with our own metadata in it pip would consider the
    plugin installed. pip itself is shared in the same way.
    """
    _step([sys.executable, "-m", "venv", "--without-pip", str(environment)], environment.parent)
    our_files = importlib.metadata.distribution(DISTRIBUTION).files or []
    ours = {file.parts[0] for file in our_files} | {"liteyuki", PLUGIN}
    seen = environment / "seen"
    seen.mkdir()
    for kind in ("purelib", "platlib"):
        for package in Path(sysconfig.get_path(kind)).iterdir():
            link = seen / package.name
            if package.name not in ours and not link.exists():
                link.symlink_to(package)
    (site_packages,) = environment.glob("lib/python*/site-packages")
    (site_packages / "seen.pth").write_text(f"{seen}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this source tree."""
    folder = tmp_path_factory.mktemp("wheels")
    _step([sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(ROOT)], folder)
    return folder


@pytest.fixture(scope="module")
def installation(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The plugin, installed from the wheel by nb-cli as a user does it, without a network."""
    home = tmp_path_factory.mktemp("home")
    store = home / "nb-cli"
    store.mkdir()
    # The list is less than twelve hours old, so nb-cli does not fetch a newer one.
    (store / "plugins.json").write_text(json.dumps([STORE_ENTRY]), encoding="utf-8")
    homes = {f"XDG_{kind}_HOME": str(home) for kind in ("CACHE", "CONFIG", "DATA")}

    project = Project(tmp_path_factory.mktemp("installed") / "bot")
    (project.directory / "pyproject.toml").write_text(PYPROJECT, encoding="utf-8")
    environment = project.directory / ".venv"
    _make_environment(environment)
    made = Installation(project, environment, {**NO_PYTHONPATH, **homes, "PIP_FIND_LINKS": str(wheels)})
    command = made.nb("plugin", "install", DISTRIBUTION, "--", "--no-index", "--no-deps")
    _step(command, project.directory, made.variables)
    return made


def test_nb_plugin_install_adds_the_plugin_to_the_project_and_its_environment(installation: Installation) -> None:
    pyproject = installation.pyproject()
    assert f"{DISTRIBUTION}>={VERSION}" in pyproject["project"]["dependencies"]
    assert pyproject["tool"]["nonebot"]["plugins"] == {"@local": [], DISTRIBUTION: [PLUGIN]}
    for package in ("liteyuki", PLUGIN):
        # Without importing it: a plugin requires `nonebot.init()` first.
        find = f"import importlib.util; print(importlib.util.find_spec({package!r}).origin)"
        origin = _step([str(installation.python), "-c", find], installation.project.directory)
        assert Path(origin.strip()).is_relative_to(installation.environment), origin


def test_installed_project_restarts_from_the_chat(installation: Installation) -> None:
    with installation.run() as main:
        _restart_from_chat(main, installation.project.port, group=4242)


def test_own_script_of_a_project_restarts_from_the_chat(installation: Installation) -> None:
    (installation.project.directory / "my_bot.py").write_text(OWN_SCRIPT, encoding="utf-8")
    with installation.run("my_bot.py") as main:
        _restart_from_chat(main, installation.project.port, group=None)


def _restart_from_chat(main: MainProcess, port: int, *, group: int | None) -> None:
    with OneBot(port) as qq:
        first = main.wait_ready()
        qq.wait_connected()
        qq.say("/restart", group=group)
        answer = qq.wait_said("^正在重启 nonebot")
        done = qq.wait_said("^重启完成")
        second = main.wait_ready(2)
        assert first != second
        assert not is_alive(first)
        assert main.child() == second
        for message in (answer, done):
            assert message.get("group_id") == group
            assert message["message_type"] == ("private" if group is None else "group")
        assert main.stop() == 0


@pytest.mark.parametrize("how", ["nb run", "python my_bot.py"])
def test_without_the_main_process_the_plugin_is_silent_and_its_commands_explain_themselves(
    installation: Installation, how: str
) -> None:
    project = installation.project
    (project.directory / "my_bot.py").write_text(OWN_SCRIPT, encoding="utf-8")
    command = installation.nb("run") if how == "nb run" else [str(installation.python), "my_bot.py"]
    with MainProcess(command, project.directory, dict(installation.variables)) as bot, OneBot(project.port) as qq:
        qq.wait_connected()
        bot.wait_for("Uvicorn running on")
        (line,) = [line for line in bot.lines if "liteyuki" in line.lower()]
        assert "Succeeded to load plugin" in line
        assert not [line for line in bot.lines if "WARNING" in line or "ERROR" in line]
        for count, word in enumerate(("/restart", "/status", "/logs"), 1):
            qq.say(word)
            answer = qq.wait_said("^机器人不是由轻雪启动的", count=count)
            assert "liteyuki run" in answer["text"]
        assert qq.connections == 1
        assert bot.stop() == 0
