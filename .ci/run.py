"""Everything that must pass before a change lands, on a machine that has nothing but Python 3.10 or newer.

The README's two commands, read from its text, in a fresh copy and a fresh environment, on the oldest and on the newest
Python that is here: the first until the bot has answered a chat, the second to the end. Then the linters.
"""

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ["3.10", "3.11", "3.12", "3.13", "3.14"]
PATIENCE = 120.0
"""Seconds for the bot to answer, and to stop."""


def commands_of(readme):
    """The two commands of its first part, and the line that talks to the bot."""
    text = (ROOT / readme).read_text(encoding="utf-8")
    start, test = re.findall(r"^```shell\n(.*)\n```$", text, re.MULTILINE)[:2]
    chat = re.search(r"^\$ (liteyuki chat .*)$", text, re.MULTILINE)[1]
    return start, test, chat


def find_pythons():
    """The oldest and the newest; one, if there is no other."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = {}
    for version in VERSIONS:
        # pyenv's shims refuse what it has not switched on.
        for python in [shutil.which("python" + version), *pyenv.glob(f"versions/{version}.*/bin/python")]:
            if python and version_of(python) == version:
                found.setdefault(version, str(python))
    found.setdefault(version_of(sys.executable), sys.executable)
    known = [found[version] for version in VERSIONS if version in found]
    if not known:
        sys.exit("There is no Python from 3.10 on here that can make a virtual environment (python3-venv).")
    return known[:1] + known[1:][-1:]


def version_of(python):
    """Empty if it does not run, or can make no virtual environment."""
    code = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2])"
    run = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return run.stdout.strip()


class Fresh:
    """A copy of the repository and an environment, with nothing in them yet."""

    def __init__(self, python, work):
        ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").split()
        self.folder = work / "copy"
        shutil.copytree(
            ROOT, self.folder, ignore=shutil.ignore_patterns(".git", *(name.rstrip("/") for name in ignored))
        )
        environment = work / "venv"
        subprocess.run([python, "-m", "venv", str(environment)], check=True)
        self.variables = {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
        self.variables.pop("PYTHONHOME", None)
        self.variables.pop("PYTHONPATH", None)
        self.variables["VIRTUAL_ENV"] = str(environment)
        self.variables["PATH"] = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.variables["PIP_QUIET"] = self.variables["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
        if is_taken(8080):
            self.variables["PORT"] = str(free_port())

    def start(self, command, **options):
        print("$", command, flush=True)
        words = shlex.split(command)
        program = shutil.which(words[0], path=self.variables["PATH"])
        return subprocess.Popen([program, *words[1:]], cwd=self.folder, env=self.variables, **options)

    def run(self, command):
        code = self.start(command).wait()
        if code:
            sys.exit(f"`{command}` has ended with exit code {code}")

    def run_all_but_the_last(self, commands):
        """Of what `&&` joins; the last one."""
        *first, last = commands.split(" && ")
        for command in first:
            self.run(command)
        return last

    def try_bot(self, commands, chat):
        """Start it, talk to it, and stop it as Ctrl+C does."""
        command = self.run_all_but_the_last(commands)
        log = self.folder.with_name("log")
        with log.open("wb") as output:
            bot = self.start(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            end = time.monotonic() + PATIENCE
            while "liteyuki chat" not in log.read_text(encoding="utf-8", errors="replace"):
                if bot.poll() is not None or time.monotonic() > end:
                    raise RuntimeError("it has not told where to chat")
                time.sleep(0.1)
            talk = self.start(chat, stdout=subprocess.PIPE, text=True)
            answers, _ = talk.communicate(timeout=PATIENCE)
            print(answers)
            if not answers.startswith("hi\n") or talk.returncode:
                raise RuntimeError("it has not answered as the README says")
            os.killpg(bot.pid, signal.SIGINT)
            if code := bot.wait(PATIENCE):
                raise RuntimeError(f"it has ended with exit code {code}")
        except BaseException:
            print(log.read_text(encoding="utf-8", errors="replace"))
            raise
        finally:
            if bot.poll() is None:
                os.killpg(bot.pid, signal.SIGKILL)
                bot.wait()

    def test(self, commands):
        """Its last line."""
        command = self.run_all_but_the_last(commands)
        tests = self.start(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
        last = ""
        for line in tests.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
        if code := tests.wait():
            sys.exit(f"`{command}` has ended with exit code {code}: {last}")
        return last


def is_taken(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell's `&` has it ignored, in all that is started here
    start, test, chat = commands_of("README.md")
    if commands_of("README.zh-CN.md")[:2] != (start, test):
        sys.exit("README.md and README.zh-CN.md give different commands")
    results = []
    with tempfile.TemporaryDirectory() as work:
        for number, python in enumerate(find_pythons()):
            began = time.monotonic()
            version = subprocess.run(
                [python, "--version"], check=True, stdout=subprocess.PIPE, text=True
            ).stdout.strip()
            print(f"== {version} ({python})", flush=True)
            fresh = Fresh(python, Path(work, str(number)))
            fresh.try_bot(start, chat)
            results.append(f"{version}: {fresh.test(test)}, all in {time.monotonic() - began:.0f} s")
        for command in ("ruff check .", "ruff format --check .", "mypy"):
            fresh.run(command)
    print("\n".join(results))


if __name__ == "__main__":
    main()
