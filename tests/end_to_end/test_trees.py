"""A main process that is killed, or stopped with a second signal: nothing that its children have started is left."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness import MainProcess, Project, is_alive, wait_until, wait_until_gone
from liteyuki._platform.cgroup import own_cgroup
from tests.process.test_trees import HAS_CGROUPS, TREES, Seed, all_paces, is_locked, needs_cgroups, restless
from tests.process.trees import LONGEST

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what runs below what"),
]

PLUGIN = """
import os, runpy
trees = runpy.run_path({path!r}, run_name="trees")
if not os.fork():
    trees[{name!r}](*{words!r})
"""


def plant(project: Project, kind: str, words: tuple[str, ...]) -> Seed:
    """A tree as a `command` program, beside the bot, or started by a plugin of the bot."""
    seed = Seed()
    (name, value) = next(iter(seed.env.items()))
    table = f'env = {{ {name} = "{value}" }}\nstop_timeout = 0.3\n'
    if kind == "bot":
        project.write_pyproject(f"[tool.liteyuki.processes.nonebot]\n{table}")
        project.write_plugin("grower", PLUGIN.format(path=TREES, name=words[0], words=words[1:]))
    else:
        program = [sys.executable, "-S", TREES, *words]
        project.write_pyproject(f"[tool.liteyuki.processes.tree]\ncommand = {program!r}\n{table}")
    return seed


def wait_grown(main: MainProcess, kind: str) -> None:
    main.wait_for("^grown$")
    if kind == "bot":
        main.wait_ready()


NO_CGROUPS = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'


@pytest.fixture(params=[pytest.param("cgroup", marks=needs_cgroups), "marks"])
def start(request: pytest.FixtureRequest, project: Project) -> Callable[[], MainProcess]:
    """`liteyuki run` where everything that it starts is in a cgroup of its own, or where it can have none."""
    if request.param == "cgroup" or not HAS_CGROUPS:
        return project.run
    command = ["unshare", "-m", "sh", "-c", NO_CGROUPS, "sh", sys.executable, "-m", "liteyuki", "run"]
    return lambda: MainProcess(command, project.directory, {})


def own_cgroup_of(main: int) -> Path:
    """The folder of the cgroup that the main process has made for itself."""
    (line,) = [line for line in Path(f"/proc/{main}/cgroup").read_text().splitlines() if line.startswith("0::")]
    name = line.rpartition("/")[2]
    assert name.startswith("liteyuki-")
    here = own_cgroup()
    assert here is not None
    return here / name


both_kinds = pytest.mark.parametrize("kind", ["command", "bot"])
TREE_WORDS = [("levels", "3"), ("daemon",), ("bomb", "20", "0")]
all_trees = pytest.mark.parametrize("words", TREE_WORDS, ids=[words[0] for words in TREE_WORDS])


@both_kinds
@all_trees
def test_nothing_is_left_a_second_after_the_main_process_was_killed(
    project: Project, start: Callable[[], MainProcess], kind: str, words: tuple[str, ...]
) -> None:
    seed = plant(project, kind, words)
    with start() as main:
        wait_grown(main, kind)
        main.send(signal.SIGKILL)
        time.sleep(1.0)  # the README promises that everything has ended by then
        assert seed.running() == []


@both_kinds
@all_paces
def test_those_that_move_on_all_the_time_are_caught_when_the_main_process_was_killed(
    project: Project, start: Callable[[], MainProcess], kind: str, pace: tuple[str, str], tmp_path: Path
) -> None:
    lock = tmp_path / "lock"
    plant(project, kind, ("restless", restless(tmp_path), str(lock), *pace))
    with start() as main:
        main.wait_for("^grown$")
        assert is_locked(lock)
        main.send(signal.SIGKILL)
        # Long before they end by themselves.
        wait_until(lambda: not is_locked(lock), "the end of all", deadline=LONGEST / 4)


@both_kinds
@all_trees
def test_a_second_signal_reaches_the_whole_tree(project: Project, kind: str, words: tuple[str, ...]) -> None:
    seed = plant(project, kind, words)
    with project.run(LITEYUKI_PROCESSES__TREE__STOP_TIMEOUT="1000") if kind == "command" else project.run() as main:
        wait_grown(main, kind)
        main.send(signal.SIGINT)
        main.wait_for("再按一次 Ctrl\\+C")
        main.send(signal.SIGINT)
        main.wait()
        wait_until(lambda: not seed.running(), "the end of the tree")


@needs_cgroups
@both_kinds
def test_a_fully_detached_process_is_found_in_the_cgroup(project: Project, kind: str) -> None:
    seed = plant(project, kind, ("bare", "daemon"))
    with project.run() as main:
        wait_grown(main, kind)
        folder = own_cgroup_of(main.pid)
        main.send(signal.SIGKILL)
        wait_until(lambda: not seed.running(), "the end of the tree")
        wait_until(lambda: not folder.exists(), "the end of the cgroup")


@needs_cgroups
def test_the_cgroup_goes_with_the_main_process(project: Project) -> None:
    plant(project, "command", ("levels", "2"))
    with project.run() as main:
        wait_grown(main, "command")
        folder = own_cgroup_of(main.pid)
        assert folder.exists()
        assert main.stop() == 0
        assert not folder.exists()


def test_a_guard_that_was_killed_is_replaced(project: Project, start: Callable[[], MainProcess]) -> None:
    seed = plant(project, "command", ("daemon",))
    with start() as main:
        wait_grown(main, "command")
        for _ in range(2):
            guard = wait_until(lambda: _guards(main.pid), "a guard")[0]
            os.kill(guard, signal.SIGKILL)
            wait_until_gone(guard)
        wait_until(lambda: _guards(main.pid), "another guard")
        main.send(signal.SIGKILL)
        wait_until(lambda: not seed.running(), "the end of the tree")


def _guards(main: int) -> list[int]:
    """The guards of this main process: shells whose standard input is connected to it."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if b"\0liteyuki-guard\0" in path.read_bytes() and _shares_a_pipe(int(path.parent.name), main):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return [pid for pid in found if is_alive(pid)]


def _shares_a_pipe(guard: int, main: int) -> bool:
    pipe = Path(f"/proc/{guard}/fd/0").readlink()
    return pipe in {path.readlink() for path in Path(f"/proc/{main}/fd").iterdir()}
