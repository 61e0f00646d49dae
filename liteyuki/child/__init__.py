"""What runs inside a child before the bot does, and how its plugins are loaded.

It imports `liteyuki.comm`, `vitals` and `project`, and nothing of `liteyuki.supervise`; nobody imports it but the
program that a child is started with.
"""

from liteyuki.child.run import main

__all__ = ["main"]
