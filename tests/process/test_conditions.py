"""`user`, `nice`, `umask` and `rlimits`, as the program that runs under them sees them."""

import os
import pwd
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteyuki._platform import first_out_of_reach
from liteyuki.config import check_processes, load_settings
from liteyuki.errors import ProjectError
from liteyuki.supervise import Conditions, ProcessSpec
from tests.process.test_supervisor import command, run, supervised, target

LOOK = (
    "import os, resource; old = os.umask(0); os.umask(old); "
    "print('seen', os.getuid(), os.getgroups(), os.getpriority(0, 0), oct(old), "
    "resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE), flush=True); "
    "import time; time.sleep(3600)"
)
CONDITIONS = Conditions(nice=7, umask=0o027, rlimits={"nofile": 123, "core": 0})
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


def as_program(**changes: object) -> ProcessSpec:
    return command("a", sys.executable, "-S", "-c", LOOK, **changes)


@pytest.mark.parametrize("kind", ["command", "target"])
def test_the_program_runs_under_what_is_set(kind: str) -> None:
    async def main() -> None:
        spec = as_program(conditions=CONDITIONS)
        if kind == "target":
            spec = target("a", "look", LOOK, conditions=CONDITIONS)
        before = os.getpriority(os.PRIO_PROCESS, 0)
        async with supervised(spec) as watched:
            seen = await watched.until_printed(r"seen (\d+) (\[.*?\]) (-?\d+) (0o\d+) (\(.*?\)) (\(.*?\))")
            assert int(seen[1]) == os.getuid()
            assert seen.groups()[2:] == ("7", "0o27", "(123, 123)", "(0, 0)")
            assert os.getpriority(os.PRIO_PROCESS, 0) == before

    run(main())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux shows the signals of a process")
@pytest.mark.parametrize("conditions", [Conditions(), CONDITIONS])
def test_the_program_ignores_no_signals_that_python_does(conditions: Conditions) -> None:
    async def main() -> None:
        program = ("sh", "-c", "grep SigIgn: /proc/self/status; exec sleep 1000")
        async with supervised(command("a", *program, conditions=conditions)) as watched:
            seen = await watched.until_printed(r"SigIgn:\s+([0-9a-f]+)")
            # Not those of the C library's own, which posix_spawn(3) leaves ignored.
            assert not [number for number in signal.valid_signals() if int(seen[1], 16) >> (number - 1) & 1]

    run(main())


@pytest.mark.parametrize("conditions", [Conditions(), CONDITIONS])
def test_the_program_is_given_no_handles(conditions: Conditions) -> None:
    async def main() -> None:
        program = ("sh", "-c", "echo handles $(ls /dev/fd) end; exec sleep 1000")
        async with supervised(command("a", *program, conditions=conditions)) as watched:
            seen = await watched.until_printed(r"handles ([\d ]+) end")
            assert set(seen[1].split()) <= {"0", "1", "2", "3"}  # the last is that of `ls`

    run(main())


@needs_root
def test_another_user_with_its_groups_and_more_than_it_could_allow_itself(tmp_path: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    own = '[processes.a]\ncommand = ["sh", "-c", "id -u; id -g; id -G; echo home $HOME user $USER; ulimit -Hn; nice; '
    (tmp_path / "liteyuki.toml").write_text(
        own + 'exec sleep 1000"]\nuser = "nobody"\nnice = -3\nrlimits = { nofile = 4096 }\n'
    )
    tmp_path.chmod(0o755)
    spec = load_settings(tmp_path, {}).processes["a"]

    async def main() -> None:
        async with supervised(spec) as watched:
            await watched.until_printed(
                rf"{nobody.pw_uid}\n{nobody.pw_gid}\n{nobody.pw_gid}\nhome {nobody.pw_dir} user nobody\n4096\n-3\n"
            )

    run(main())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can read; pytest's own are not."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@needs_root
def test_what_another_user_cannot_read_is_named(open_folder: Path) -> None:
    (open_folder / "closed" / "inner").mkdir(parents=True)
    (open_folder / "passed" / "inner").mkdir(parents=True)
    (open_folder / "closed").chmod(0o700)
    (open_folder / "passed").chmod(0o711)
    before = os.getgroups(), os.getegid(), os.geteuid()
    for folders, named in (
        ((), None),
        ((open_folder,), None),
        ((open_folder / "passed" / "inner",), None),
        ((open_folder / "passed",), open_folder / "passed"),
        ((open_folder, open_folder / "closed" / "inner"), open_folder / "closed"),
    ):
        assert first_out_of_reach("nobody", folders) == named
        assert first_out_of_reach("root", folders) is None
        assert (os.getgroups(), os.getegid(), os.geteuid()) == before


@needs_root
def test_a_python_that_another_user_cannot_read_is_said_before_anything_starts(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (open_folder / "lib").mkdir(mode=0o700)
    monkeypatch.setattr(os, "__file__", str(open_folder / "lib" / "os.py"))
    program = '[processes.a]\nuser = "nobody"\n'
    (open_folder / "liteyuki.toml").write_text(program + 'target = "a:b"')
    with pytest.raises(ProjectError) as refused:
        check_processes(load_settings(open_folder, {}))
    for words in ("进程 a", "nobody", f"{open_folder}/lib"):
        assert words in str(refused.value)
    # A program that is not Python reads nothing of it.
    (open_folder / "liteyuki.toml").write_text(program + 'command = ["true"]')
    check_processes(load_settings(open_folder, {}))


def test_what_the_system_refuses_is_said() -> None:
    async def main() -> None:
        spec = as_program(conditions=Conditions(user="no-such-user"))
        async with supervised(spec) as watched:
            await watched.until_printed("系统不允许 user、nice、umask 或 rlimits 的设置：user: no-such-user")
            await watched.until_printed("退出码 1")

    run(main())
