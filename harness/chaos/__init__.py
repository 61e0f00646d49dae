"""Random blows at a real tree of processes, and what must hold after each: `python -m benchmarks chaos`.

`blows` chooses the next blow, `expected` says what must follow from it, `invariants` whether everything is as it must
be: no I/O in those. `project` and `limbs` are the tree, `disk` is what it writes to, `sights` observes it, `strikes`
carries the blows out, `ring` waits until all is well, and `run` puts it all together.
"""

from harness.chaos.ring import Broken
from harness.chaos.run import chaos, main

__all__ = ["Broken", "chaos", "main"]
