"""What a child's broker and the main process's say to each other, over the control lane of `{process}-passive`."""

from dataclasses import dataclass
from typing import Any

from liteyuki.codec import message
from liteyuki.comm.channel import ChannelEnd

__all__ = ["ChannelOffer", "ChannelRefused", "OpenChannel"]


@message(name="liteyuki.OpenChannel")
@dataclass(frozen=True)
class OpenChannel:
    """Child to main: it has set a channel whose other end is for `to` (None: for the main process).

    Answered, after the offer that follows from it, with None or `ChannelRefused`.
    """

    name: str
    to: str | None
    options: tuple[Any, ...]
    """Those of `ChannelOptions`."""


@message(name="liteyuki.ChannelOffer")
@dataclass(frozen=True)
class ChannelOffer:
    """Main to child: here is your end of that channel; the other one is the main process's, or another child's."""

    name: str
    end: ChannelEnd
    is_direct: bool


@message(name="liteyuki.ChannelRefused")
@dataclass(frozen=True)
class ChannelRefused:
    """Main to child: a channel that it has set cannot be connected.

    Because only the processes `known` have channels; or, if that is empty, because of the system's `errno`.
    """

    known: tuple[str, ...] = ()
    errno: int = 0
