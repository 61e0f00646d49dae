"""Benchmarks: `python -m benchmarks`, from the repository's root, with the extras `test` and `bench` installed."""
