"""Processes live: what a process is, what follows its exit, and who keeps it running.

It imports `liteyuki.comm` and what is below it; `config`, `control`, `bot` and `cli` import it, and no child does.
What is in its folders has faces of its own: `tree` (all that runs below us, and its end), `output`, `history`,
`triggers`, `safe_mode`. Its modules are imported when they are asked for: the settings need no supervisor, and what
ends the children of a main process that was killed has to be there in time.
"""

from typing import TYPE_CHECKING

from liteyuki._faces import late_face

if TYPE_CHECKING:
    from liteyuki.supervise.cause import Cause
    from liteyuki.supervise.events import Event, EventKind
    from liteyuki.supervise.order import find_cycle, longest_chain
    from liteyuki.supervise.requests import RequestServer
    from liteyuki.supervise.spec import (
        Backoff,
        Conditions,
        GiveUp,
        GiveUpThen,
        LogFiles,
        ProcessSpec,
        ProcessState,
        Program,
        ProgramKind,
        RestartMode,
    )
    from liteyuki.supervise.start_order import START_WAIT
    from liteyuki.supervise.supervisor import Supervisor

__all__ = [
    "START_WAIT",
    "Backoff",
    "Cause",
    "Conditions",
    "Event",
    "EventKind",
    "GiveUp",
    "GiveUpThen",
    "LogFiles",
    "ProcessSpec",
    "ProcessState",
    "Program",
    "ProgramKind",
    "RequestServer",
    "RestartMode",
    "Supervisor",
    "find_cycle",
    "longest_chain",
]

__getattr__ = late_face(
    __name__,
    {
        "liteyuki.supervise.cause": "Cause",
        "liteyuki.supervise.events": "Event EventKind",
        "liteyuki.supervise.order": "find_cycle longest_chain",
        "liteyuki.supervise.requests": "RequestServer",
        "liteyuki.supervise.spec": (
            "Backoff Conditions GiveUp GiveUpThen LogFiles ProcessSpec ProcessState Program ProgramKind RestartMode"
        ),
        "liteyuki.supervise.start_order": "START_WAIT",
        "liteyuki.supervise.supervisor": "Supervisor",
    },
)
