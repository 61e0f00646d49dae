"""A Satori server (satori-python) with one account: it sends standard input to the bot, and prints what the bot says.

python satori_server.py PORT TOKEN
"""

import asyncio
import itertools
import sys
import threading
from datetime import datetime
from typing import Any

from launart import Launart
from satori import Api, Channel, ChannelType, Event, Login, MessageObject, User
from satori.server import Adapter, Request, Server


class OneAccount(Adapter[None]):
    def get_platform(self) -> str:
        return "test"

    def ensure(self, platform: str, self_id: str) -> bool:
        return True

    async def handle_internal(self, request: Request[Any], path: str) -> Any:
        raise NotImplementedError

    async def get_logins(self) -> list[Login]:
        return [Login(platform="test", user=User(id="bot", name="bot"))]

    @property
    def required(self) -> set[str]:
        return set()

    @property
    def stages(self) -> set[Any]:
        return {"blocking"}

    async def launch(self, manager: Launart) -> None:
        async with self.stage("blocking"):
            await manager.status.wait_for_sigexit()

    async def say(self, request: Request[Any]) -> list[MessageObject]:
        print(f"{request.params['channel_id']}: {request.params['content']}", flush=True)
        return [MessageObject(id="out", content=request.params["content"])]

    async def open_private(self, request: Request[Any]) -> Channel:
        return Channel(id=f"private of {request.params['user_id']}", type=ChannelType.DIRECT)


async def main(port: int, token: str) -> None:
    account = OneAccount()  # type: ignore[no-untyped-call]
    account.route(Api.MESSAGE_CREATE)(account.say)
    account.route(Api.USER_CHANNEL_CREATE)(account.open_private)
    server = Server(port=port, token=token)
    server.apply(account)
    loop = asyncio.get_running_loop()
    numbers = itertools.count(1)

    async def hear(line: str) -> None:
        kind, user, words = line.rstrip("\n").split(" ", 2)
        where = Channel(id="room", type=ChannelType.TEXT)
        if kind == "private":
            where = Channel(id=f"private of {user}", type=ChannelType.DIRECT)
        (login,) = await account.get_logins()
        message = MessageObject(id=f"in{next(numbers)}", content=words)
        await server.post(
            Event(
                type="message-created",
                timestamp=datetime.now(),
                login=login,
                channel=where,
                user=User(id=user),
                message=message,
            )
        )

    def read() -> None:
        for line in sys.stdin:
            asyncio.run_coroutine_threadsafe(hear(line), loop)

    threading.Thread(target=read, daemon=True).start()
    await server.run_async()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
