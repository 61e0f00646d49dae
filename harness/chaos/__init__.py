"""Random blows at a real tree of processes, and what must hold after each: `python -m benchmarks chaos`.

`blows` says what comes next, `expected` what must follow from it, `invariants` whether that is so: no I/O in those.
`project` and `limbs` are what runs, `disk` what it writes to, `sights` what can be seen of it, `strikes` what is done
to it, `run` all of it in turn.
"""

from harness.chaos.ring import Broken
from harness.chaos.run import chaos, main

__all__ = ["Broken", "chaos", "main"]
