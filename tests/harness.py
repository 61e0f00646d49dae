"""Starting real main processes, and talking to their bots, under deadlines."""

import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import Self
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

DEADLINE = 30.0
"""Seconds for anything that must happen at all; nothing is asserted about how fast it does."""

ONEBOT = """
[tool.nonebot.adapters]
nonebot-adapter-onebot = [
    { name = "OneBot V11", module_name = "nonebot.adapters.onebot.v11" },
    { name = "OneBot V12", module_name = "nonebot.adapters.onebot.v12" },
]
"""


_next_ports = itertools.count(random.randrange(1_000))


def free_port() -> int:
    """A port that nobody has, and that nobody gets before it is used: none that the system or another worker gives."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    while True:
        port = 20_000 + worker % 10 * 1_000 + next(_next_ports) % 1_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], Any], what: str, deadline: float = DEADLINE) -> Any:
    """The first true value of `condition`; asked anew in short steps, for what tells nobody when it happens."""
    end = time.monotonic() + deadline
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {deadline} s: {what}")


def is_alive(pid: int) -> bool:
    """Whether `pid` is there and no zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def open_handles() -> int:
    """How many OS handles this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def wait_until_gone(pid: int, *, deadline: float = DEADLINE) -> None:
    """Until the process `pid` has ended."""
    wait_until(lambda: not is_alive(pid), f"the end of process {pid}", deadline)


class Project:
    """A NoneBot project in a folder of its own, with a port of its own."""

    def __init__(self, directory: Path, *, nonebot: str = ONEBOT, superusers: Sequence[str] = ("10001",)) -> None:
        self.directory = directory
        self.port = free_port()
        self.plugins = directory / "plugins"
        self.plugins.mkdir(parents=True)
        self.write_pyproject("", nonebot)
        self.write_env(f"SUPERUSERS={json.dumps(list(superusers))}")

    def write_pyproject(self, liteyuki: str, nonebot: str = ONEBOT) -> None:
        (self.directory / "pyproject.toml").write_text(
            '[project]\nname = "bot"\nversion = "0"\n\n[tool.nonebot]\n'
            f'plugin_dirs = ["plugins"]\nbuiltin_plugins = ["echo"]\n{nonebot}\n{liteyuki}\n',
            encoding="utf-8",
        )

    def write_env(self, *lines: str) -> None:
        content = "\n".join([f"HOST=127.0.0.1\nPORT={self.port}", *lines])
        (self.directory / ".env").write_text(content + "\n", encoding="utf-8")

    def write_plugin(self, name: str, source: str) -> None:
        (self.plugins / f"{name}.py").write_text(source, encoding="utf-8")

    def run(self, *arguments: str, **environment: str) -> "MainProcess":
        """`liteyuki run` in this folder."""
        return MainProcess([sys.executable, "-m", "liteyuki", "run", *arguments], self.directory, environment)


class MainProcess:
    """A main process that a test has started, as a context manager that leaves nothing behind."""

    def __init__(
        self, command: list[str], directory: Path, environment: dict[str, str], *, stdin: int = subprocess.DEVNULL
    ) -> None:
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._children: set[int] = set()
        self._process = subprocess.Popen(
            command,
            cwd=directory,
            env={**_clean_environment(), **environment},
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()

    def wait_for(self, pattern: str, *, count: int = 1, deadline: float = DEADLINE) -> re.Match[str]:
        """The `count`-th line of output that matches, as soon as it is there."""
        end = time.monotonic() + deadline
        with self._changed:
            while True:
                found = [match for line in self.lines if (match := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"{pattern!r} ({count}) did not come in {deadline} s:\n{self.text}")
                self._changed.wait(left)

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def children(self) -> list[int]:
        """The pids of its child processes; remembered, so that none can be left over."""
        found = subprocess.run(
            ["ps", "-o", "pid=,stat=", "--ppid", str(self.pid)], capture_output=True, text=True, check=False
        )
        pids = [int(line.split()[0]) for line in found.stdout.splitlines() if "Z" not in line.split()[1]]
        self._children.update(pids)
        return pids

    def child(self) -> int:
        """The pid of the one child."""
        pids: list[int] = wait_until(self.children, "a child process")
        assert len(pids) == 1, pids
        return pids[0]

    def wait_ready(self, count: int = 1) -> int:
        """Until the bot has become ready for the `count`-th time; its pid."""
        return int(self.wait_for(r"nonebot：已就绪（pid (\d+)）", count=count)[1])

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Its exit code."""
        code = self._process.wait(deadline)
        self._reader.join(deadline)
        return code

    def stop(self) -> int:
        """Ctrl+C, and the exit code."""
        self.children()
        self.send(signal.SIGINT)
        return self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if any(error):
            print(self.text)  # for whoever reads the failure
        if self._process.poll() is None:
            self.children()
            self.send(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._reader.join(5)
        self._process.stdout.close()
        for pid in self._children:
            wait_until_gone(pid, deadline=5)


class OneBot:
    """A OneBot v11 implementation for tests: one account that connects again whenever it is thrown out."""

    def __init__(self, port: int, *, self_id: int = 777, token: str = "") -> None:
        self.url = f"ws://127.0.0.1:{port}/onebot/v11/ws"
        self.self_id = self_id
        self.sent: list[dict[str, Any]] = []
        """Parameters of every message that the bot has sent, with `text`, and `connection`, the how-manieth."""
        self.connections = 0
        self.may_connect = threading.Event()
        self.may_connect.set()
        self._headers = {"X-Self-ID": str(self_id), "X-Client-Role": "Universal"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._changed = threading.Condition()
        self._connection: Connection | None = None
        self._message_ids = itertools.count(1000)
        self._ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "OneBot":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending = True
        self.may_connect.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._ending:
            self.may_connect.wait()
            with (
                contextlib.suppress(OSError, WebSocketException, TimeoutError),
                connect(self.url, additional_headers=self._headers, proxy=None, open_timeout=5) as connection,
            ):
                self._serve(connection)
            self._connection = None
            time.sleep(0.02)

    def _serve(self, connection: Connection) -> None:
        lifecycle = {"post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect"}
        connection.send(json.dumps({"time": int(time.time()), "self_id": self.self_id, **lifecycle}))
        with self._changed:
            self._connection = connection
            self.connections += 1
            self._changed.notify_all()
        for data in connection:
            action = json.loads(data)
            if action["action"] == "send_msg":
                params = action["params"]
                message = params["message"]
                words = message if isinstance(message, str) else "".join(s["data"]["text"] for s in message)
                with self._changed:
                    self.sent.append({**params, "text": words, "connection": self.connections})
                    self._changed.notify_all()
            connection.send(
                json.dumps({"status": "ok", "retcode": 0, "data": {"message_id": 1}, "echo": action["echo"]})
            )

    def _wait(self, condition: Callable[[], Any], what: str, deadline: float) -> Any:
        end = time.monotonic() + deadline
        with self._changed:
            while not (value := condition()):
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f"not within {deadline} s: {what}; the bot said {self.sent}")
                self._changed.wait(left)
        return value

    def wait_connected(self, count: int = 1, deadline: float = DEADLINE) -> None:
        self._wait(lambda: self.connections >= count and self._connection, f"connection {count}", deadline)

    def say(
        self,
        words: str,
        *,
        user: int = 10001,
        group: int | None = None,
        message_id: int | None = None,
        sent_at: float | None = None,
    ) -> int:
        """Let `user` say it, in private or in a group; the message's id."""
        connection = self._wait(lambda: self._connection, "a connection", DEADLINE)
        number = next(self._message_ids) if message_id is None else message_id
        place = {"message_type": "private", "sub_type": "friend"}
        if group is not None:
            place = {"message_type": "group", "sub_type": "normal", "group_id": group}  # type: ignore[dict-item]
        connection.send(
            json.dumps(
                {
                    "time": int(sent_at or time.time()),
                    "self_id": self.self_id,
                    "post_type": "message",
                    **place,
                    "message_id": number,
                    "user_id": user,
                    "message": [{"type": "text", "data": {"text": words}}],
                    "raw_message": words,
                    "font": 0,
                    "sender": {"user_id": user, "nickname": "tester"},
                }
            )
        )
        return number

    def wait_said(self, pattern: str, *, count: int = 1, deadline: float = DEADLINE) -> dict[str, Any]:
        """The `count`-th message of the bot's that matches, as soon as it is there."""

        def find() -> dict[str, Any] | None:
            found = [message for message in self.sent if re.search(pattern, message["text"])]
            return found[count - 1] if len(found) >= count else None

        message: dict[str, Any] = self._wait(find, f"message {pattern!r}", deadline)
        return message


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("LITEYUKI_")}


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    """Somebody else has the port."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()
        yield
