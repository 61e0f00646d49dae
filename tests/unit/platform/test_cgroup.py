"""Where the kernel says that a process's cgroup is."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from liteyuki._platform.cgroup import _folder, own_cgroup

LEGACY = "9:name=systemd:/user.slice\n4:memory:/a\n"
MOUNTS = """\
22 28 0:21 / /proc rw,nosuid - proc proc rw
31 22 0:27 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755
32 31 0:28 /docker/1 /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
{}"""


def mounted(root: str, point: str) -> str:
    return MOUNTS.format(f"33 31 0:29 {root} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n")


@pytest.mark.parametrize(
    ("root", "point", "group", "folder"),
    [
        ("/", "/sys/fs/cgroup", "/", "/sys/fs/cgroup"),
        ("/", "/sys/fs/cgroup/unified", "/user.slice/a.scope", "/sys/fs/cgroup/unified/user.slice/a.scope"),
        ("/docker/1", "/sys/fs/cgroup", "/docker/1", "/sys/fs/cgroup"),
        ("/docker/1", "/sys/fs/cgroup", "/docker/1/bot", "/sys/fs/cgroup/bot"),
        ("/docker/1", "/sys/fs/cgroup", "/docker/12", None),
        ("/docker/1", "/sys/fs/cgroup", "/docker", None),
        ("/", "/sys/fs/cgroup", "/../other", None),
    ],
)
def test_the_folder_is_below_the_mount(root: str, point: str, group: str, folder: str | None) -> None:
    found = _folder(mounted(root, point), f"{LEGACY}0::{group}\n")
    assert found == (None if folder is None else Path(folder))


def test_the_last_mount_lies_on_top() -> None:
    first, second = mounted("/", "/first"), mounted("/", "/second")
    assert _folder(first + second, "0::/a\n") == Path("/second/a")


def test_there_may_be_no_cgroups() -> None:
    assert _folder(MOUNTS.format(""), "0::/\n") is None
    assert _folder(mounted("/", "/sys/fs/cgroup"), LEGACY) is None
    assert _folder("", "") is None


def escaped(path: str) -> str:
    return "".join(f"\\{ord(c):03o}" if c in " \t\n\\#" else c for c in path)


NAMES = st.text(st.characters(exclude_characters="/\n\0", exclude_categories=["Cs"]), min_size=1)
PATHS = st.lists(NAMES.filter(lambda name: name not in (".", "..")), max_size=3).map("/".join)


@given(PATHS, PATHS, PATHS)
def test_any_path_is_found_whatever_it_is_called(root: str, point: str, below: str) -> None:
    group = "/" + "/".join(part for part in (root, below) if part)
    assert _folder(mounted(escaped(f"/{root}"), escaped(f"/{point}")), f"0::{group}\n") == Path("/", point, below)


def test_others_may_call_what_they_mount_in_any_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "/proc/self/mountinfo": b"40 22 0:50 / /mnt/\xb9\xd2 rw - tmpfs tmpfs rw\n" + mounted("/", "/groups").encode(),
        "/proc/self/cgroup": b"0::/\xb9\n",
    }
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: told[str(path)])
    assert own_cgroup() == Path("/groups/\udcb9")
