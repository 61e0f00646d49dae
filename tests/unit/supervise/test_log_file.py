"""Log files: nothing lost over rotations, nothing kept for ever, and a disk that does not take everything."""

import os
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.cli.logs import last_lines
from liteyuki.supervise import LogFiles
from liteyuki.supervise.output import numbered
from liteyuki.supervise.output.log_file import LogFile


def contents(path: Path) -> list[bytes]:
    """What is in the files, oldest first."""
    found: list[bytes] = []
    while numbered(path, len(found)).exists():
        found.append(numbered(path, len(found)).read_bytes())
    return found[::-1]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 90), min_size=1, max_size=60),
    st.lists(st.integers(1, 300), min_size=1, max_size=8),
    st.integers(50, 200),
    st.booleans(),
)
def test_all_lines_are_in_the_files_in_order(
    widths: list[int], pieces: list[int], max_bytes: int, reopens: bool
) -> None:
    stream = b"".join(b"%d:%s\n" % (number, b"x" * width) for number, width in enumerate(widths))
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "logs" / "a.log"
        keep = LogFiles(max_bytes, 200)
        file = LogFile(path, keep)
        rest, turn = stream, 0
        while rest:
            size = pieces[turn % len(pieces)]
            file.write(rest[:size])
            assert file.problem is None
            at_line_end = rest[:size].endswith(b"\n")
            rest = rest[size:]
            turn += 1
            if reopens and at_line_end:
                file.close()
                file = LogFile(path, keep)
        file.close()
        files = contents(path)
        assert b"".join(files) == stream
        assert all(len(content) <= max_bytes for content in files)
        assert all(files)
        expected = stream.splitlines(keepends=True)
        for count in (0, 1, 7, len(expected), 10**6):
            assert last_lines(path, count) == expected[len(expected) - min(count, len(expected)) :]


def test_files_hold_whole_lines_and_no_more_than_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path, LogFiles(100, 3))
    for number in range(100):
        file.write(b"line %03d\n" % number)
    assert contents(path) == [
        b"".join(b"line %03d\n" % number for number in numbers)
        for numbers in (range(77, 88), range(88, 99), range(99, 100))
    ]
    file.close()
    file = LogFile(path, LogFiles(100, 1))
    for number in range(100):
        file.write(b"line %03d\n" % number)
    assert len(contents(path)) == 1
    assert sorted(other.name for other in tmp_path.iterdir()) == ["a.log"]
    file.close()


def test_it_is_plain_text_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.log"
    file = LogFile(path, LogFiles())
    file.write(b"\x1b[31mred\x1b")
    file.write(b"[0m\n")
    file.close()
    assert path.read_bytes() == b"red\n"
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_what_a_killed_main_process_left_unfinished_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"cut o")
    file = LogFile(path, LogFiles())
    file.write(b"a new line\n")
    file.close()
    assert path.read_bytes() == b"cut o\na new line\n"


def test_a_file_that_is_moved_away_or_deleted_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path, LogFiles())
    file.write(b"one\n")
    path.rename(tmp_path / "elsewhere")
    file.write(b"two\n")
    assert (tmp_path / "elsewhere").read_bytes() == b"one\n"
    assert path.read_bytes() == b"two\n"
    path.unlink()
    file.write(b"three\n")
    assert path.read_bytes() == b"three\n"
    os.truncate(path, 0)
    file.write(b"four\n")
    assert path.read_bytes() == b"four\n"
    file.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_loses_lines_and_tells_how_many_once_it_is_not_full(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.symlink_to("/dev/full")
    file = LogFile(path, LogFiles())
    for number in range(10):
        file.write(b"line %d\nand more " % number)
        assert file.problem is not None
    path.unlink()
    file.write(b"of it\nkept\n")
    assert file.problem is None
    file.close()
    told, *rest = path.read_text().splitlines()
    # "and more" ten times, nine of them in one line with the next.
    assert re.search(r"丢失了 11 行.*No space left", told)
    assert rest == ["kept"]


def test_a_limit_in_the_midst_of_a_line_is_told_after_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path, LogFiles())
    file.write(b"first\n")
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
    try:
        file.write(b"second\nthird\n")
        assert file.problem is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    file.close()
    first, cut, told = path.read_text().splitlines()
    assert (first, cut) == ("first", "seco")
    assert "丢失了 2 行" in told


def test_a_directory_that_cannot_be_made_is_a_problem_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("no folder")
    file = LogFile(tmp_path / "logs" / "a.log", LogFiles())
    file.write(b"lost\n")
    assert isinstance(file.problem, OSError)
    file.close()
