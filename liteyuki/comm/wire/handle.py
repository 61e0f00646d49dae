"""An OS handle that closes itself when nobody holds it any more."""

import os

__all__ = ["Handle", "SharedHandle"]


class Handle:
    """Owns one handle (on POSIX, a file descriptor), which travels with a message or waits to be opened."""

    __slots__ = ("_number",)

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """The handle; -1 when it is closed or was taken."""
        return self._number

    @property
    def content_bytes(self) -> int:
        """How much memory it is a handle of; 0 if it is one of something else, or is closed."""
        return os.fstat(self._number).st_size if self._number >= 0 else 0

    def take(self) -> int:
        """The handle, which belongs to the caller from now on."""
        number, self._number = self._number, -1
        return number

    def close(self) -> None:
        """Give the handle back to the system. Idempotent."""
        number = self.take()
        if number >= 0:
            os.close(number)

    def __del__(self) -> None:
        # A message that is dropped, wherever that happens, must not leave its handles open.
        self.close()


class SharedHandle(Handle):
    """One of memory that never changes any more: it can be sent again, to whoever comes next."""

    __slots__ = ()
