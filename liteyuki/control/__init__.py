"""The control socket, through which people operate the main process: typed requests over a local socket."""
