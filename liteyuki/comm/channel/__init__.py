"""`Channel` as plugins hold it: sending, receiving, requests, and the handlers that answer.

It imports `liteyuki.comm.io`, `session` and what is below them.
"""
