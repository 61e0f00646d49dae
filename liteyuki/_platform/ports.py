"""Who has a TCP port of this machine."""

import contextlib
import errno
import sys
from pathlib import Path

__all__ = ["listener_of_port", "port_is_taken"]


def listener_of_port(port: int) -> int | None:
    """The pid that listens on TCP `port` on this machine, as far as this user may see it (Linux only)."""
    if not sys.platform.startswith("linux"):
        return None
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    for directory in Path("/proc").iterdir():
        if not directory.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for link in (directory / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if link.readlink().name in inodes:
                        return int(directory.name)
    return None


def _listening_inodes(port: int) -> set[str]:
    """`socket:[inode]` names of the TCP sockets in state LISTEN (0A, see proc(5)) on `port`."""
    found: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                field = line.split()
                if field[3] == "0A" and int(field[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{field[9]}]")
    return found


def port_is_taken(host: str, port: int) -> bool:
    """Whether TCP `host`:`port` cannot be bound because another process has it."""
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno == errno.EADDRINUSE
    return False
