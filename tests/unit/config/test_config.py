"""The settings: layers, defaults, and errors that say where and what."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from liteyuki.config import load_settings
from liteyuki.config.table import parse_size
from liteyuki.errors import ConfigError, ProjectError
from liteyuki.locale import set_language
from liteyuki.supervise import Backoff, GiveUp, GiveUpThen, LogFiles, ProgramKind, RestartMode
from liteyuki.supervise.triggers.schedule import next_time


def write(directory: Path, pyproject: str = "", own: str | None = None) -> Path:
    (directory / "pyproject.toml").write_text(pyproject, encoding="utf-8")
    if own is not None:
        (directory / "liteyuki.toml").write_text(own, encoding="utf-8")
    return directory


def test_without_any_configuration_there_is_the_nonebot_project(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, {})
    assert settings.lang == "zh"
    assert settings.data_dir == tmp_path / ".liteyuki"
    assert settings.log_files == LogFiles(max_bytes=10 * 2**20, count=5)
    (spec,) = settings.processes.values()
    assert (spec.name, spec.program.kind, spec.cwd) == ("nonebot", ProgramKind.APP, tmp_path)
    assert (spec.restart, spec.backoff, spec.give_up) == (RestartMode.ALWAYS, Backoff(), GiveUp())
    assert (spec.start_timeout, spec.stop_timeout) == (0.0, 10.0)
    assert (spec.watchdog, spec.memory_limit_bytes, spec.max_age, spec.schedule, spec.watch) == (60.0, 0, 0.0, "", ())


def test_later_layers_win_key_by_key(tmp_path: Path) -> None:
    write(
        tmp_path,
        '[tool.liteyuki]\nlang = "en"\nlog_level = "DEBUG"\n[tool.liteyuki.processes.nonebot]\nstop_timeout = 1\n',
        'log_level = "ERROR"\n[processes.nonebot]\nrestart = "never"\n',
    )
    environment = {"LITEYUKI_PROCESSES__NONEBOT__STOP_TIMEOUT": "2.5", "OTHER": "x"}
    settings = load_settings(tmp_path, environment, {"log_level": "TRACE"})
    assert (settings.lang, settings.log_level) == ("en", "TRACE")
    spec = settings.processes["nonebot"]
    assert (spec.stop_timeout, spec.restart) == (2.5, RestartMode.NEVER)
    assert settings.raw["processes"]["nonebot"] == {"stop_timeout": 2.5, "restart": "never"}


def test_every_setting_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    write(
        tmp_path,
        own="""
