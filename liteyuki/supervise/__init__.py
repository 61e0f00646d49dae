"""Processes live: what a process is, what follows its exit, and who keeps it running."""
