"""The `liteyuki` command."""
