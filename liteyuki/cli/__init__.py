"""The `liteyuki` command. It imports everything; `liteyuki.cli.main` is where the console script begins."""
