"""A OneBot v11 implementation for tests: the other end of a bot's reverse WebSocket."""

import contextlib
import itertools
import json
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from harness.system import DEADLINE

__all__ = ["OneBot"]


class OneBot:
    """A OneBot v11 implementation for tests: one account that connects again whenever it is thrown out."""

    def __init__(self, port: int, *, self_id: int = 777, token: str = "") -> None:
        self.url = f"ws://127.0.0.1:{port}/onebot/v11/ws"
        self.self_id = self_id
        self.sent: list[dict[str, Any]] = []
        """The parameters of every message that the bot has sent, with its `text` and the number of the `connection`
        (from 1).
        """
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
        """Let `user` say `words`, in private or in a group; returns the message's id."""
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
        """The `count`-th message of the bot that matches, as soon as it is there."""

        def find() -> dict[str, Any] | None:
            found = [message for message in self.sent if re.search(pattern, message["text"])]
            return found[count - 1] if len(found) >= count else None

        message: dict[str, Any] = self._wait(find, f"message {pattern!r}", deadline)
        return message
