"""Liteyuki: a small main process that keeps a NoneBot bot alive, and channels between the two.

In the main process and its plugins:

    LiteyukiBot, get_bot, load_plugin, load_plugins, PluginMetadata, logger

In every process:

    liteyuki.comm       channels: get_channel, Channel, restart, ...
    liteyuki.log        the log
    liteyuki.errors     everything that is raised

Importing this opens nothing and starts nothing; a child that imports it does not load the supervisor.
"""

from typing import TYPE_CHECKING

from liteyuki._faces import late_face

if TYPE_CHECKING:
    from liteyuki.bot import LiteyukiBot, get_bot
    from liteyuki.comm import Channel, get_channel, get_channels, set_channel, set_channels
    from liteyuki.log import logger
    from liteyuki.plugin import Plugin, PluginMetadata, load_plugin, load_plugins

__version__ = "0.1.0"

__all__ = [
    "Channel",
    "LiteyukiBot",
    "Plugin",
    "PluginMetadata",
    "get_bot",
    "get_channel",
    "get_channels",
    "load_plugin",
    "load_plugins",
    "logger",
    "set_channel",
    "set_channels",
]

__getattr__ = late_face(
    __name__,
    {
        "liteyuki.bot": "LiteyukiBot get_bot",
        "liteyuki.comm": "Channel get_channel get_channels set_channel set_channels",
        "liteyuki.log": "logger",
        "liteyuki.plugin": "Plugin PluginMetadata load_plugin load_plugins",
    },
)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
