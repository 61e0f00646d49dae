"""Main-process plugins: modules that the main process imports when it starts, and the thread that they run on.

It imports `liteyuki.comm` and what is below it; `bot` and the plugins themselves import it.
"""

from liteyuki.plugin.loading import Plugin, PluginMetadata, load_plugin, load_plugins
from liteyuki.plugin.thread import PluginThread

__all__ = ["Plugin", "PluginMetadata", "PluginThread", "load_plugin", "load_plugins"]
