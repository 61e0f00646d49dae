"""Processes talk: channels between the main process and its children."""

from typing import TYPE_CHECKING, Any

from liteyuki.codec import UnknownMessage, message, register_codec_hook
from liteyuki.comm.channel import Channel
from liteyuki.comm.main_process import logs, restart, status
from liteyuki.comm.protocol import Origin, ProcessStatus, RestartAnswer
from liteyuki.comm.registry import (
    attach_channels,
    get_channel,
    get_channel_async,
    get_channels,
    own_channel,
    own_process,
    set_channel,
    set_channels,
    shared_memory,
)
from liteyuki.comm.session import ChannelStats
from liteyuki.comm.storage import MISSING, Change, SharedMemory, Watch

if TYPE_CHECKING:
    active_channel: Channel[Any]
    passive_channel: Channel[Any]

# Not the two above: `import *` must work where there is no main process.
__all__ = [
    "MISSING",
    "Change",
    "Channel",
    "ChannelStats",
    "Origin",
    "ProcessStatus",
    "RestartAnswer",
    "SharedMemory",
    "UnknownMessage",
    "Watch",
    "attach_channels",
    "get_channel",
    "get_channel_async",
    "get_channels",
    "logs",
    "message",
    "own_process",
    "register_codec_hook",
    "restart",
    "set_channel",
    "set_channels",
    "shared_memory",
    "status",
]


def __getattr__(name: str) -> Any:
    """`active_channel` and `passive_channel`: this child's own two, looked up when they are first asked for."""
    if name in ("active_channel", "passive_channel"):
        return own_channel(name.removesuffix("_channel"))
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
