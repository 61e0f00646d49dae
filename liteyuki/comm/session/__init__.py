"""One end's state of a channel, which survives its transports: what is queued, received, acknowledged, answered.

It knows no socket, no loop and no thread, and imports `liteyuki.codec` and `liteyuki.comm.wire`.
"""
