"""`python -m benchmarks [NAME...]`: run the benchmarks, all unless named, and print their tables.

A name with a colon, such as `channels:str`, is a part of the one before the colon. `chaos`, which is no benchmark, and
`trip` take options of their own, if they come first.
"""

import sys

from benchmarks import channels, endurance, main_job, many, output, respawn, trips
from harness.chaos import main as chaos

BENCHMARKS = {
    **main_job.BENCHMARKS,
    **respawn.BENCHMARKS,
    **many.BENCHMARKS,
    **endurance.BENCHMARKS,
    **output.BENCHMARKS,
    **channels.BENCHMARKS,
    **trips.BENCHMARKS,
}
WITH_OPTIONS = {"chaos": chaos, "trip": trips.main}


def main() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in WITH_OPTIONS:
        return WITH_OPTIONS[sys.argv[1]](sys.argv[2:])
    names = sys.argv[1:] or [name for name in BENCHMARKS if ":" not in name]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}; and chaos", file=sys.stderr)
        return 2
    for name in names:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
