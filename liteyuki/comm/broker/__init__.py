"""Who opens channels between two processes: the main process's half and a child's half of one protocol.

It imports `liteyuki.comm.channel` and what is below it, and nothing of `liteyuki.supervise`.
"""
