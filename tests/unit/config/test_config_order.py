"""`after` and `instances` in the settings."""

from pathlib import Path

import pytest

from liteyuki.config import load_settings
from liteyuki.config.order import instance_names
from liteyuki.errors import ConfigError
from liteyuki.supervise import ProcessSpec


def read(directory: Path, own: str, **environment: str) -> dict[str, ProcessSpec]:
    (directory / "liteyuki.toml").write_text(own, encoding="utf-8")
    return dict(load_settings(directory, environment).processes)


def test_nothing_set(tmp_path: Path) -> None:
    (spec,) = read(tmp_path, "").values()
    assert (spec.after, spec.instances, spec.family) == ((), 1, "nonebot")


def test_several_instances_stand_where_the_one_is_written(tmp_path: Path) -> None:
    specs = read(
        tmp_path,
        '[processes.nonebot]\nafter = ["worker", "db", "worker-2"]\n'
        "[processes.worker]\ninstances = 3\nstop_timeout = 4\n"
        '[processes.db]\ninstances = 1\nafter = ["worker-2"]\n',
    )
    assert list(specs) == ["nonebot", "worker-1", "worker-2", "worker-3", "db"]
    assert specs["nonebot"].after == ("worker-1", "worker-2", "worker-3", "db")
    assert specs["db"].after == ("worker-2",)
    assert [spec.name for spec in specs.values()] == list(specs)
    assert {specs[f"worker-{number}"].family for number in (1, 2, 3)} == {"worker"}
    assert {specs[f"worker-{number}"].stop_timeout for number in (1, 2, 3)} == {4.0}


def test_from_variables(tmp_path: Path) -> None:
    variables = {"LITEYUKI_PROCESSES__B__AFTER": '["a"]', "LITEYUKI_PROCESSES__A__INSTANCES": "2"}
    specs = read(tmp_path, "[processes.a]\n[processes.b]\n", **variables)
    assert specs["b"].after == ("a-1", "a-2")


@pytest.mark.parametrize(
    ("own", "key", "words"),
    [
        ('[processes.a]\nafter = "b"', "processes.a.after", []),
        ("[processes.a]\nafter = [1]", "processes.a.after", []),
        ('[processes.a]\nafter = ["c"]\n[processes.b]', "processes.a.after", ["c", "a, b"]),
        ('[processes.a]\nafter = ["a"]', "processes.a.after", ["a → a"]),
        (
            '[processes.a]\nafter = ["b"]\n[processes.b]\nafter = ["c"]\n[processes.c]\nafter = ["b"]',
            "processes.b.after",
            ["b → c → b"],
        ),
        ('[processes.a]\ninstances = 2\nafter = ["a-2"]', "processes.a.after", ["a-2 → a-2"]),
        ('[processes.a]\ninstances = 2\n[processes.b]\nafter = ["a-3"]', "processes.b.after", ["a-1, a-2, b"]),
        ("[processes.a]\ninstances = 0", "processes.a.instances", ["1"]),
        ("[processes.a]\ninstances = 1.0", "processes.a.instances", []),
        ("[processes.a]\ninstances = true", "processes.a.instances", []),
        ("[processes.a]\ninstances = 1001", "processes.a.instances", ["1000"]),
        ("[processes.a]\ninstances = 2\n[processes.a-2]", "processes.a.instances", ["a-2"]),
    ],
)
def test_what_is_refused(tmp_path: Path, own: str, key: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, own)
    assert (refused.value.source, refused.value.key) == ("liteyuki.toml", key)
    for word in words:
        assert word in str(refused.value)


def test_a_name_of_a_third_instance_is_free(tmp_path: Path) -> None:
    assert list(read(tmp_path, "[processes.a]\ninstances = 2\n[processes.a-3]")) == ["a-1", "a-2", "a-3"]


def test_the_most_instances_that_there_may_be(tmp_path: Path) -> None:
    names = list(read(tmp_path, "[processes.a]\ninstances = 1000"))
    assert (len(names), names[-1]) == (1000, "a-1000")


@pytest.mark.parametrize("instances", ["2", 2.0, None, [2], True, 0, -1, 1001])
def test_what_is_no_number_of_instances_leaves_the_name_as_it_is(instances: object) -> None:
    assert instance_names("a", instances) == ("a",)
