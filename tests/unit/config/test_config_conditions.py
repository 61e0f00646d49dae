"""The settings `user`, `nice`, `umask` and `rlimits`: what they take, and how they refuse the rest."""

import getpass
import os
import resource
from pathlib import Path

import pytest

from liteyuki._platform import conditions
from liteyuki.config import conditions as config_conditions
from liteyuki.config import load_settings
from liteyuki.errors import ConfigError
from liteyuki.supervise import Conditions, ProcessSpec


def read(directory: Path, own: str, **environment: str) -> ProcessSpec:
    (directory / "liteyuki.toml").write_text(f"[processes.a]\n{own}\n", encoding="utf-8")
    return load_settings(directory, environment).processes["a"]


def test_without_settings_nothing_is_given(tmp_path: Path) -> None:
    assert read(tmp_path, "").conditions == Conditions()
    assert Conditions().given == {}


def test_all_of_them(tmp_path: Path) -> None:
    me = getpass.getuser() if os.geteuid() else "root"
    spec = read(
        tmp_path,
        f'user = "{me}"\nnice = 5\numask = "027"\nrlimits = {{ nofile = 64, core = 0 }}\nenv = {{ HOME = "/mine" }}',
    )
    assert spec.conditions == Conditions(user=me, nice=5, umask=0o27, rlimits={"nofile": 64, "core": 0})
    assert spec.env == {"HOME": "/mine", "USER": me, "LOGNAME": me}


@pytest.mark.parametrize(("written", "umask"), [('"077"', 0o77), ('"77"', 0o77), ('"0"', 0), ("0", 0), ("7", 7)])
def test_a_umask_in_octal(tmp_path: Path, written: str, umask: int) -> None:
    assert read(tmp_path, f"umask = {written}").conditions.umask == umask


def test_from_a_variable(tmp_path: Path) -> None:
    variables = {"LITEYUKI_PROCESSES__A__UMASK": "027", "LITEYUKI_PROCESSES__A__RLIMITS__NOFILE": "32"}
    assert read(tmp_path, "", **variables).conditions == Conditions(umask=0o27, rlimits={"nofile": 32})


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ('user = "no-such-user"', ["processes.a.user", "no-such-user"]),
        ("user = 1", ["processes.a.user"]),
        ("nice = 20", ["processes.a.nice", "19"]),
        ("nice = 1.5", ["processes.a.nice"]),
        ("nice = true", ["processes.a.nice"]),
        ('umask = "8"', ["processes.a.umask", '"022"']),
        ('umask = "1000"', ["processes.a.umask"]),
        ("umask = -1", ["processes.a.umask"]),
        ("umask = 22", ["processes.a.umask", "22", '"022"', "引号"]),
        ("umask = 0o077", ["processes.a.umask", '"022"', "引号"]),
        ("rlimits = 5", ["processes.a.rlimits"]),
        ("rlimits = { files = 5 }", ["processes.a.rlimits.files：没有这个设置项", "nofile", "core"]),
        ("rlimits = { nofile = -1 }", ["processes.a.rlimits.nofile", "unlimited"]),
        ('rlimits = { nofile = "many" }', ["processes.a.rlimits.nofile", "many"]),
        ("rlimits = { nofile = true }", ["processes.a.rlimits.nofile"]),
        ("rlimits = { nofile = {} }", ["processes.a.rlimits.nofile"]),
    ],
)
def test_what_is_refused(tmp_path: Path, own: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, own)
    for word in words:
        assert word in str(refused.value)


def test_what_only_root_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_conditions, "is_privileged", lambda: False)
    monkeypatch.setattr(resource, "getrlimit", lambda limit: (10, 100))
    assert read(tmp_path, "rlimits = { nofile = 100 }").conditions.rlimits == {"nofile": 100}
    for own in ("rlimits = { nofile = 101 }", 'rlimits = { nofile = "unlimited" }'):
        with pytest.raises(ConfigError, match=r"rlimits\.nofile.*100"):
            read(tmp_path, own)
    other = conditions.User("other", "/home/other", is_current=False)
    monkeypatch.setattr(config_conditions, "find_user", lambda name: other)
    with pytest.raises(ConfigError, match=r"processes\.a\.user.*root"):
        read(tmp_path, 'user = "other"')


def test_no_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_conditions, "is_privileged", lambda: True)
    assert read(tmp_path, 'rlimits = { core = "unlimited" }').conditions.rlimits == {"core": None}
