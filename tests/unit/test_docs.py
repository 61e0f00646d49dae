"""Every block of code in the documentation runs, and prints what the page says.

A block is a program of its own; the comment after a `print` is what it prints. Blocks that begin with the name of a
file belong to the others of their section: a test and what it tests, or a project that is run.
"""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from harness import DEADLINE, MainProcess, Project

ROOT = Path(__file__).parents[2]
PAGES = {"en": ROOT / "docs" / "channels.md", "zh": ROOT / "docs" / "channels.zh-CN.md"}
READMES = {"en": ROOT / "README.md", "zh": ROOT / "README.zh-CN.md"}

_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# (\S+\.py)\n")
_PRINTED = re.compile(r"^ *print\(.*\)  # (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """One fenced block; `section` counts the page's headings, `file` is None for a program of its own."""

    language: str
    section: int
    kind: str
    code: str

    @property
    def file(self) -> str | None:
        found = _FILE.match(self.code)
        return found[1] if found else None


def blocks_of(language: str) -> Iterator[Block]:
    for number, section in enumerate(re.split(r"^## ", PAGES[language].read_text("utf-8"), flags=re.MULTILINE)):
        for kind, code in _FENCED.findall(section):
            yield Block(language, number, kind, code)


BLOCKS = [block for language in PAGES for block in blocks_of(language)]
PROGRAMS = [block for block in BLOCKS if block.kind == "python" and block.file is None]
SETS = {
    (block.language, block.section): {one.file: one.code for one in BLOCKS if one[:2] == block[:2] and one.file}
    for block in BLOCKS
    if block.file is not None
}
TESTED = [key for key, files in SETS.items() if any(Path(file).name.startswith("test_") for file in files if file)]
PROJECTS = [key for key in SETS if key not in TESTED]


def name_of(block: Block) -> str:
    return f"{block.language}-{block.section}-{BLOCKS.index(block)}"


def run(directory: Path, *words: str) -> str:
    """What Python prints when it runs there with these arguments; it must not fail."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
    ended = subprocess.run(
        [sys.executable, "-W", "error", *words],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE,
        check=False,
    )
    output = ended.stdout.decode()
    assert ended.returncode == 0, output
    return output


@pytest.mark.parametrize("block", PROGRAMS, ids=name_of)
def test_a_block_prints_what_it_says(tmp_path: Path, block: Block) -> None:
    if "import numpy" in block.code:
        pytest.importorskip("numpy")
    (tmp_path / "block.py").write_text(block.code, "utf-8")
    said = _PRINTED.findall(block.code)
    assert len(said) == block.code.count("print(")
    assert said
    assert run(tmp_path, "block.py").splitlines() == said


@pytest.mark.parametrize("key", TESTED, ids=str)
def test_a_test_of_a_plugin_passes(tmp_path: Path, key: tuple[str, int]) -> None:
    write_files(tmp_path, key)
    output = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert re.search(r"^[1-9]\d* passed", output, re.MULTILINE), output


@pytest.mark.end_to_end
@pytest.mark.parametrize("key", PROJECTS, ids=str)
def test_a_project_prints_what_the_page_says(project: Project, key: tuple[str, int]) -> None:
    others = {block.kind: block.code for block in BLOCKS if block[:2] == key and block.kind != "python"}
    (project.directory / "pyproject.toml").write_text(others["toml"], "utf-8")
    write_files(project.directory, key)
    said = others["text"].splitlines()
    assert said
    with project.run() as main:
        wait_for_all(main, said)
        main.wait_ready()
        main.children()
        assert main.stop() == 0
        assert [line for line in main.lines if line in said] == said


def write_files(directory: Path, key: tuple[str, int]) -> None:
    for file, code in SETS[key].items():
        assert file is not None
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code, "utf-8")


def wait_for_all(main: MainProcess, said: list[str]) -> None:
    for line in said:
        main.wait_for(f"^{re.escape(line)}$")


def test_no_python_block_is_left_out() -> None:
    assert {block.kind for block in BLOCKS} == {"python", "toml", "text"}
    for language in PAGES:
        assert sum(block.language == language for block in PROGRAMS) >= 10
        assert [one for one, _ in TESTED].count(language) == [one for one, _ in PROJECTS].count(language) == 1


def test_both_pages_show_the_same_code() -> None:
    pages = [[(block.section, block.kind, shape_of(block)) for block in blocks_of(language)] for language in PAGES]
    assert pages[0] == pages[1]


def shape_of(block: Block) -> str:
    """The code without what is written in a language: its strings and comments."""
    if block.kind != "python":
        return block.code if block.kind == "toml" else ""
    tree = ast.parse(block.code)
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            node.values = [value for value in node.values if isinstance(value, ast.FormattedValue)]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def test_both_readmes_lead_to_their_page() -> None:
    for language, readme in READMES.items():
        assert f"({PAGES[language].relative_to(ROOT)})" in readme.read_text("utf-8")
