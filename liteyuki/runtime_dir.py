"""The folder of run-time data, `<project>/.liteyuki/`: how it is made, locked and cleaned, and what it contains."""

import os
from pathlib import Path
from types import TracebackType
from typing import Final

from liteyuki._platform import lock_file
from liteyuki.errors import AlreadyRunningError, StartError
from liteyuki.locale import text

__all__ = ["CONTROL_SOCKET", "HISTORY", "LOGS", "RuntimeDirectory", "socket_address"]

CONTROL_SOCKET = "control.sock"
HISTORY = "history.db"
LOGS = "logs"
"""The folder of the log files."""

_LONGEST_ADDRESS_BYTES: Final = 100
"""What `sun_path` holds on every system (108 on Linux, 104 on macOS), with a small margin."""


class RuntimeDirectory:
    """Held by the one main process of a project, as a context manager.

    Entering raises `AlreadyRunningError` if another one holds it, `StartError` if it cannot be made. The lock ends with
    the process, however that dies.
    """

    def __init__(self, path: Path, project: Path) -> None:
        self.path = path
        self._project = project
        self.control_socket = path / CONTROL_SOCKET
        self.history = path / HISTORY
        self.logs = path / LOGS
        self._lock = -1

    def __enter__(self) -> "RuntimeDirectory":
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            (self.path / ".gitignore").write_text("*\n")
            self._lock, holder = lock_file(self.path / "main.lock")
            if holder is not None:
                raise AlreadyRunningError(holder, str(self._project))
            self.control_socket.unlink(missing_ok=True)  # left by a main process that was killed
        except OSError as error:
            raise StartError(text("error.runtime_dir", path=self.path, error=error.strerror)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.control_socket.unlink(missing_ok=True)
        os.close(self._lock)


def socket_address(path: Path) -> str:
    """The shortest way to write `path`. Raises `StartError` if it is too long for a socket."""
    shortest = min(str(path), os.path.relpath(path), key=len)
    if len(os.fsencode(shortest)) > _LONGEST_ADDRESS_BYTES:
        raise StartError(text("error.socket_path", path=path))
    return shortest
