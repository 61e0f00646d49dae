"""Our numbers: `python -m benchmarks`, from the repository's root, with the `test` extra installed."""
