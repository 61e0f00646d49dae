"""What processes print: taken from the child, kept as a tail, and written to the console and to log files.

It imports `liteyuki.supervise.spec` alone of `liteyuki.supervise`; whoever shows or keeps output imports it.
"""

from liteyuki.supervise.output.capture import Output
from liteyuki.supervise.output.console import Console
from liteyuki.supervise.output.log_file import numbered
from liteyuki.supervise.output.log_writer import LogWriter, log_path
from liteyuki.supervise.output.own_log import OWN_LOG, OwnLog
from liteyuki.supervise.output.tail import KEPT_BYTES, Tail
from liteyuki.supervise.output.transcript import Transcript, transcripts

__all__ = [
    "KEPT_BYTES",
    "OWN_LOG",
    "Console",
    "LogWriter",
    "Output",
    "OwnLog",
    "Tail",
    "Transcript",
    "log_path",
    "numbered",
    "transcripts",
]
