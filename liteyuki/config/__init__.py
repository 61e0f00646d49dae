"""The settings of a project: read from its files and the command line, checked, and turned into `ProcessSpec`s.

It imports `liteyuki.project` and, of `liteyuki.supervise`, the data that it makes (`spec`, `order`). The main process
and the command line import it; a child does not.
"""

from liteyuki.config.layers import read_language
from liteyuki.config.outline import Outline, read_outline
from liteyuki.config.preflight import check_processes
from liteyuki.config.settings import DEFAULT_PROCESS, Settings, load_settings

__all__ = [
    "DEFAULT_PROCESS",
    "Outline",
    "Settings",
    "check_processes",
    "load_settings",
    "read_language",
    "read_outline",
]
