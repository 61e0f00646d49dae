"""`python -m liteyuki`: the `liteyuki` command."""

from liteyuki.cli.main import main

if __name__ == "__main__":
    main()
