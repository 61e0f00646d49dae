"""The control socket: only those who can read the project's run-time folder, its owner, can open it."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from liteyuki.comm.protocol import FIRST_SANDBOX_ID, Origin
from liteyuki.control.protocol import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_LINE_BYTES,
    METHOD_NOT_FOUND,
    NOT_READY,
    REFUSED,
    Call,
    RequestError,
    error_line,
    parse_call,
    result_line,
)
from liteyuki.errors import StartError, UnknownProcess
from liteyuki.locale import text
from liteyuki.log import logger
from liteyuki.runtime_dir import socket_address
from liteyuki.supervise import ProcessState, RequestServer, Supervisor

__all__ = ["ControlServer"]


class _Client:
    """One connection, and the sandbox chats that live as long as it does."""

    def __init__(self) -> None:
        self.sandbox_users: set[str] = set()


class ControlServer:
    """Serves `list`, `restart`, `stop` and `open_chat`. On the main loop.

    Raises `StartError` if the path is too long for a socket.
    """

    def __init__(
        self, supervisor: Supervisor, requests: RequestServer, path: Path, *, on_stop: Callable[[], None]
    ) -> None:
        self._supervisor = supervisor
        self._requests = requests
        self._path = path
        self._address = socket_address(path)
        self._on_stop = on_stop
        self._server: asyncio.Server | None = None
        self._clients: dict[asyncio.Task[None], _Client] = {}
        self._methods: dict[str, Callable[[_Client, dict[str, Any]], object]] = {
            "list": self._list,
            "restart": self._restart,
            "stop": self._stop,
            "open_chat": self._open_chat,
        }

    async def start(self) -> None:
        """Listen. Raises `StartError` if no socket can be made there."""
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._address, limit=MAX_LINE_BYTES)
            self._path.chmod(0o600)
        except OSError as error:
            raise StartError(text("error.runtime_dir", path=self._path, error=error.strerror)) from error

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        client = self._clients[task] = _Client()
        try:
            with contextlib.suppress(ConnectionError):
                while line := await self._next_line(reader, writer):
                    writer.write(self._answer(client, line))
                    await writer.drain()
        except asyncio.CancelledError:
            pass  # the server closes; `close` has cancelled this and waits for it to end
        finally:
            del self._clients[task]
            if client.sandbox_users:
                self._tell_sandbox_users()
            writer.close()

    async def _next_line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        too_long = False
        while True:
            try:
                line = await reader.readline()
            except ValueError:
                too_long = True  # what has come of the line is dropped; the rest of it follows
                continue
            if not too_long:
                return line
            error = RequestError(INVALID_REQUEST, text("rpc.line", limit=MAX_LINE_BYTES))
            logger.warning(text("control.refused", error=error))
            writer.write(error_line(error))
            too_long = False

    def _answer(self, client: _Client, line: bytes) -> bytes:
        try:
            call = parse_call(line)
            return result_line(call.request_id, self._call(client, call))
        except RequestError as error:
            if error.code not in (REFUSED, NOT_READY):
                logger.warning(text("control.refused", error=error))
            return error_line(error)

    def _call(self, client: _Client, call: Call) -> object:
        method = self._methods.get(call.method)
        if method is None:
            known = ", ".join(self._methods)
            raise RequestError(METHOD_NOT_FOUND, text("rpc.method", method=call.method, known=known), call.request_id)
        try:
            return method(client, call.params)
        except RequestError as error:
            raise RequestError(error.code, str(error), call.request_id) from error
        except Exception as error:
            logger.opt(exception=error).error(text("control.failed", method=call.method))
            raise RequestError(INTERNAL_ERROR, f"{type(error).__name__}: {error}", call.request_id) from error

    # --- the methods

    def _list(self, client: _Client, params: dict[str, Any]) -> list[dict[str, Any]]:
        _check_names(params)
        return [asdict(status) for status in self._supervisor.status()]

    def _restart(self, client: _Client, params: dict[str, Any]) -> dict[str, Any]:
        _check_names(params, "process", "reason")
        name = self._process(params)
        reason = _string(params, "reason", "")
        origin = Origin(kind="control", who=f"uid {os.getuid()}")
        answer = self._supervisor.restart(name, reason=reason, origin=origin)
        return {"outcome": answer.outcome, "process": answer.process}

    def _stop(self, client: _Client, params: dict[str, Any]) -> dict[str, Any]:
        _check_names(params)
        self._on_stop()
        return {}

    def _open_chat(self, client: _Client, params: dict[str, Any]) -> dict[str, Any]:
        """Open a chat: its superuser exists for as long as this connection does."""
        _check_names(params, "process")
        name = self._process(params)
        keeper = self._supervisor.keeper(name)
        point, state = keeper.connection_point, keeper.state
        if point is None:
            if state is ProcessState.READY:
                raise RequestError(REFUSED, text("control.no_onebot", name=name))
            code = REFUSED if state is ProcessState.STOPPED else NOT_READY
            raise RequestError(code, text("control.not_ready", name=name, state=text(f"state.{state.value}")))
        user = _new_account()
        client.sandbox_users.add(user)
        self._tell_sandbox_users()
        return {
            "process": name,
            "user_id": user,
            "self_id": _new_account(),
            "url": point.url,
            "access_token": point.access_token,
        }

    def _tell_sandbox_users(self) -> None:
        users = (client.sandbox_users for client in self._clients.values())
        self._requests.set_sandbox_users(set().union(*users))

    def _process(self, params: dict[str, Any]) -> str:
        name = _string(params, "process", self._supervisor.names[0])
        try:
            self._supervisor.keeper(name)
        except UnknownProcess as error:
            raise RequestError(INVALID_PARAMS, str(error)) from error
        return name


def _new_account() -> str:
    """An account number that nobody has and nobody can guess: OneBot v11 wants a 64-bit integer."""
    # Not `secrets`: it loads OpenSSL's hashes, 0.8 MiB for this one number.
    return str(FIRST_SANDBOX_ID + int.from_bytes(os.urandom(8), "big") % FIRST_SANDBOX_ID)


def _check_names(params: dict[str, Any], *known: str) -> None:
    for name in params:
        if name not in known:
            raise RequestError(INVALID_PARAMS, text("rpc.parameter", name=name, known=", ".join(known) or "-"))


def _string(params: dict[str, Any], name: str, default: str) -> str:
    value = params.get(name, default)
    if not isinstance(value, str):
        raise RequestError(INVALID_PARAMS, text("rpc.string", name=name))
    return value
