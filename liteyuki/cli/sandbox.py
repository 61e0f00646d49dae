"""A OneBot v11 implementation of one account with one friend: the other end of the bot's reverse WebSocket.

Protocol: OneBot 11, `communication/ws-reverse.md` and `event/message.md`.
"""

import asyncio
import itertools
import json
import time
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

from liteyuki.locale import text

__all__ = ["Sandbox"]

_SENDING_ACTIONS: Final = frozenset({"send_msg", "send_private_msg", "send_group_msg"})
_NO_SUCH_ACTION: Final = 1404
_HANDSHAKE_TIMEOUT: Final = 5.0


class Sandbox:
    """Stays connected while `run` runs; the bot's messages go into `replies`."""

    def __init__(self, *, url: str, access_token: str, self_id: str, user_id: str, reconnect: float) -> None:
        self.replies: asyncio.Queue[str] = asyncio.Queue()
        self._url = url
        self._self_id = int(self_id)
        self._user_id = int(user_id)
        self._reconnect = reconnect
        self._headers = {"X-Self-ID": self_id, "X-Client-Role": "Universal"}
        if access_token:
            self._headers["Authorization"] = f"Bearer {access_token}"
        self._connection: ClientConnection | None = None
        self._connected = asyncio.Event()
        self._lost = asyncio.Event()
        self._message_ids = itertools.count(1)
        self.last_refusal = ""
        """Why the bot refused the last connection that it refused."""

    async def run(self) -> None:
        """Connect, serve, and connect again whenever the connection is lost, until cancelled."""
        while True:
            try:
                async with connect(
                    self._url,
                    additional_headers=self._headers,
                    open_timeout=_HANDSHAKE_TIMEOUT,
                    ping_interval=None,
                    proxy=None,
                ) as connection:
                    await self._serve(connection)
            except InvalidHandshake as error:
                self.last_refusal = str(error)
            except (OSError, asyncio.TimeoutError, WebSocketException):
                pass  # the bot is away, or has just gone, so connect again
            finally:
                self._connection = None
                self._connected.clear()
                self._lost.set()
            await asyncio.sleep(self._reconnect)

    async def until_connected(self, connected: bool) -> None:
        """Wait until the connection is there, or until it is lost."""
        await (self._connected if connected else self._lost).wait()

    async def say(self, line: str) -> None:
        """Send `line` to the bot as a private message, once it is connected."""
        while True:
            await self._connected.wait()
            connection = self._connection
            assert connection is not None
            number = next(self._message_ids)
            try:
                await connection.send(json.dumps(self._message(number, line)))
                return
            except WebSocketException:
                self._connected.clear()

    async def _serve(self, connection: ClientConnection) -> None:
        lifecycle = {"post_type": "meta_event", "meta_event_type": "lifecycle", "sub_type": "connect"}
        await connection.send(json.dumps(self._event(lifecycle)))
        self._connection = connection
        self._lost.clear()
        self._connected.set()
        async for data in connection:
            action = json.loads(data)
            answer = self._act(action.get("action", ""), action.get("params") or {})
            await connection.send(json.dumps({**answer, "echo": action.get("echo")}))

    def _act(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        data: dict[str, Any] | None = None
        if action in _SENDING_ACTIONS:
            self.replies.put_nowait(_as_text(params.get("message", "")))
            data = {"message_id": next(self._message_ids)}
        elif action == "get_login_info":
            data = {"user_id": self._self_id, "nickname": "liteyuki chat"}
        elif action == "get_status":
            data = {"online": True, "good": True}
        elif action == "get_version_info":
            data = {"app_name": "liteyuki-chat", "app_version": "1", "protocol_version": "v11"}
        if data is None:
            return {"status": "failed", "retcode": _NO_SUCH_ACTION, "data": None}
        return {"status": "ok", "retcode": 0, "data": data}

    def _event(self, members: dict[str, Any]) -> dict[str, Any]:
        return {"time": int(time.time()), "self_id": self._self_id, **members}

    def _message(self, number: int, line: str) -> dict[str, Any]:
        return self._event(
            {
                "post_type": "message",
                "message_type": "private",
                "sub_type": "friend",
                "message_id": number,
                "user_id": self._user_id,
                "message": [{"type": "text", "data": {"text": line}}],
                "raw_message": line,
                "font": 0,
                "sender": {
                    "user_id": self._user_id,
                    "nickname": text("chat_cli.you"),
                    "sex": "unknown",
                    "age": 0,
                },
            }
        )


def _as_text(message: Any) -> str:
    """The text of a OneBot v11 message, which is segments or a string."""
    if isinstance(message, str):
        return message
    segments = message if isinstance(message, list) else [message]
    return "".join(_segment_as_text(segment) for segment in segments)


def _segment_as_text(segment: Any) -> str:
    if not isinstance(segment, dict):
        return str(segment)
    data = segment.get("data")
    if segment.get("type") == "text" and isinstance(data, dict):
        return str(data.get("text", ""))
    return f"[{segment.get('type')}]"
