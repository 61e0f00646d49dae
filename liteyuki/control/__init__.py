"""The control socket, through which people operate the main process: typed requests over a local socket.

It imports `liteyuki.supervise` and what is below it; `bot` and `cli` import it. Its modules are imported when they are
asked for: who asks a main process needs none of what serves in one.
"""

from typing import TYPE_CHECKING

from liteyuki._faces import late_face

if TYPE_CHECKING:
    from liteyuki.control.client import ControlClient
    from liteyuki.control.protocol import NOT_READY, parse_answer, request_line
    from liteyuki.control.server import ControlServer

__all__ = ["NOT_READY", "ControlClient", "ControlServer", "parse_answer", "request_line"]

__getattr__ = late_face(
    __name__,
    {
        "liteyuki.control.client": "ControlClient",
        "liteyuki.control.protocol": "NOT_READY parse_answer request_line",
        "liteyuki.control.server": "ControlServer",
    },
)
