"""What asks for a restart although nobody did and nothing died: watchdog, limits, schedule, changed files.

It imports generations and causes; the keeper of a process imports it.
"""

from liteyuki.supervise.triggers.triggers import Triggers

__all__ = ["Triggers"]
