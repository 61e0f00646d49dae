"""People operate: typed requests over a local socket."""
