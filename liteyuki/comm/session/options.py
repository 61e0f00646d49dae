"""What both ends of a channel go by."""

from typing import Literal, NamedTuple, get_args

from liteyuki.comm.wire import MAX_MESSAGE_BYTES
from liteyuki.locale import text

__all__ = ["Ack", "ChannelOptions", "check_options"]

Ack = Literal["taken", "handled"]


class ChannelOptions(NamedTuple):
    """The arguments of `Channel`, without its name; they travel with an end that is given away."""

    max_queued_bytes: int = 16 * 1024 * 1024
    max_message_bytes: int = MAX_MESSAGE_BYTES
    ack: Ack = "taken"


def check_options(name: object, options: ChannelOptions) -> None:
    """Raises `ValueError` for what no channel can go by."""
    if type(name) is not str or not name:
        raise ValueError(text("error.channel_name", value=repr(name)))
    for option in ("max_queued_bytes", "max_message_bytes"):
        limit = getattr(options, option)
        if type(limit) is not int or limit < 1:
            raise ValueError(text("error.channel_bound", option=option, value=repr(limit)))
    if options.ack not in get_args(Ack):
        raise ValueError(text("error.channel_ack", value=repr(options.ack)))
