"""The code that runs inside a child before the bot does, and that loads the bot's plugins.

It imports `liteyuki.comm`, `vitals` and `project`, and nothing of `liteyuki.supervise`; only the program that a child
is started with imports it.
"""

from liteyuki.child.run import main

__all__ = ["main"]
