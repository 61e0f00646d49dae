"""The rules of NoneBot's plugin store, checked as the store checks them."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from liteyuki.project import read_toml

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).resolve().parents[2]
LOAD_LIMIT = 60.0
"""Seconds; the store itself allows ten minutes."""

# The store loads plugins with a driver that claims to support everything and does nothing.
FAKE_DRIVER = """
from nonebot import logger
from nonebot.drivers import ASGIMixin, Driver as BaseDriver, HTTPClientMixin, WebSocketClientMixin


def useless(*args, **kwargs):
    raise NotImplementedError


class Driver(BaseDriver, ASGIMixin, HTTPClientMixin, WebSocketClientMixin):
    type = "fake"
    logger = logger
    server_app = None
    asgi = property(useless)
    run = setup_http_server = setup_websocket_server = useless
    request = stream_request = websocket = get_session = useless
"""

LOAD = """
import json
import os
import sys
import threading

import nonebot
from pydantic import BaseModel

nonebot.init()
handles = os.listdir("/dev/fd")
plugin = nonebot.load_plugin("nonebot_plugin_liteyuki_comm")
if plugin is None:
    sys.exit("it did not load")
opened = sorted(set(os.listdir("/dev/fd")) - set(handles))

from liteyuki.comm import get_channels, own_process

metadata = plugin.metadata
facts = {
    "driver": nonebot.get_driver().type,
    "opened": opened,
    "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
    "channels": list(get_channels()),
    "process": own_process(),
    "is_top_level": metadata is not None and vars(plugin.module).get("__plugin_meta__") is metadata,
    "name": metadata and metadata.name,
    "description": metadata and metadata.description,
    "usage": metadata and metadata.usage,
    "type": metadata and metadata.type,
    "homepage": metadata and metadata.homepage,
    "supported_adapters": metadata and metadata.supported_adapters,
    "has_config_model": metadata is not None and issubclass(metadata.config, BaseModel),
}
with open(sys.argv[1], "w", encoding="utf-8") as file:
    json.dump(facts, file)
"""


@dataclass(frozen=True)
class Loading:
    """The plugin, as loaded in a process and a folder of its own."""

    facts: dict[str, Any]
    output: str
    errors: str
    left_behind: list[str]


def _load(directory: Path, driver: str) -> Loading:
    folder = directory / "empty"
    folder.mkdir()
    (folder / ".env").write_text(f"DRIVER={driver}\n", encoding="utf-8")
    # The driver lies outside the folder, which may contain nothing but its settings.
    modules = directory / "modules"
    modules.mkdir()
    (modules / "fake.py").write_text(FAKE_DRIVER, encoding="utf-8")
    script = modules / "load.py"
    script.write_text(LOAD, encoding="utf-8")
    facts = directory / "facts.json"
    before = {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
    done = subprocess.run(
        [sys.executable, str(script), str(facts)],
        cwd=folder,
        env={**before, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LOAD_LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    left_behind = sorted(path.name for path in folder.iterdir() if path.name != ".env")
    return Loading(json.loads(facts.read_text(encoding="utf-8")), done.stdout, done.stderr, left_behind)


@pytest.mark.parametrize(("driver", "kind"), [("~none", "none"), ("fake", "fake")])
def test_loads_without_main_process_settings_or_server_and_opens_nothing(
    tmp_path: Path, driver: str, kind: str
) -> None:
    loading = _load(tmp_path, driver)
    assert loading.facts["driver"] == kind
    assert 'Succeeded to load plugin "nonebot_plugin_liteyuki_comm"' in loading.output
    assert not [line for line in loading.output.splitlines() if "WARNING" in line or "ERROR" in line]
    assert loading.errors == ""
    assert loading.left_behind == []
    assert loading.facts["process"] is None
    for what in ("channels", "opened", "threads"):
        assert loading.facts[what] == [], what


def test_metadata_is_what_the_store_accepts(tmp_path: Path) -> None:
    facts = _load(tmp_path, "~none").facts
    assert facts["is_top_level"]
    assert 0 < len(facts["name"]) <= 50
    assert facts["description"]
    assert facts["usage"]
    assert facts["type"] == "application"
    assert facts["homepage"].startswith("https://")
    assert facts["supported_adapters"] is None
    assert facts["has_config_model"]


def test_requirements_name_nonebot_and_pin_nothing() -> None:
    project = read_toml(ROOT / "pyproject.toml")["project"]
    required = [Requirement(line) for line in project["dependencies"]]
    assert "nonebot2" in {requirement.name for requirement in required}
    optional = [Requirement(line) for lines in project["optional-dependencies"].values() for line in lines]
    for requirement in required + optional:
        assert not {specifier.operator for specifier in requirement.specifier} & {"==", "==="}, requirement


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_readme_shows_how_the_store_installs_it(name: str) -> None:
    readme = (ROOT / name).read_text(encoding="utf-8")
    assert "nb plugin install nonebot-plugin-liteyuki-comm" in readme
    # The store refuses a README that tells people to edit their bot.py.
    assert 'load_plugin("nonebot_plugin_liteyuki_comm")' not in readme
