"""`python -m benchmarks [NAME...]`: run the benchmarks, all unless named, and print their tables.

A name with a colon, such as `channels:str`, is a part of the one before the colon.
"""

import sys

from benchmarks import channels, main_job, output

BENCHMARKS = {**main_job.BENCHMARKS, **channels.BENCHMARKS, **output.BENCHMARKS}


def main() -> int:
    names = sys.argv[1:] or [name for name in BENCHMARKS if ":" not in name]
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    for name in names:
        BENCHMARKS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main())
