"""Escape sequences of terminals (colours, cursor, title: ECMA-48), and text without them."""

import re
from typing import Final

__all__ = ["EscapeFilter", "without_escapes"]

_SEQUENCE: Final = re.compile(
    rb"\x1b(?:"
    rb"\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    rb"|\][^\x07\x1b\n]*(?:\x07|\x1b\\)"  # OSC: title, links
    rb"|[PX^_][^\x1b\n]*\x1b\\"  # DCS, SOS, PM, APC: images
    rb"|[ -/]+[0-~]"  # character sets
    rb"|[0-~]"  # all the others, and the beginning of one that never ends
    rb")"
)
_UNFINISHED: Final = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b\n]*\x1b?|[PX^_][^\x1b\n]*\x1b?|[ -/]*)\Z",
)
_LONGEST_BYTES: Final = 4096
"""An unfinished sequence that is longer is taken for text."""


def without_escapes(data: bytes) -> bytes:
    """`data` as plain text; a sequence that is not finished in it stays."""
    return _SEQUENCE.sub(b"", data) if b"\x1b" in data else data


class EscapeFilter:
    """Takes the sequences out of a stream, wherever that is cut into pieces."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The plain text that `data` completes."""
        if not self._held and b"\x1b" not in data:
            return data
        data = self._held + data
        unfinished = _UNFINISHED.search(data, max(0, len(data) - _LONGEST_BYTES))
        self._held = unfinished[0] if unfinished else b""
        return without_escapes(data[: unfinished.start()] if unfinished else data)
