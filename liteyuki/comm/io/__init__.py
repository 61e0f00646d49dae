"""Who reads and writes a transport, and when: on an event loop, in a thread, in the background.

It imports `liteyuki.comm.session`, `transport` and `wire`, and knows nothing of channels and handlers.
"""
