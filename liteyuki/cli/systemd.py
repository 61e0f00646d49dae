"""A systemd unit for this project and this environment."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from liteyuki.config import Settings
from liteyuki.exit_codes import BAD_SETTINGS, GAVE_UP
from liteyuki.locale import text
from liteyuki.supervise import START_WAIT, GiveUpThen, longest_chain

__all__ = ["own_user", "systemd_unit"]

_LAST_SECONDS: Final = 10.0
"""Seconds that the main process may take beyond the `stop_timeout`s of its children."""


def systemd_unit(settings: Settings, script: Path | None = None, *, user: str | None = None) -> str:
    """The text of the unit. `script` is what `liteyuki run` is to run, `user` who runs it (None: systemd's default)."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", settings.directory.name).strip("-.") or "liteyuki"
    specs = settings.processes
    after = {name: spec.after for name, spec in specs.items()}
    start = longest_chain(after, {name: spec.start_timeout or START_WAIT for name, spec in specs.items()}) + START_WAIT
    stop = sum(spec.stop_timeout for spec in specs.values()) + _LAST_SECONDS
    words = [*_program(), "run", *([str(script)] if script else [])]
    lines = [
        "# " + text("service.what_to_do", path=f"/etc/systemd/system/{name}.service", name=name),
        "[Unit]",
        f"Description=Liteyuki: {_literal(name)}",
        "Wants=network-online.target",
        "After=network-online.target",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"WorkingDirectory={_literal(str(settings.directory))}",
        *([f"User={user}"] if user else []),
        f"ExecStart={' '.join(_quoted(word) for word in words)}",
        *(f"Environment={_quoted(variable)}" for variable in _give_up_for_good(settings)),
        # The exit code tells systemd that the main process has given up; a person has to correct wrong settings.
        "Restart=on-failure",
        f"RestartForceExitStatus={GAVE_UP}",
        f"RestartPreventExitStatus={BAD_SETTINGS}",
        "RestartSec=5",
        "WatchdogSec=60",
        f"TimeoutStartSec={start:g}",
        f"TimeoutStopSec={stop:g}",
        # The main process stops its children itself; systemd kills what is left after it. If one of them takes too much
        # memory, the main process handles that.
        "KillMode=mixed",
        # The main process needs a cgroup for each child, to end everything that the child has started at once.
        "Delegate=yes",
        "OOMPolicy=continue",
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return "\n".join(lines) + "\n"


def _program() -> list[str]:
    """This environment's interpreter, and the console script beside it, which no file of the project can hide."""
    script = Path(sys.executable).with_name("liteyuki")
    return [sys.executable, str(script)] if script.is_file() else [sys.executable, "-m", "liteyuki"]


def _give_up_for_good(settings: Settings) -> Iterable[str]:
    """Variables that make the main process exit instead of retrying slowly, so that systemd learns of it."""
    for name, spec in {spec.family: spec for spec in settings.processes.values()}.items():
        # Only these names fit into a variable: systemd takes no hyphen there, and letters lose their case.
        if spec.give_up.then is GiveUpThen.SLOW and re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
            yield f"LITEYUKI_PROCESSES__{name.upper()}__GIVE_UP__THEN={GiveUpThen.EXIT.value}"


def _literal(value: str) -> str:
    return value.replace("%", "%%")


def _quoted(word: str) -> str:
    """A word as systemd.syntax(7) has it."""
    escaped = _literal(word).replace("$", "$$")
    if re.fullmatch(r"[A-Za-z0-9_@%+=:,./$-]+", escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'


def own_user() -> str | None:
    """The user who runs this; None for root, who is most likely only here to write the unit."""
    if os.geteuid() == 0:
        return None
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name
