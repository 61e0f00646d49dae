"""Supervisors that keep one program running, each with its defaults: Liteyuki, and its peers on PyPI."""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

__all__ = ["LITEYUKI", "Keeping", "installed_peers", "running"]


@dataclass(frozen=True)
class Keeping:
    """How a supervisor is told to keep a program running. `{words}` in the settings is the program's command line."""

    name: str
    package: str
    file: str
    settings: str
    module: str
    arguments: tuple[str, ...] = ()
    starts_again: bool = True

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", self.module, *self.arguments]


# Every death is followed by a restart at once, as only the first one after a healthy time is by default.
LITEYUKI: Final = Keeping(
    "liteyuki",
    "liteyuki",
    "liteyuki.toml",
    "[processes.program]\ncommand = {json}\nbackoff = {{ base = 0.0 }}\ngive_up = {{ deaths = 1000000 }}\n",
    "liteyuki",
    ("run",),
)
PEERS: Final = (
    Keeping(
        "supervisord",
        "supervisor",
        "supervisord.conf",
        "[supervisord]\nnodaemon=true\n[program:program]\ncommand={words}\nautorestart=true\n",
        "supervisor.supervisord",
        ("-c", "supervisord.conf"),
    ),
    Keeping(
        "circus",
        "circus",
        "circus.ini",
        "[circus]\nendpoint=ipc://{directory}/endpoint\npubsub_endpoint=ipc://{directory}/pubsub\n"
        "[watcher:program]\ncmd={words}\ncopy_env=true\n",
        "circus.circusd",
        ("circus.ini",),
    ),
    Keeping("honcho", "honcho", "Procfile", "program: {words}\n", "honcho", ("start",), starts_again=False),
)


def installed_peers() -> list[Keeping]:
    """The peers that are installed; it prints which are not."""
    found = []
    for peer in PEERS:
        if find_spec(peer.package) is None:
            print(f"{peer.name} is not installed")
        else:
            found.append(peer)
    return found


@contextlib.contextmanager
def running(keeping: Keeping, directory: Path, program: Sequence[str]) -> Iterator[int]:
    """The pid of the supervisor, which runs in `directory` and keeps `program`."""
    settings = keeping.settings.format(words=shlex.join(program), json=json.dumps(program), directory=directory)
    (directory / keeping.file).write_text(settings)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}
    supervisor = subprocess.Popen(
        keeping.command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield supervisor.pid
    finally:
        supervisor.send_signal(signal.SIGTERM)
        try:
            supervisor.wait(20)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()
