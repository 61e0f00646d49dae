"""Where plugins are, and whether they have changed."""

import os
from pathlib import Path

import pytest

from liteyuki.supervise.safe_mode.plugin_files import home_of, homes_of_project, locate, stamp_of


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for file in ("plugins/single.py", "plugins/_hidden.py", "plugins/package/__init__.py", "own/__init__.py"):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("raise AssertionError('imported')\n")
    return tmp_path


@pytest.mark.parametrize(
    "plugins", ['["own", "hypothesis.strategies", "not_there"]', '{ x = ["own"], y = ["hypothesis.strategies"] }']
)
def test_what_the_project_lists_is_found_and_not_imported(directory: Path, plugins: str) -> None:
    (directory / "pyproject.toml").write_text(
        f'[tool.nonebot]\nplugins = {plugins}\nplugin_dirs = ["plugins", "not_there", "/elsewhere"]\n'
    )
    homes = homes_of_project(directory)
    assert homes.pop("hypothesis.strategies").parts[-2:] == ("hypothesis", "strategies")
    assert homes == {
        "own": directory / "own",
        "plugins.single": directory / "plugins/single.py",
        "plugins.package": directory / "plugins/package",
    }


def test_without_a_project_there_is_nothing_to_find(tmp_path: Path) -> None:
    assert homes_of_project(tmp_path) == {}


def test_home_of_a_plugin(directory: Path) -> None:
    assert locate("plugins.single", directory) == directory / "plugins/single.py"
    assert locate("plugins.package", directory) == directory / "plugins/package"
    assert locate("plugins.single.deeper", directory) is None
    assert locate("sys", directory) is None
    assert home_of("plugins/package/__init__.py", directory) == directory / "plugins/package"
    assert home_of("", directory) is None


def test_the_stamp_is_another_one_when_code_has_changed_and_only_then(directory: Path) -> None:
    package, single = directory / "plugins/package", directory / "plugins/single.py"
    seen = {stamp_of(package)}

    def is_new() -> bool:
        before = len(seen)
        seen.add(stamp_of(package))
        return len(seen) > before

    (package / "part.py").write_text("x = 1\n")
    assert is_new()
    os.utime(package / "part.py", (1, 1))
    assert is_new()
    (package / "part.py").write_text("x = 22\n")
    assert is_new()
    (package / "part.py").unlink()
    # As at first: it would be tried in vain once, had it not been changed in between.
    assert not is_new()
    (package / "data.json").write_text("what a plugin writes while it runs")
    assert not is_new()
    assert stamp_of(single) not in seen
    single.unlink()
    assert stamp_of(single) != 0
    assert stamp_of(None) == 0
