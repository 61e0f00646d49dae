"""Stops, crashes and kills of real trees: nothing of them is left."""

import asyncio
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from harness import DEADLINE, is_alive, wait_until
from liteyuki._platform import OomKills, enter_cgroup, frozen_cgroup, leave_cgroup, remove_cgroup
from liteyuki._platform.cgroup import own_cgroup
from liteyuki.comm.protocol import Origin
from liteyuki.supervise import Backoff, EventKind, ProcessSpec
from liteyuki.supervise.tree import orphans
from tests.process.test_supervisor import command, run, supervised, target

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells what runs below what")

TREES = str(Path(__file__).with_name("trees.py"))
STOP_TIMEOUT = 0.3


def _has_cgroups() -> bool:
    """Whether a main process that is started here gets a cgroup of its own."""
    if (made := enter_cgroup(f"liteyuki-test-{os.getpid()}")) is None:
        return False
    leave_cgroup(made)
    return True


HAS_CGROUPS = _has_cgroups()
needs_cgroups = pytest.mark.skipif(not HAS_CGROUPS, reason="the cgroup of this process cannot be written to")


@pytest.fixture(params=[pytest.param("cgroup", marks=needs_cgroups), "marks"])
def found_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way to find what a child leaves behind: `marks` if the main process can have no cgroup."""
    way: str = request.param
    if way == "marks":
        monkeypatch.setattr("liteyuki.supervise.tree.guard.enter_cgroup", lambda name: None)
    return way


class Seed:
    """Marks what a test starts, independently of the marks that are tested."""

    def __init__(self) -> None:
        self.word = f"TREE_OF_TEST={uuid.uuid4().hex}"

    @property
    def env(self) -> dict[str, str]:
        name, _, value = self.word.partition("=")
        return {name: value}

    def running(self) -> list[int]:
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.word.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found


def restless(directory: Path) -> str:
    """The program of `restless.c`. No interpreter can move on as fast as that."""
    if (compiler := shutil.which("cc")) is None:
        pytest.skip("no C compiler")
    program = str(directory / "restless")
    subprocess.run([compiler, "-O2", "-o", program, str(Path(TREES).with_name("restless.c"))], check=True)
    return program


def is_locked(path: Path) -> bool:
    """Whether anything of a `restless` tree lives; a list of processes would miss it."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def grown(seed: Seed, kind: str, *words: str) -> ProcessSpec:
    """A tree as a `command` program or below a Python worker."""
    changes = {"env": seed.env, "stop_timeout": STOP_TIMEOUT, "backoff": Backoff(base=0.01, max=0.02)}
    if kind == "command":
        return command("a", sys.executable, "-S", TREES, *words, **changes)
    name, *arguments = words
    return target("a", "grow", name, *arguments, **changes)


TREE_WORDS = [("levels", "3"), ("daemon",)]
both_kinds = pytest.mark.parametrize("kind", ["command", "target"])
all_paces = pytest.mark.parametrize("pace", [("1", "400"), ("20", "8000")], ids=["fast", "many"])
"""How many move on, and after how many microseconds. Not faster: when whoever collects the old ones gets no turn for
some seconds, as on a busy machine, pids run out for every test that runs beside."""
all_trees = pytest.mark.parametrize("words", TREE_WORDS, ids=[words[0] for words in TREE_WORDS])


@pytest.mark.usefixtures("found_by")
@both_kinds
@all_trees
def test_nothing_is_left_of_a_tree_that_ignores_sigterm(kind: str, words: tuple[str, ...]) -> None:
    async def main() -> None:
        seed = Seed()
        async with supervised(grown(seed, kind, *words)) as watched:
            await watched.until_printed("grown")
            assert len(seed.running()) > 1
            began = time.monotonic()
            await watched.supervisor.stop()
            assert time.monotonic() - began < STOP_TIMEOUT + DEADLINE
            assert seed.running() == []
        said = re.search(r"要求停止后仍在运行：(.*)", watched.printed)
        assert said is not None
        assert said[1].count(" (") > 1
        assert sys.executable in said[1] or "python" in said[1]

    run(main())


