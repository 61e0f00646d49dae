"""Each mistake leads to one clear message, never to a bare traceback or a hang."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness import DEADLINE, OneBot, Project, listening

pytestmark = pytest.mark.end_to_end


def run_and_read(project: Project, *arguments: str, **environment: str) -> tuple[int, str]:
    """`liteyuki run` that is expected to end: its exit code and what it prints."""
    with project.run(*arguments, **environment) as main:
        return main.wait(DEADLINE), main.text


def test_port_taken_names_the_port_who_has_it_and_the_setting(project: Project) -> None:
    with listening(project.port), project.run() as main:
        main.wait_for(rf"端口 127\.0\.0\.1:{project.port} 已被进程 {os.getpid()} 占用.*PORT")
        main.wait_for("60 秒后再试")
        assert main.stop() == 0


def test_plugin_that_does_not_import_is_named_with_file_and_line(project: Project) -> None:
    project.write_plugin("broken", "x = 1\nimport nothing_of_this_name\n")
    project.write_plugin("not_python", "x = 1\ndef f(:\n")
    with project.run() as main, OneBot(project.port) as qq:
        main.wait_for(r"❌错误\] 插件 broken 未能加载.*broken\.py:2：ModuleNotFoundError: No module named 'nothing_of")
        main.wait_for(r"❌错误\] 插件 not_python 未能加载.*not_python\.py:2：SyntaxError")
        main.wait_ready()
        qq.wait_connected()
        qq.say("/echo the others run")
        qq.wait_said("^the others run$")


def test_no_nonebot_table(project: Project) -> None:
    (project.directory / "pyproject.toml").write_text('[project]\nname = "x"\n')
    code, said = run_and_read(project)
    assert code == 2
    assert said.splitlines() == [
        f"无法启动：{project.directory / 'pyproject.toml'} 中没有 [tool.nonebot]；"
        "请用 nb create 创建项目，或进入项目目录，或运行 liteyuki run 你的脚本.py"
    ]


def test_no_project_at_all_but_a_script(project: Project) -> None:
    (project.directory / "pyproject.toml").unlink()
    (project.directory / "bot.py").write_text("import nonebot\nnonebot.init()\nnonebot.run()\n")
    code, said = run_and_read(project)
    assert code == 2
    assert "liteyuki run bot.py" in said
    assert "Traceback" not in said


def test_no_nonebot_in_the_environment(project: Project, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True, timeout=60)
    packages = next(venv.glob("lib/python3.*/site-packages"))
    root = Path(__file__).parents[2]
    for name in ("click", "loguru", "ormsgpack", "tomli"):
        module = sys.modules.get(name) or __import__("importlib").util.find_spec(name)
        if module is not None:
            origin = Path(getattr(module, "__file__", None) or module.origin).parent
            (packages / name).symlink_to(origin)
    (packages / "liteyuki").symlink_to(root / "liteyuki")
    # As after nonebot2 was uninstalled and an adapter was not.
    (packages / "nonebot" / "adapters" / "onebot").mkdir(parents=True)
    ended = subprocess.run(
        [venv / "bin" / "python", "-m", "liteyuki", "run"],
        cwd=project.directory,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 2
    assert "没有安装 nonebot2" in ended.stderr
    assert "pip install" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_second_main_process_says_which_pid_runs(project: Project) -> None:
    with project.run() as main:
        main.wait_ready()
        code, said = run_and_read(project)
        assert code == 1
        assert f"已有主进程在运行（pid {main.pid}）" in said
        assert len(said.splitlines()) == 1
        assert main.stop() == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('[tool.liteyuki]\nlog_levle = "INFO"', ["log_levle", "log_level"]),
        ('[tool.liteyuki]\nlang = "fr"', ["lang", "'fr'", "zh, en"]),
        ('[tool.liteyuki.processes.nonebot]\nrestart = "sometimes"', ["processes.nonebot.restart", "on-failure"]),
        ("[tool.liteyuki.processes.nonebot]\nstop_timeout = -1", ["processes.nonebot.stop_timeout", "-1"]),
        ("[tool.liteyuki.processes.nonebot.backoff]\nbass = 1", ["processes.nonebot.backoff.bass", "base"]),
        ('[tool.liteyuki.processes.nonebot]\nscript = "no_such.py"', ["no_such.py"]),
        ('[tool.liteyuki.processes.a]\ncommand = ["no-such-program"]', ["no-such-program"]),
    ],
)
def test_bad_setting_names_file_key_and_what_it_takes(project: Project, settings: str, words: list[str]) -> None:
    project.write_pyproject(settings)
    code, said = run_and_read(project)
    assert code == 2
    assert len(said.splitlines()) == 1
    for word in words:
        assert word in said


def test_file_that_is_no_toml(project: Project) -> None:
    (project.directory / "liteyuki.toml").write_text("lang = \n")
    code, said = run_and_read(project)
    assert code == 2
    assert "liteyuki.toml" in said
    assert "line 1" in said
    assert "Traceback" not in said


def test_variable_and_file_layers(project: Project) -> None:
    (project.directory / "liteyuki.toml").write_text('lang = "en"\nlog_icons = false\n')
    code, said = run_and_read(project, LITEYUKI_PROCESSES__NONEBOT__STOP_TIMEOUT="soon")
    assert code == 2
    assert "LITEYUKI_PROCESSES__NONEBOT__STOP_TIMEOUT" in said


def test_adapter_that_is_not_installed(project: Project) -> None:
    project.write_pyproject(
        "", '[tool.nonebot.adapters]\nx = [{ name = "X", module_name = "nonebot.adapters.nowhere" }]'
    )
    with project.run() as main:
        main.wait_for(r"❌错误\] \[tool.nonebot\] adapters 中的 nonebot.adapters.nowhere 无法导入.*nb adapter install")
        main.wait_for("60 秒后再试")
        assert main.stop() == 0
        assert "Traceback" not in main.text


def test_first_start_that_fails_shows_why_and_the_main_process_stays(project: Project) -> None:
    (project.directory / "my_bot.py").write_text("import nonebot\nnonebot.init()\nraise ValueError('on purpose')\n")
    with project.run("my_bot.py") as main:
        main.wait_for("^ValueError: on purpose$")
        main.wait_for("意外退出.*退出码 1")
        main.wait_for("60 秒后再试")
        main.send(signal.SIGINT)
        assert main.wait() == 0


def test_reload_of_fastapi_is_refused_with_the_way_out(project: Project) -> None:
    project.write_env("FASTAPI_RELOAD=true")
    with project.run() as main:
        main.wait_for("FASTAPI_RELOAD.*请从 .env 中移除")
        assert main.stop() == 0


def test_gives_up_with_code_70_when_told_to(project: Project) -> None:
    project.write_pyproject(
        '[tool.liteyuki.processes.worker]\ncommand = ["false"]\n'
        "backoff = { base = 0.01 }\ngive_up = { deaths = 3, then = 'exit' }"
    )
    code, said = run_and_read(project)
    assert code == 70
    assert "短时间内退出了 3 次" in said


def test_prefix_in_our_own_file(project: Project) -> None:
    (project.directory / "liteyuki.toml").write_text('[tool.liteyuki]\nlang = "en"\n')
    code, said = run_and_read(project)
    assert code == 2
    assert "前缀" in said


def test_plugin_that_ends_the_program_is_named(project: Project) -> None:
    project.write_plugin("leaver", "import sys\n\nsys.exit('bye')\n")
    with project.run() as main:
        main.wait_for(r"❌错误\] nonebot：插件 plugins\.leaver 使它无法启动（.*（bye），位于 .*leaver\.py:3")
        main.wait_ready()
        assert main.stop() == 0
