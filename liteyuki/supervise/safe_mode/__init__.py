"""Starting a process without the plugins that keep it from starting.

It imports the policy, generations and the output. Whose fault a death is (`blame`, `stacks`, `plugin_files`) is not in
this face: it is imported when there was one. The keeper of a process imports it.
"""

from liteyuki.supervise.safe_mode.starts import SafeStarts

__all__ = ["SafeStarts"]
