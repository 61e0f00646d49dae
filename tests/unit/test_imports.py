"""Importing opens nothing and starts nothing; imports point one way."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What each part may import of ours, by prefix; a part may always import itself.
MAY_IMPORT = {
    "liteyuki.locale": (),
    "liteyuki.errors": ("liteyuki.locale",),
    "liteyuki.log": ("liteyuki.locale",),
    "liteyuki._late_tls": (),
    "liteyuki.exit_codes": (),
    "liteyuki._platform": (),
    "liteyuki.project": ("liteyuki.errors", "liteyuki.locale"),
    "liteyuki.vitals": ("BASE",),
    "liteyuki.codec": ("BASE",),
    "liteyuki.comm": ("BASE", "liteyuki.codec", "liteyuki.vitals"),
    "liteyuki.supervise": ("BASE", "liteyuki.codec", "liteyuki.comm", "liteyuki.vitals"),
    "liteyuki.supervise.safe_mode.plugin_files": ("BASE", "liteyuki.project"),
    "liteyuki.config": ("BASE", "liteyuki.project", "liteyuki.supervise.order", "liteyuki.supervise.spec"),
    "liteyuki.runtime_dir": ("BASE",),
    "liteyuki.control": ("BASE", "liteyuki.comm", "liteyuki.runtime_dir", "liteyuki.supervise"),
    "liteyuki.sd_notify": (),
    "liteyuki.hooks": ("BASE", "liteyuki.comm"),
    "liteyuki.plugin": ("BASE", "liteyuki.comm"),
    "liteyuki.bot": ("liteyuki",),
    "liteyuki.cli": ("liteyuki",),
    "liteyuki.__main__": ("liteyuki.cli",),
    "liteyuki.child": ("BASE", "liteyuki.comm", "liteyuki.project", "liteyuki.vitals"),
    "liteyuki": ("liteyuki",),
    "nonebot_plugin_liteyuki_comm": ("BASE", "liteyuki.comm"),
}
BASE = ("liteyuki.errors", "liteyuki.exit_codes", "liteyuki.locale", "liteyuki.log", "liteyuki._platform")
FRAMEWORKS = ("nonebot", "fastapi", "pydantic", "websockets", "starlette", "uvicorn", "watchfiles", "cronsim")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in (ROOT / "liteyuki").rglob("*.py")
)


def part_of(module: str) -> str:
    """The longest entry of the table that contains `module`."""
    return max((p for p in MAY_IMPORT if module == p or module.startswith(p + ".")), key=len)


def imported_by(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", ["liteyuki", "nonebot_plugin_liteyuki_comm"])
def test_imports_point_one_way(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        part = part_of(module)
        allowed = [part]
        for prefix in MAY_IMPORT[part]:
            allowed += BASE if prefix == "BASE" else [prefix]
        for imported in imported_by(path):
            if not imported.startswith(("liteyuki", "nonebot_plugin_liteyuki")):
                continue
            assert any(imported == p or imported.startswith(p + ".") for p in allowed), f"{module} -> {imported}"


def test_pytest_is_not_imported() -> None:
    importing = {
        path.relative_to(ROOT).as_posix()
        for package in ("liteyuki", "nonebot_plugin_liteyuki_comm")
        for path in (ROOT / package).rglob("*.py")
        if any(name == "pytest" or name.startswith(("pytest.", "_pytest", "tests")) for name in imported_by(path))
    }
    assert importing == set()


@pytest.mark.parametrize(
    ("folder", "others"),
    [
        ("liteyuki", ("harness", "tests", "benchmarks")),
        ("harness", ("tests", "benchmarks")),
        ("tests", ("benchmarks",)),
        ("benchmarks", ("tests",)),
    ],
)
def test_tests_and_benchmarks_share_the_harness_only(folder: str, others: tuple[str, ...]) -> None:
    for path in (ROOT / folder).rglob("*.py"):
        wrong = {imported for imported in imported_by(path) if imported.split(".")[0] in others}
        assert not wrong, f"{path}: {wrong}"


def test_no_cycle_among_modules() -> None:
    graph: dict[str, set[str]] = {}
    for module in MODULES:
        path = ROOT / Path(*module.split("."))
        source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(source.read_text("utf-8"))
        found: set[str] = set()
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= inner & set(MODULES) if inner & set(MODULES) else {node.module}
        graph[module] = {name for name in found if name in MODULES and name != module}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path, module))
        if module in done:
            return
        for imported in graph[module]:
            visit(imported, (*path, module))
        done.add(module)

    for module in MODULES:
        visit(module, ())


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


def test_public_names_are_there() -> None:
    code = """
import liteyuki, liteyuki.comm
for module in (liteyuki, liteyuki.comm):
    for name in module.__all__:
        getattr(module, name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_version_is_the_same_everywhere() -> None:
    import liteyuki

    assert f'version = "{liteyuki.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"## [{liteyuki.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")
