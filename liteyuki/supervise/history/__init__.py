"""Every start, ready, restart and exit on record, in a database.

It imports events, causes and the tail of the output. Its modules are imported when they are asked for, those that
open the database when there is something to write or to read: the main process is to run where there is no SQLite.
"""

from typing import TYPE_CHECKING

from liteyuki._faces import late_face

if TYPE_CHECKING:
    from liteyuki.supervise.history.entry import HistoryEntry
    from liteyuki.supervise.history.reader import read_history, read_processes
    from liteyuki.supervise.history.writer import HistoryWriter

__all__ = [
    "HistoryEntry",
    "HistoryWriter",
    "read_history",
    "read_processes",
]

__getattr__ = late_face(
    __name__,
    {
        "liteyuki.supervise.history.entry": "HistoryEntry",
        "liteyuki.supervise.history.reader": "read_history read_processes",
        "liteyuki.supervise.history.writer": "HistoryWriter",
    },
)
