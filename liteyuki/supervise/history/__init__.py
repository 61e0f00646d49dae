"""Every start, ready, restart and exit on record, in a database.

It imports events, causes and the tail of the output. What opens the database (`file`, `reader`) is not in this face:
the main process imports it when there is something to write, so that it can run where there is no sqlite.
"""

from liteyuki.supervise.history.entry import HistoryEntry
from liteyuki.supervise.history.writer import HistoryWriter

__all__ = ["HistoryEntry", "HistoryWriter"]
