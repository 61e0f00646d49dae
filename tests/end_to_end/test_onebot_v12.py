"""OneBot v12 with an implementation that is not ours: pylibob from PyPI."""

import asyncio
import itertools
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from pylibob import (  # type: ignore[import-untyped]
    Bot,
    ChannelMessageEvent,
    GroupMessageEvent,
    OneBotImpl,
    PrivateMessageEvent,
    Text,
    WebSocketReverse,
)

from harness import DEADLINE, Project, is_alive

pytestmark = pytest.mark.end_to_end

PLACES = [
    {"detail_type": "private"},
    {"detail_type": "group", "group_id": "4242"},
    {"detail_type": "channel", "guild_id": "1", "channel_id": "2"},
]


class AnnouncingConnection(WebSocketReverse):  # type: ignore[misc]
    """Reports the status of its account after each connection.

    pylibob leaves that to its user and has no hook for it, and NoneBot's adapter counts an account as connected only
    when it gets its status. pylibob calls `listen_ws` once per connection, after its `meta.connect`.
    """

    def __init__(self, url: str, on_connected: Callable[[], None]) -> None:
        super().__init__(url, reconnect_interval=20, enable_heartbeat=False)
        self._on_connected = on_connected

    async def listen_ws(self, ws: Any) -> None:
        await self.impl.update_status()
        self._on_connected()
        await super().listen_ws(ws)


class OneBotV12:
    """One account on a thread and a loop of its own.

    `OneBotImpl.run` is not used: it sets signal handlers, which only the main thread may do.
    """

    def __init__(self, port: int, *, user_id: str = "777") -> None:
        self.sent: list[dict[str, Any]] = []
        """The parameters of every message that the bot has sent, with its `text` and the number of the `connection`
        (from 1).
        """
        self.connections = 0
        self._account = Bot(platform="qq", user_id=user_id, online=True)
        self._connection = AnnouncingConnection(f"ws://127.0.0.1:{port}/onebot/v12/ws", self._note_connection)
        self._impl = OneBotImpl("tester", "1.0.0", [self._connection], self._account)
        self._impl.register_action_handler("send_message", self._record)
        self._numbers = itertools.count(1000)
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "OneBotV12":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(15)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        connecting = asyncio.create_task(self._connection.connect_to_remote())
        await self._end.wait()
        connecting.cancel()
        ours = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not ours), return_exceptions=True)

    def _note_connection(self) -> None:
        with self._changed:
            self.connections += 1
            self._changed.notify_all()

    async def _record(
        self,
        detail_type: str,
        message: list[dict[str, Any]],
        user_id: str = "",
        group_id: str = "",
        guild_id: str = "",
        channel_id: str = "",
    ) -> dict[str, Any]:
        # pylibob refuses an action with a parameter that is not listed here.
        place = {"user_id": user_id, "group_id": group_id, "guild_id": guild_id, "channel_id": channel_id}
        words = "".join(segment["data"]["text"] for segment in message)
        with self._changed:
            self.sent.append({"detail_type": detail_type, **place, "text": words, "connection": self.connections})
            self._changed.notify_all()
        return {"message_id": str(next(self._numbers)), "time": time.time()}

    def _wait(self, condition: Callable[[], Any], what: str) -> Any:
        with self._changed:
            value = self._changed.wait_for(condition, DEADLINE)
        assert value, f"not within {DEADLINE} s: {what}; the bot said {self.sent}"
        return value

    def wait_connected(self, count: int = 1) -> None:
        self._wait(lambda: self.connections >= count, f"connection {count}")

    def say(self, words: str, *, place: dict[str, str], user: str = "10001") -> None:
        """Let `user` say it at `place`."""
        kinds = {"private": PrivateMessageEvent, "group": GroupMessageEvent, "channel": ChannelMessageEvent}
        number = str(next(self._numbers))
        event = kinds[place["detail_type"]](
            id=number,
            time=time.time(),
            self=self._account,
            message_id=number,
            message=[Text(words)],
            alt_message=words,
            user_id=user,
            **place,
        )
        asyncio.run_coroutine_threadsafe(self._impl.emit(event), self._loop).result(DEADLINE)

    def wait_said(self, pattern: str) -> dict[str, Any]:
        """The first message of the bot that matches, as soon as it is there."""

        def find() -> dict[str, Any] | None:
            return next((message for message in self.sent if re.search(pattern, message["text"])), None)

        message: dict[str, Any] = self._wait(find, f"message {pattern!r}")
        return message


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place["detail_type"])
def test_restart_is_answered_done_and_announced_once_where_it_was_asked(
    project: Project, place: dict[str, str]
) -> None:
    with project.run() as main, OneBotV12(project.port) as chat:
        first = main.wait_ready()
        chat.wait_connected()
        chat.say("/restart", place=place)
        answer = chat.wait_said("^正在重启 nonebot")
        done = chat.wait_said(r"^重启完成，用时 [\d.]+ 秒$")
        second = main.wait_ready(2)
        assert first != second
        assert not is_alive(first)
        for message in (answer, done):
            assert place.items() <= message.items()
            assert message["user_id"] == "10001"
        assert (answer["connection"], done["connection"]) == (1, 2)
        # Anything said a second time would have come before this.
        chat.say("/echo still here", place={"detail_type": "private"})
        chat.wait_said("^still here$")
        assert [m["text"] for m in chat.sent if "重启" in m["text"]] == [answer["text"], done["text"]]
        assert main.stop() == 0


def test_only_superusers_are_obeyed(project: Project) -> None:
    with project.run() as main, OneBotV12(project.port) as chat:
        pid = main.wait_ready()
        chat.wait_connected()
        for place in PLACES:
            chat.say("/restart", place=place, user="10002")
        chat.say("/echo who am I", place={"detail_type": "private"}, user="10002")
        chat.wait_said("^who am I$")
        assert [message["text"] for message in chat.sent] == ["who am I"]
        assert main.child() == pid


def test_superusers_are_told_in_private_what_the_bot_runs_without(project: Project) -> None:
    project.write_env('SUPERUSERS=["onebot:10001"]')
    project.write_plugin("broken", "import os\nos._exit(7)\n")
    with project.run() as main, OneBotV12(project.port) as chat:
        main.wait_ready()
        told = chat.wait_said("未加载 plugins.broken：退出码 7")
        assert (told["detail_type"], told["user_id"], told["group_id"]) == ("private", "10001", "")
        assert main.stop() == 0
