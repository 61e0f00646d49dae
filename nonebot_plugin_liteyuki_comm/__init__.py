"""The NoneBot side of Liteyuki: channels to the main process, and `/restart` in the chat."""

from nonebot.plugin import PluginMetadata

from liteyuki.comm import (
    Channel,
    attach_channels,
    get_channel,
    get_channels,
    logs,
    message,
    own_process,
    restart,
    status,
)
from nonebot_plugin_liteyuki_comm.config import Config

__all__ = [
    "Channel",
    "attach_channels",
    "get_channel",
    "get_channels",
    "logs",
    "message",
    "own_process",
    "restart",
    "status",
]

__plugin_meta__ = PluginMetadata(
    name="轻雪通信",
    description="让机器人永不掉线：主进程守护 NoneBot，在聊天中发送“重启”即可重启，并提供进程间通道",
    usage=(
        "用 `liteyuki run` 启动项目，之后由超级用户在聊天中发送：\n"
        "/restart 或 /重启 [进程名]：重启机器人\n"
        "/status 或 /状态：查看各进程\n"
        "/logs 或 /日志 [行数]：查看最近的输出"
    ),
    type="application",
    homepage="https://github.com/LiteyukiStudio/nonebot-plugin-liteyuki-comm",
    config=Config,
    supported_adapters=None,
    extra={"author": "Liteyuki"},
)

# Last, because they register what the metadata above describes.
from nonebot_plugin_liteyuki_comm import commands as commands
from nonebot_plugin_liteyuki_comm import startup as startup
