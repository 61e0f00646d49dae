"""All processes below the main process, however they were started, and ending them with it.

It imports the platform, and nothing else of `liteyuki.supervise`. Its modules are imported one by one: `after_main`
is a program of its own, which has to be there in time and must not import what the guard needs.
"""
