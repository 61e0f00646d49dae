"""Main-process plugins: modules that the main process imports when it starts."""

from liteyuki.plugin.loading import Plugin, PluginMetadata, load_plugin, load_plugins

__all__ = ["Plugin", "PluginMetadata", "load_plugin", "load_plugins"]
