"""The tree of everything we raise; each class is named for what the caller can do next.

    LiteyukiError
    ├── StartError                  the main process cannot start: fix what the message names, start again
    │   ├── ConfigError             a setting is wrong
    │   ├── ProjectError            the folder is not a project that can be run
    │   └── AlreadyRunningError     another main process runs in this folder
    ├── NoMainProcess               there is nobody to ask: start the bot with `liteyuki run`
    ├── UnknownProcess              no process has that name: the message lists the names
    ├── HistoryUnreadable           the history file cannot be read: the message says why
    ├── ControlError                the main process refused a request over its control socket
    ├── StorageError                anything about one key of `shared_memory`
    │   ├── StorageFull             there is no room: delete keys, or give them a time to live
    │   ├── NotANumber              the value cannot be incremented: set a number first
    │   ├── NumberTooLarge          a float cannot hold the int: increment an int by an int
    │   └── UnreadableValue         the value cannot be rebuilt in this process: set it again, or delete it
    └── ChannelError                anything about one channel
        ├── ChannelClosed           either side has closed it: take a new channel
        │   └── ChannelBroken       the other side sent what cannot be read, so the channel was closed
        ├── ChannelNotFound         no channel has that name: the message lists the names
        ├── ChannelModeError        the channel is already read in the other way: take another channel
        ├── ChannelFull             the other side takes nothing: wait (`asend`, `timeout`), or send later
        ├── ChannelBusy             the caller has interrupted the channel's own work: send elsewhere
        ├── ChannelInUse            the channel already has its other end: make a new one
        ├── NoHandlesLeft           the system gives this process no more handles: raise the limit
        ├── MessageTooLarge         the message is over the channel's limit: send it in parts
        ├── WrongType               the value is not of the channel's type: send what `expected` says
        ├── PeerGone                the other process ended before it answered: ask again, if that does no harm
        └── RemoteError             the other process's handler raised

`TypeError` is raised for a value that no channel carries, `TimeoutError` when the given time has passed.
"""

import asyncio
import os
from pathlib import Path

from liteyuki.locale import text

__all__ = [
    "PLUGIN_ERRORS",
    "PLUGIN_ERRORS_OF_A_CALL",
    "AlreadyRunningError",
    "ChannelBroken",
    "ChannelBusy",
    "ChannelClosed",
    "ChannelError",
    "ChannelFull",
    "ChannelInUse",
    "ChannelModeError",
    "ChannelNotFound",
    "ConfigError",
    "ControlError",
    "HistoryUnreadable",
    "LiteyukiError",
    "MessageTooLarge",
    "NoHandlesLeft",
    "NoMainProcess",
    "NotANumber",
    "NumberTooLarge",
    "PeerGone",
    "ProjectError",
    "RemoteError",
    "StartError",
    "StorageError",
    "StorageFull",
    "UnknownProcess",
    "UnreadableValue",
    "WrongType",
]

PLUGIN_ERRORS = (Exception, SystemExit, KeyboardInterrupt)
"""What a plugin's code may raise without ending the process that runs it, `sys.exit` included."""
PLUGIN_ERRORS_OF_A_CALL = (*PLUGIN_ERRORS, asyncio.CancelledError)
"""The same for a plain call: nobody cancels it, so a `CancelledError` is the plugin's own."""


class LiteyukiError(Exception):
    """The base of every error that Liteyuki raises."""


class StartError(LiteyukiError):
    """The main process cannot start; nothing was started."""


class ConfigError(StartError):
    """A setting is unknown or bad.

    Attributes: `source` (file or variable), `key` (dotted), `problem` (what is wrong, and what it takes).
    """

    def __init__(self, source: str, key: str, problem: str) -> None:
        super().__init__(text("error.config", source=source, key=key, problem=problem))
        self.source = source
        self.key = key
        self.problem = problem


class ProjectError(StartError):
    """The folder is not a project that can be run; the message says what is missing and how to get it."""


class AlreadyRunningError(StartError):
    """Another main process runs in this folder. Attributes: `pid` (0 if it is not known yet), `directory`."""

    def __init__(self, pid: int, directory: str) -> None:
        super().__init__(text("error.already_running", pid=pid or "?", directory=directory))
        self.pid = pid
        self.directory = directory


class NoMainProcess(LiteyukiError):
    """This process was not started by liteyuki, or no main process runs for this folder."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or text("error.no_main_process"))


class UnknownProcess(LiteyukiError):
    """No process has that name. Attributes: `name`, `known` (the names that exist)."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(text("error.unknown_process", name=name, known=", ".join(known)))
        self.name = name
        self.known = known


