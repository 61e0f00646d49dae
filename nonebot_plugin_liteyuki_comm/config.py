"""The settings of the plugin: none. The main process tells it what it needs to know."""

from pydantic import BaseModel

__all__ = ["Config"]


class Config(BaseModel):
    """Everything is set in the project's `[tool.liteyuki]`."""
