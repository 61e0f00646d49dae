"""`Channel`: values in, values out, on the event loop and in threads; handlers, requests, channels inside values.

Here stands what people call and what calls people. It is built on `comm.session` (state) and `comm.io` (bytes);
`comm.broker`, `comm.storage`, the supervisor and plugins import it.
"""

from liteyuki.comm.channel.attachments import ChannelEnd, open_pipe
from liteyuki.comm.channel.channel import Channel
from liteyuki.comm.channel.handler_loop import HandlerLoop
from liteyuki.comm.channel.handlers import Handler, TaskStarter, call_handler, name_of

__all__ = [
    "Channel",
    "ChannelEnd",
    "Handler",
    "HandlerLoop",
    "TaskStarter",
    "call_handler",
    "name_of",
    "open_pipe",
]
