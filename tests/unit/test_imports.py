"""Importing opens nothing and starts nothing; imports point one way, and go through the faces of packages."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteyuki.supervise import find_cycle

ROOT = Path(__file__).parents[2]
PACKAGES = ("liteyuki", "nonebot_plugin_liteyuki_comm")
PLUGIN = "nonebot_plugin_liteyuki_comm"

# The house from its ground up: each part may import those of the rows above its own. A part is a package with all that
# is in it, or a module beside them; `comm` is divided once more. What is imported inside a function, or for the type
# checker alone, counts as well.
FLOORS = (
    ("_faces", "_late_tls", "_platform", "exit_codes", "locale", "sd_notify"),
    ("errors", "log"),
    ("codec", "project", "runtime_dir", "vitals"),
    ("comm.typecheck", "comm.wire"),
    ("comm.transport",),
    ("comm.session",),
    ("comm.io",),
    ("comm.channel",),
    ("comm.broker", "comm.storage"),
    ("comm",),
    ("supervise", "child", "hooks", "plugin", PLUGIN),  # so no child, and no plugin of one, imports the supervisor
    ("config",),
    ("control",),
    ("bot",),
    ("liteyuki",),  # its face
    ("cli",),
    ("__main__",),
)
# Beside packages and what lies beside them, these are imported as they are.
DOORS = {
    "liteyuki.comm.protocol": "what the core says to itself in another process; the face is for authors of plugins",
    "liteyuki.comm.registry": "what this process is; likewise",
    "liteyuki.cli.main": "where the console script begins",
}
MOST_MODULES = 12
FRAMEWORKS = ("nonebot", "fastapi", "pydantic", "websockets", "starlette", "uvicorn", "watchfiles", "cronsim")


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


SOURCES = {name_of(path): path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))}
MODULES = [module for module in SOURCES if not module.startswith(PLUGIN)]


def package_of(module: str) -> str:
    """The innermost package that `module` is in, or is."""
    return module if SOURCES[module].name == "__init__.py" else module.rpartition(".")[0]


def is_within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def part_of(module: str) -> str:
    parts = [part for floor in FLOORS for part in floor if part not in ("liteyuki", PLUGIN)]
    found = [part for part in parts if is_within(module, f"liteyuki.{part}")]
    return max(found, key=len, default=module.partition(".")[0])


def imports_of(path: Path) -> Iterator[str]:
    """The modules of ours that are imported anywhere in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            # What is taken from a package may be a module of it.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in SOURCES else str(node.module) for name in inner]
        yield from (name for name in dict.fromkeys(names) if name.partition(".")[0] in PACKAGES)


GRAPH = {module: set(imports_of(path)) - {module} for module, path in SOURCES.items()}


def test_imports_point_one_way() -> None:
    """Hence no two parts import each other, by whatever way round."""
    floor_of = {part: number for number, floor in enumerate(FLOORS) for part in floor}
    wrong = [
        f"{module} -> {imported}"
        for module, found in GRAPH.items()
        for imported in sorted(found)
        if part_of(imported) != part_of(module) and floor_of[part_of(imported)] >= floor_of[part_of(module)]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_two_modules_import_each_other_by_whatever_way_round() -> None:
    assert " -> ".join(find_cycle({module: sorted(found) for module, found in GRAPH.items()})) == ""


def test_outsiders_import_the_faces_of_packages_alone() -> None:
    """Within a package, its modules import each other, and so do those of the packages in it."""
    wrong = [
        f"{module} -> {imported}"
        for module, found in GRAPH.items()
        for imported in sorted(found)
        if package_of(imported) not in ("liteyuki", imported)  # no face, and not beside the packages
        and imported not in DOORS
        and not is_within(package_of(module), package_of(imported))
    ]
    assert not wrong, "\n".join(wrong)


def test_every_door_is_used_from_outside() -> None:
    for door in DOORS:
        used_by = [module for module, found in GRAPH.items() if door in found]
        assert any(not is_within(module, package_of(door)) for module in used_by), door


def test_no_package_has_more_modules_than_can_be_kept_in_mind() -> None:
    found: dict[str, int] = {}
    for module in SOURCES:
        if package_of(module) != module:
            found[package_of(module)] = found.get(package_of(module), 0) + 1
    assert {package: count for package, count in found.items() if count > MOST_MODULES} == {}


def test_every_face_says_what_it_is_and_has_what_it_promises() -> None:
    code = """
import importlib, sys
for name in sys.argv[1:]:
    face = importlib.import_module(name)
    assert face.__doc__, name
    for promised in getattr(face, "__all__", ()):
        getattr(face, promised)
"""
    faces = [module for module in MODULES if package_of(module) == module]
    subprocess.run([sys.executable, "-c", code, *faces], check=True, cwd=ROOT, timeout=60)


def test_pytest_is_not_imported() -> None:
    importing = {
        module
        for module, path in SOURCES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if name.partition(".")[0] in ("pytest", "_pytest", "tests", "harness", "benchmarks")
    }
    assert importing == set()


PROBE = """
import importlib, json, os, sys, threading
before = set(os.listdir("/proc/self/fd"))
handlers = __import__("signal").getsignal(2)
importlib.import_module(sys.argv[1])
print(json.dumps({
    "handles": sorted(set(os.listdir("/proc/self/fd")) - before),
    "threads": threading.active_count(),
    "modules": sorted(m.split(".")[0] for m in sys.modules),
    "supervise": any(m.startswith("liteyuki.supervise") for m in sys.modules),
    "signals_untouched": __import__("signal").getsignal(2) is handlers,
}))
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs a list of open handles")
@pytest.mark.parametrize("module", MODULES)
def test_importing_opens_nothing_and_starts_nothing(module: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROBE, module], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    seen = json.loads(ended.stdout)
    assert seen["handles"] == []
    assert seen["threads"] == 1
    assert seen["signals_untouched"]
    # `liteyuki chat` is no main process, and talks over a WebSocket.
    allowed = {"websockets"} if module in ("liteyuki.cli.conversation", "liteyuki.cli.sandbox") else set()
    assert not (set(FRAMEWORKS) - allowed) & set(seen["modules"])
    if module.startswith(("liteyuki.comm", "liteyuki.child.run")) or module == "liteyuki":
        assert not seen["supervise"]


def test_version_is_the_same_everywhere() -> None:
    import liteyuki

    assert f'version = "{liteyuki.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"## [{liteyuki.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