[processes.worker]
target = "package.module:function"
args = [1, "two"]
kwargs = { three = [3] }
env = { NAME = "value", EMPTY = "" }
restart = "on-failure"
backoff = { base = 1, factor = 3, max = 9, jitter = 0, reset_after = 5 }
give_up = { deaths = 2, within = 10, then = "exit", slow_every = 20 }
start_timeout = 3
stop_timeout = 4
watchdog = 30
memory_limit = "1.5 GiB"
max_age = 86400
schedule = "0 4 * * *"
watch = ["src"]
safe_mode = false
""",
    )
    spec = load_settings(tmp_path, {}).processes["worker"]
    assert spec.program.words == ("package.module:function",)
    assert (spec.program.args, dict(spec.program.kwargs)) == ((1, "two"), {"three": [3]})
    assert dict(spec.env) == {"NAME": "value", "EMPTY": ""}
    assert spec.backoff == Backoff(base=1, factor=3, max=9, jitter=0, reset_after=5)
    assert spec.give_up == GiveUp(deaths=2, within=10, then=GiveUpThen.EXIT, slow_every=20)
    assert (spec.watchdog, spec.memory_limit_bytes, spec.max_age) == (30.0, 3 * 2**29, 86400.0)
    assert (spec.schedule, spec.watch, spec.safe_mode) == ("0 4 * * *", (tmp_path / "src",), False)
    assert all(isinstance(value, float) for value in (spec.start_timeout, spec.backoff.base, spec.give_up.within))


def test_log_files_from_a_file_and_a_variable(tmp_path: Path) -> None:
    write(tmp_path, own='log_files = { max_size = "1.5 MiB", count = 2 }')
    assert load_settings(tmp_path, {}).log_files == LogFiles(max_bytes=3 * 2**19, count=2)
    environment = {"LITEYUKI_LOG_FILES__MAX_SIZE": "20 MB"}
    assert load_settings(tmp_path, environment).log_files == LogFiles(max_bytes=20_000_000, count=2)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("512 MiB", 512 * 2**20),
        ("1KiB", 1024),
        ("2 gb", 2 * 10**9),
        ("0.5 GiB", 2**29),
        ("1 TiB", 2**40),
        ("7 B", 7),
        (4096, 4096),
        (0, 0),
        *((bad, None) for bad in ("", "MiB", "12", "1 M", "1 iB", "-1 KiB", "1  KiB", "1,5 MiB", "½ KiB", "1 KiB\n")),
        *((bad, None) for bad in (-1, 1.0, True, None, "9" * 400 + " KiB", ["1 KiB"])),
    ],
)
def test_sizes(size: object, expected: int | None) -> None:
    assert parse_size(size) == expected


@given(st.integers(0, 2**40), st.sampled_from(["B", "KB", "KiB", "MB", "MiB", "GB", "GiB", "TB", "TiB"]))
def test_a_size_is_its_number_of_units(number: int, unit: str) -> None:
    power = " KMGT".index(unit[0]) if len(unit) > 1 else 0
    assert parse_size(f"{number} {unit}") == number * (1024 if "i" in unit else 1000) ** power


@pytest.mark.parametrize(
    ("own", "key"),
    [
        ("unknown = 1", "unknown"),
        ("lang = 5", "lang"),
        ("log_icons = 1", "log_icons"),
        ('plugins = "one"', "plugins"),
        ("processes = 1", "processes"),
        ('log_files = "10 MiB"', "log_files"),
        ("log_files = { size = 1 }", "log_files.size"),
        ('log_files = { max_size = "10 pages" }', "log_files.max_size"),
        ("log_files = { max_size = 1023 }", "log_files.max_size"),
        ("log_files = { max_size = 1e6 }", "log_files.max_size"),
        ("log_files = { count = 0 }", "log_files.count"),
        ("[processes.a]\nunknown = 1", "processes.a.unknown"),
        ('[processes."a b"]', "a b"),
        ('[processes.a]\nscript = ""', "processes.a.script"),
        ('[processes.a]\nscript = "x.py"\ncommand = ["y"]', "processes.a.command"),
        ("[processes.a]\ncommand = []", "processes.a.command"),
        ('[processes.a]\napp = "django"', "processes.a.app"),
        ('[processes.a]\ntarget = "no_colon"', "processes.a.target"),
        ('[processes.a]\nscript = "x.py"\nargs = [1]', "processes.a.args"),
        ('[processes.a]\ncwd = "nowhere"', "processes.a.cwd"),
        ("[processes.a]\nenv = { A = 1 }", "processes.a.env.A"),
        ("[processes.a]\nstop_timeout = inf", "processes.a.stop_timeout"),
        ("[processes.a]\nstop_timeout = nan", "processes.a.stop_timeout"),
        ("[processes.a]\nstop_timeout = true", "processes.a.stop_timeout"),
        ("[processes.a]\nbackoff = { jitter = 1.5 }", "processes.a.backoff.jitter"),
        ("[processes.a]\nbackoff = { factor = 0.5 }", "processes.a.backoff.factor"),
        ("[processes.a]\ngive_up = { deaths = 0 }", "processes.a.give_up.deaths"),
        ("[processes.a]\ngive_up = { deaths = 1.5 }", "processes.a.give_up.deaths"),
        ("[processes.a]\ngive_up = { unknown = 1 }", "processes.a.give_up.unknown"),
        ("[processes.a]\nwatchdog = -1", "processes.a.watchdog"),
        ('[processes.a]\ncommand = ["x"]\nwatchdog = 5', "processes.a.watchdog"),
        ('[processes.a]\ntarget = "x:y"\nsafe_mode = true', "processes.a.safe_mode"),
        ("[processes.a]\nsafe_mode = 1", "processes.a.safe_mode"),
        ("[processes.a]\nmemory_limit = 512", "processes.a.memory_limit"),
        ("[processes.a]\nmemory_limit = false", "processes.a.memory_limit"),
        ("[processes.a]\nmemory_limit = 2048", "processes.a.memory_limit"),
        ("[processes.a]\nmemory_limit = 0.0", "processes.a.memory_limit"),
        ('[processes.a]\nmemory_limit = "64 kB"', "processes.a.memory_limit"),
        ('[processes.a]\nmemory_limit = "512"', "processes.a.memory_limit"),
        ('[processes.a]\nmemory_limit = "much"', "processes.a.memory_limit"),
        ('[processes.a]\nmax_age = "1 day"', "processes.a.max_age"),
        ("[processes.a]\nmax_age = " + "9" * 400, "processes.a.max_age"),
        ("[processes.a]\nbackoff = { factor = " + "9" * 400 + " }", "processes.a.backoff.factor"),
        ('[processes.a]\nschedule = "at four"', "processes.a.schedule"),
        ('[processes.a]\nschedule = "0 0 30 2 *"', "processes.a.schedule"),
        ("[processes.a]\nschedule = 4", "processes.a.schedule"),
        ('[processes.a]\nwatch = "src"', "processes.a.watch"),
        ('[processes.a]\nwatch = ["nowhere"]', "processes.a.watch"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, own: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(write(tmp_path, own=own), {})
    assert caught.value.key == key
    assert key in str(caught.value)


@pytest.mark.parametrize(
    "key", ["start_timeout", "stop_timeout", "watchdog", "max_age", "backoff.base", "backoff.max", "give_up.within"]
)
def test_what_takes_seconds_says_so(tmp_path: Path, key: str) -> None:
    set_language("en")
    with pytest.raises(ConfigError, match=rf"{key}.*seconds"):
        load_settings(write(tmp_path, own=f'[processes.a]\n{key} = "10 s"'), {})


def test_errors_name_the_layer_that_holds_the_value(tmp_path: Path) -> None:
    write(tmp_path, '[tool.liteyuki]\nlang = "fr"\n')
    with pytest.raises(ConfigError, match=r"pyproject\.toml"):
        load_settings(tmp_path, {})
    with pytest.raises(ConfigError, match="LITEYUKI_LANG"):
        load_settings(tmp_path, {"LITEYUKI_LANG": "de"})
    with pytest.raises(ConfigError, match=r"liteyuki\.toml"):
        load_settings(write(tmp_path, own='lang = "it"'), {})
    with pytest.raises(ConfigError, match="LITEYUKI_NO_SUCH"):
        load_settings(write(tmp_path, own=""), {"LITEYUKI_NO_SUCH": "1"})


def test_what_a_child_is_given_is_no_setting(tmp_path: Path) -> None:
    given_to_a_child = {"LITEYUKI_PROCESS": "a", "LITEYUKI_GENERATION": "1", "LITEYUKI_HANDLES": "{}"}
    assert load_settings(tmp_path, given_to_a_child).processes.keys() == {"nonebot"}


values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
KEYS = """
lang log_level log_icons data_dir log_files max_size count plugins plugin_dirs processes x a nonebot app script target
command args kwargs
cwd env restart backoff give_up base then start_timeout stop_timeout watchdog memory_limit max_age schedule watch
after instances user nice umask rlimits
"""
keys = st.sampled_from(KEYS.split())
tables: Any = st.recursive(values, lambda inner: st.dictionaries(keys, inner, max_size=4), max_leaves=8)


# The time that such tables take to build does not matter here, and on a busy machine is too long for hypothesis.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys, tables, max_size=4))
def test_whatever_is_written_ends_in_settings_or_in_a_clear_error(overrides: dict[str, Any]) -> None:
    try:
        loaded = load_settings(Path(__file__).parent, {}, overrides)
    except (ConfigError, ProjectError) as error:
        message = str(error)
    else:
        message = ""
        assert loaded.processes
    assert message.count("\n") <= repr(overrides).count("\\n")


def test_a_program_of_a_later_layer_replaces_that_of_an_earlier_one(tmp_path: Path) -> None:
    write(tmp_path, own='[processes.nonebot]\ntarget = "a:b"\nargs = [1]\nstop_timeout = 3\n')
    spec = load_settings(tmp_path, {}, {"processes": {"nonebot": {"script": "x.py"}}}).processes["nonebot"]
    assert (spec.program.kind, spec.program.args, spec.stop_timeout) == (ProgramKind.SCRIPT, (), 3.0)


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [
        ('"512 MiB"', 2**29),
        ('"64MB"', 64_000_000),
        ('"64000kB"', 64_000_000),
        ('"1.5 GB"', 1_500_000_000),
        ('"2gib"', 2**31),
        ("0", 0),
    ],
)
def test_a_memory_limit_has_a_unit(tmp_path: Path, size: str, size_bytes: int) -> None:
    settings = load_settings(write(tmp_path, own=f"[processes.a]\nmemory_limit = {size}"), {})
    assert settings.processes["a"].memory_limit_bytes == size_bytes


CRON_FIELDS = """
* */5 */0 1-5 5-1 0 1 2 30 31 99 L LW 1#2 5L MON JAN 1,2 , / - x
"""
cron_fields = st.sampled_from(CRON_FIELDS.split())


@given(st.lists(cron_fields, max_size=7))
def test_a_schedule_is_refused_or_has_a_next_time(fields: list[str]) -> None:
    expression = " ".join(fields)
    try:
        settings = load_settings(Path(__file__).parent, {}, {"processes": {"a": {"schedule": expression}}})
    except ConfigError:
        return
    written = settings.processes["a"].schedule
    assert written == expression
    now = datetime.now()
    assert not written or next_time(written, now) > now
