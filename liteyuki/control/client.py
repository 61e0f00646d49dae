"""A client of the control socket: it asks the main process of a project."""

import asyncio
import contextlib
import itertools
from pathlib import Path
from types import TracebackType
from typing import Any

from liteyuki.control.protocol import CONTROL_TIMEOUT, MAX_LINE_BYTES, parse_answer, request_line
from liteyuki.errors import ControlError, NoMainProcess
from liteyuki.locale import text
from liteyuki.runtime_dir import socket_address

__all__ = ["ControlClient"]


class ControlClient:
    """A connection, as an async context manager. Entering raises `NoMainProcess` if no main process runs there."""

    def __init__(self, control_socket: Path) -> None:
        self._path = control_socket
        self._numbers = itertools.count(1)
        self._lock = asyncio.Lock()
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "ControlClient":
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(
                socket_address(self._path), limit=MAX_LINE_BYTES
            )
        except OSError as error:
            raise NoMainProcess(text("error.no_control_socket", path=self._path)) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    async def until_ended(self) -> None:
        """Returns when the main process has ended. Not at the same time as a `call`."""
        async with self._lock:
            with contextlib.suppress(ConnectionError):
                await self._reader.read()

    async def call(self, method: str, **params: Any) -> Any:
        """The method's result. Raises `ControlError` if it is refused, `NoMainProcess` if that process has ended."""
        async with self._lock:
            try:
                self._writer.write(request_line(next(self._numbers), method, params))
                await self._writer.drain()
                line = await asyncio.wait_for(self._reader.readline(), CONTROL_TIMEOUT)
            except ConnectionError as error:
                raise NoMainProcess(text("error.main_process_ended")) from error
            except asyncio.TimeoutError as error:
                raise NoMainProcess(text("error.main_process_silent", seconds=CONTROL_TIMEOUT)) from error
        if not line:
            raise NoMainProcess(text("error.main_process_ended"))
        result, refusal = parse_answer(line)
        if refusal is not None:
            raise ControlError(refusal.code, str(refusal))
        return result