@pytest.mark.usefixtures("found_by")
@both_kinds
@all_paces
def test_nothing_is_left_of_those_that_move_on_all_the_time(kind: str, pace: tuple[str, str], tmp_path: Path) -> None:
    async def main() -> None:
        lock = tmp_path / "lock"
        words = ("restless", restless(tmp_path), str(lock), *pace)
        async with supervised(grown(Seed(), kind, *words)) as watched:
            await watched.until_printed("grown")
            assert is_locked(lock)
            await watched.supervisor.stop()
            assert not is_locked(lock)

    run(main())


LEFT_BEHIND = [("daemon", "leaves"), ("daemon", "leaves later"), ("joined", "bare", "daemon", "leaves later")]


@both_kinds
@pytest.mark.parametrize("words", LEFT_BEHIND)
def test_what_a_crash_leaves_behind_is_gone_before_the_next_start(
    found_by: str, kind: str, words: tuple[str, ...]
) -> None:
    if found_by == "marks" and "bare" in words:
        pytest.skip("what bears no mark is left to the end of the main process")

    async def main() -> None:
        seed = Seed()
        async with supervised(grown(seed, kind, *words)) as watched:
            for count in range(1, 6):
                await watched.until_event(EventKind.STARTED, count + 1)
                number = watched.supervisor.keeper("a").status().generation
                # Everything that runs belongs to the running generation.
                for pid in seed.running():
                    told, state = _mark_of(pid) or _cgroup_of(pid), is_alive(pid)
                    assert told.endswith((f"/a.{number}", f":a:{number}")) or not state, (pid, told, number)
        assert seed.running() == []

    run(main())


def _mark_of(pid: int) -> str:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((v.decode() for v in variables if v.startswith(b"LITEYUKI_TREE=")), "")


def _cgroup_of(pid: int) -> str:
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    except OSError:
        return ""
    return next(line for line in lines if line.startswith("0::"))


@needs_cgroups
def test_the_cgroups_of_trees_go_with_them() -> None:
    async def main() -> None:
        before = own_cgroup()
        assert before is not None
        async with supervised(grown(Seed(), "command", "levels", "2")) as watched:
            await watched.until_printed("grown")
            own = own_cgroup()
            assert own is not None
            assert own.parent == before
            for count in range(1, 4):
                assert [path.name for path in own.iterdir() if path.is_dir()] == [f"a.{count}"]
                watched.supervisor.restart("a", reason="", origin=Origin(kind="main"))
                await watched.until_event(EventKind.STARTED, count + 1)
            await watched.supervisor.stop()
            assert own_cgroup() == before
            assert not own.exists()

    run(main())


@needs_cgroups
def test_other_processes_continue_after_all_were_frozen() -> None:
    async def main() -> None:
        async with supervised(command("a", "sleep", "1000")) as watched:
            cgroup = own_cgroup()
            assert cgroup is not None
            pid = watched.supervisor.keeper("a").status().pid
            assert pid is not None
            await asyncio.to_thread(wait_until, lambda: _cgroup_of(pid).endswith("/a.1"), "its move")
            with frozen_cgroup(cgroup):
                assert own_cgroup() == cgroup.parent
                assert "frozen 1" in (cgroup / "a.1" / "cgroup.events").read_text()
            assert own_cgroup() == cgroup
            await asyncio.to_thread(wait_until, lambda: "frozen 0" in (cgroup / "cgroup.events").read_text(), "thaw")

    run(main())


@needs_cgroups
def test_the_kernel_is_asked_for_kills_where_it_counts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []

    def oom_kills() -> OomKills:
        places.append(own_cgroup())
        return OomKills()

    monkeypatch.setattr("liteyuki.supervise.supervisor.OomKills", oom_kills)

    async def main() -> None:
        before = own_cgroup()
        async with supervised(command("a", "sleep", "1000")):
            assert own_cgroup() != before
            assert places == [before]

    run(main())


TURNS_INTO_ANOTHER = """
import asyncio, os, subprocess
from liteyuki._platform.cgroup import own_cgroup
from liteyuki.supervise.tree.guard import Guard
async def main():
    guard = Guard()
    print(own_cgroup(), flush=True)
    child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    guard.add(child.pid, "a", 1, asks=False)
    # A shell collects whatever ends, so that the pid is gone then.
    os.execv("/bin/sh", ["sh", "-c", f"while kill -0 {child.pid}; do sleep 0.05; done; echo it goes on"])
asyncio.run(main())
"""


