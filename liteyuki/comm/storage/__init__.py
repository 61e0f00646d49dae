"""Shared memory: what all processes see, which the main process keeps, and publications between them.

It imports `liteyuki.comm.channel` and what is below it.
"""
