"""Settings of the plugin: none. What it needs to know, the main process tells it."""

from pydantic import BaseModel

__all__ = ["Config"]


class Config(BaseModel):
    """Everything is set in the project's `[tool.liteyuki]`."""
