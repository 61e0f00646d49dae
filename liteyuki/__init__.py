"""Liteyuki: a small main process that keeps a NoneBot bot alive, and channels between the two.

In the main process and its plugins:

    LiteyukiBot, get_bot, load_plugin, load_plugins, PluginMetadata, logger

In every process:

    liteyuki.comm       channels: get_channel, Channel, restart, ...
    liteyuki.log        the log
    liteyuki.errors     everything that is raised

Importing this opens nothing and starts nothing; a child that imports it does not load the supervisor.
"""

from typing import TYPE_CHECKING, Any

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

_HOMES = {
    "LiteyukiBot": "liteyuki.bot",
    "get_bot": "liteyuki.bot",
    "Channel": "liteyuki.comm",
    "get_channel": "liteyuki.comm",
    "get_channels": "liteyuki.comm",
    "set_channel": "liteyuki.comm",
    "set_channels": "liteyuki.comm",
    "logger": "liteyuki.log",
    "Plugin": "liteyuki.plugin",
    "PluginMetadata": "liteyuki.plugin",
    "load_plugin": "liteyuki.plugin",
    "load_plugins": "liteyuki.plugin",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