class HistoryUnreadable(LiteyukiError):
    """The history file is damaged, or this user may not read it. Attribute: `path`."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(text("error.history", path=path, problem=problem))
        self.path = path


class ControlError(LiteyukiError):
    """The main process refused a control request. Attribute: `code`, as in JSON-RPC 2.0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class StorageError(LiteyukiError):
    """Anything about one key of `shared_memory`. Attribute: `key`."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


class StorageFull(StorageError):
    """There is no room for a value; the old one is kept.

    Attributes: `size_bytes` (the value with its key), `free_bytes`, and `limit_bytes` (of the whole shared memory).
    """

    def __init__(self, key: str, size_bytes: int, free_bytes: int, limit_bytes: int) -> None:
        super().__init__(key, text("error.storage_full", key=key, size=size_bytes, free=free_bytes, limit=limit_bytes))
        self.size_bytes = size_bytes
        self.free_bytes = free_bytes
        self.limit_bytes = limit_bytes


class NotANumber(StorageError, TypeError):
    """The key holds neither an int nor a float, so it cannot be incremented."""

    def __init__(self, key: str) -> None:
        super().__init__(key, text("error.not_a_number", key=key))


class NumberTooLarge(StorageError, OverflowError):
    """An int that no float can hold was to be added to a float, or the other way round."""

    def __init__(self, key: str) -> None:
        super().__init__(key, text("error.number_too_large", key=key))


class UnreadableValue(StorageError):
    """The value cannot be rebuilt in this process. Attribute: `detail`."""

    def __init__(self, key: str, detail: str) -> None:
        super().__init__(key, text("error.unreadable_value", key=key, detail=detail))
        self.detail = detail


class ChannelError(LiteyukiError):
    """Anything about a channel. Attribute: `channel`, its name."""

    def __init__(self, channel: str, message: str) -> None:
        super().__init__(message)
        self.channel = channel


class ChannelClosed(ChannelError):
    """The channel was closed, by this side or by the other one. Attribute: `reason`."""

    def __init__(self, channel: str, reason: str) -> None:
        super().__init__(channel, text("error.channel_closed", channel=channel, reason=reason))
        self.reason = reason


class ChannelBroken(ChannelClosed):
    """The other side sent what cannot be read, so this channel was closed; all other channels stay open."""


class ChannelNotFound(ChannelError):
    """No channel of that name is set in this process. Attribute: `known` (the names that are)."""

    def __init__(self, channel: str, known: tuple[str, ...]) -> None:
        key = "error.channel_not_found" if known else "error.no_channels"
        super().__init__(channel, text(key, channel=channel, known=", ".join(known)))
        self.known = known


class ChannelModeError(ChannelError):
    """The first use of a channel decides how it is read; this use is of the other kind.

    Attributes: `mode` (the way in force) and `wanted`, each `"on_receive"` or `"receive"`.
    """

    def __init__(self, channel: str, mode: str, wanted: str) -> None:
        super().__init__(channel, text("error.channel_mode", channel=channel, mode=mode, wanted=wanted))
        self.mode = mode
        self.wanted = wanted


class ChannelFull(ChannelError):
    """The other side takes messages too slowly, so this one was not sent. Attribute: `max_queued_bytes`."""

    def __init__(self, channel: str, max_queued_bytes: int) -> None:
        super().__init__(channel, text("error.channel_full", channel=channel, limit=max_queued_bytes))
        self.max_queued_bytes = max_queued_bytes


class ChannelBusy(ChannelError):
    """A finalizer or a signal handler has interrupted the channel's own work on this thread, and would have to wait.

    Waiting would be a deadlock: the interrupted work goes on only when the caller has returned. `call` always raises
    this there, `send` only if the channel is full. Nothing was sent: send from a loop callback or another thread.
    """

    def __init__(self, channel: str) -> None:
        super().__init__(channel, text("error.channel_busy", channel=channel))


class ChannelInUse(ChannelError):
    """The channel already has its other end, or occurs twice in one message, so it cannot be sent."""

    def __init__(self, channel: str) -> None:
        super().__init__(channel, text("error.channel_in_use", channel=channel))


class NoHandlesLeft(ChannelError):
    """The system gives this process no more handles; nothing was sent. Attribute: `errno`."""

    def __init__(self, channel: str, errno: int) -> None:
        super().__init__(channel, text("error.no_handles", channel=channel, reason=os.strerror(errno)))
        self.errno = errno


class MessageTooLarge(ChannelError):
    """The message is over the channel's limit; nothing was sent. Attributes: `size_bytes`, `max_message_bytes`."""

    def __init__(self, channel: str, size_bytes: int, max_message_bytes: int) -> None:
        super().__init__(
            channel,
            text("error.too_large", channel=channel, size=size_bytes, limit=max_message_bytes),
        )
        self.size_bytes = size_bytes
        self.max_message_bytes = max_message_bytes


class WrongType(ChannelError, TypeError):
    """The value is not of the channel's type: send what `expected` says.

    Attributes: `carries` (the channel's type), `path` (where in the value, `""` for the whole), `expected` and `found`
    (types as people write them), and `value` (the whole value).
    """

    def __init__(self, channel: str, carries: str, path: str, expected: str, found: str, value: object) -> None:
        super().__init__(
            channel,
            text("error.wrong_type", channel=channel, carries=carries, path=path, expected=expected, found=found),
        )
        self.carries = carries
        self.path = path
        self.expected = expected
        self.found = found
        self.value = value


class PeerGone(ChannelError):
    """The other process is not there, or ended or was restarted before it answered."""

    def __init__(self, channel: str) -> None:
        super().__init__(channel, text("error.peer_gone", channel=channel))


class RemoteError(ChannelError):
    """The other process's handler raised.

    Attributes: `type_name`, `message`, and `remote_traceback` (text, empty if there is none).
    """

    def __init__(self, channel: str, type_name: str, message: str, remote_traceback: str = "") -> None:
        super().__init__(channel, text("error.remote", channel=channel, type_name=type_name, message=message))
        self.type_name = type_name
        self.message = message
        self.remote_traceback = remote_traceback