@needs_cgroups
def test_a_main_process_that_turns_into_another_program_was_not_killed() -> None:
    ran = subprocess.run([sys.executable, "-c", TURNS_INTO_ANOTHER], capture_output=True, text=True, check=False)
    folder, *said = ran.stdout.splitlines()
    assert (said, ran.returncode) == (["it goes on"], 0)
    wait_until(lambda: remove_cgroup(Path(folder)), "the end of all that was in it")


def test_a_flood_of_orphans_is_collected_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "_UNCLAIMED_AFTER", 1e6)

    async def main() -> None:
        before = set(_zombies())
        kept = start("false")
        await asyncio.to_thread(wait_until, lambda: kept.pid in _zombies(), "its end")
        for _ in range(orphans._MANY + 1):
            if not os.fork():
                os.setsid()
                os._exit(0)
        await asyncio.to_thread(wait_until, lambda: len(set(_zombies()) - before) > orphans._MANY, "all ends")
        async with supervised(command("a", "sleep", "1000")):
            await asyncio.to_thread(wait_until, lambda: set(_zombies()) - before == {kept.pid}, "the collection")
        assert kept.wait() == 1

    run(main())


def test_what_passes_no_environment_on_is_found_too() -> None:
    async def main() -> None:
        async with supervised(grown(Seed(), "command", "bare", "levels", "3")) as watched:
            await watched.until_printed("grown")
            leader = watched.supervisor.keeper("a").status().pid
            assert leader is not None
            pids = [leader, *_below(leader)]
            assert len(pids) == 3
            await watched.supervisor.stop()
            assert not any(map(is_alive, pids))

    run(main())


def _below(pid: int) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False)
    children = [int(word) for word in listed.stdout.split()]
    return [*children, *(below for child in children for below in _below(child))]


def test_what_an_obedient_leader_left_behind_is_asked_too(tmp_path: Path) -> None:
    async def main() -> None:
        seed = Seed()
        saved = tmp_path / "saved"
        spec = command("a", sys.executable, "-S", TREES, "obeys", str(saved), env=seed.env, stop_timeout=DEADLINE)
        async with supervised(spec) as watched:
            await watched.until_printed("grown")
            watched.supervisor.restart("a", reason="", origin=Origin(kind="main"))
            await watched.until_event(EventKind.RESTARTED)
            assert saved.read_text() == "saved"
            assert "仍在运行" not in watched.printed

    run(main())


def test_what_a_plugin_has_started_is_left_alone() -> None:
    async def main() -> None:
        seed = Seed()
        async with supervised(grown(seed, "command", "levels", "2")) as watched:
            await watched.until_printed("grown")
            own, ended = start("sleep", "1000"), start("false")
            wait_until(lambda: not is_alive(ended.pid), "its end")
            await watched.supervisor.stop()
            assert is_alive(own.pid)
            assert ended.wait() == 1
            own.kill()
            assert own.wait() == -signal.SIGKILL

    run(main())


def test_orphans_that_end_are_collected_and_others_are_not() -> None:
    async def main() -> None:
        before = set(_zombies())
        kept = start("false")
        async with supervised(grown(Seed(), "command", "bomb", "5", "50")) as watched:
            await watched.until_printed("grown")
            # Even after the time that is left to the code that may wait for it.
            end = time.monotonic() + 1.5
            while time.monotonic() < end or set(_zombies()) - before != {kept.pid}:
                assert time.monotonic() < end + DEADLINE
                await asyncio.sleep(0.05)
            assert kept.wait() == 1

    run(main())


@pytest.mark.parametrize("own_session", [False, True])
def test_plugins_get_the_exit_codes_of_their_own_programs(own_session: bool) -> None:
    async def code() -> int:
        process = await asyncio.create_subprocess_exec("sh", "-c", "exit 7", start_new_session=own_session)
        return await process.wait()

    def code_in_a_thread() -> int:
        return subprocess.run(["sh", "-c", "exit 7"], check=False, start_new_session=own_session).returncode

    async def main() -> None:
        async with supervised(grown(Seed(), "command", "bomb", "5", "100")) as watched:
            await watched.until_printed("grown")
            for _ in range(5):
                codes = await asyncio.gather(code(), code(), asyncio.to_thread(code_in_a_thread))
                assert list(codes) == [7, 7, 7]

    run(main())


def start(*words: str) -> "subprocess.Popen[bytes]":
    """As a plugin of the main process would, in a session of its own."""
    return subprocess.Popen(words, start_new_session=True)


def _zombies() -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,stat=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "Z" in line.split()[1]]
