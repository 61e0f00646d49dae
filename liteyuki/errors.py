"""The tree of everything we raise; each class is named for what the caller can do next.

    LiteyukiError
    ├── StartError                  the main process cannot start: mend what it names, start again
    │   ├── ConfigError             a setting is wrong
    │   ├── ProjectError            the folder is not a project that can be run
    │   └── AlreadyRunningError     another main process keeps this folder
    ├── NoMainProcess               nobody to ask: start the bot with `liteyuki run`
    ├── UnknownProcess              no process of that name: the names are in it
    ├── ControlError                the main process refused a request over its control socket
    └── ChannelError
        ├── ChannelClosed           closed here or over there: take a new channel
        ├── ChannelBroken           the other side sent what cannot be read; the channel is closed
        ├── ChannelNotFound         no channel of that name: the names that are, are in it
        ├── ChannelModeError        this channel is received from in the other way already
        ├── MessageTooLarge         over the frame limit: send it in parts
        ├── PeerGone                the other process ended before it answered
        └── RemoteError             the other process's handler raised

`TypeError` is raised for a value that no channel carries, `TimeoutError` when a stated time has passed.
"""

from liteyuki.locale import text

__all__ = [
    "AlreadyRunningError",
    "ChannelBroken",
    "ChannelClosed",
    "ChannelError",
    "ChannelModeError",
    "ChannelNotFound",
    "ConfigError",
    "ControlError",
    "LiteyukiError",
    "MessageTooLarge",
    "NoMainProcess",
    "PeerGone",
    "ProjectError",
    "RemoteError",
    "StartError",
    "UnknownProcess",
]


class LiteyukiError(Exception):
    """Any error of ours."""


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
    """Another main process keeps this folder. Attributes: `pid` (0 if it has not said yet), `directory`."""

    def __init__(self, pid: int, directory: str) -> None:
        super().__init__(text("error.already_running", pid=pid or "?", directory=directory))
        self.pid = pid
        self.directory = directory


class NoMainProcess(LiteyukiError):
    """This process was not started by liteyuki, or no main process runs for this folder."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or text("error.no_main_process"))


class UnknownProcess(LiteyukiError):
    """No process of that name is kept. Attributes: `name`, `known`."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(text("error.unknown_process", name=name, known=", ".join(known)))
        self.name = name
        self.known = known


class ControlError(LiteyukiError):
    """The main process refused a control request. Attribute: `code`, as in JSON-RPC 2.0."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class ChannelError(LiteyukiError):
    """Anything about a channel. Attribute: `channel`, its name."""

    def __init__(self, channel: str, message: str) -> None:
        super().__init__(message)
        self.channel = channel


class ChannelClosed(ChannelError):
    """The channel was closed, here or by the end of the other side. Attribute: `reason`."""

    def __init__(self, channel: str, reason: str) -> None:
        super().__init__(channel, text("error.channel_closed", channel=channel, reason=reason))
        self.reason = reason


class ChannelBroken(ChannelClosed):
    """What the other side sent cannot be read, so this channel was closed; all others live on."""


class ChannelNotFound(ChannelError):
    """No channel of that name is set in this process. Attribute: `known`, the names that are."""

    def __init__(self, channel: str, known: tuple[str, ...]) -> None:
        key = "error.channel_not_found" if known else "error.no_channels"
        super().__init__(channel, text(key, channel=channel, known=", ".join(known)))
        self.known = known


class ChannelModeError(ChannelError):
    """The first use of a channel decided how it is received from; this use is of the other kind.

    Attributes: `mode` (what was decided) and `wanted`: `"on_receive"` or `"receive"`.
    """

    def __init__(self, channel: str, mode: str, wanted: str) -> None:
        super().__init__(channel, text("error.channel_mode", channel=channel, mode=mode, wanted=wanted))
        self.mode = mode
        self.wanted = wanted


class MessageTooLarge(ChannelError):
    """A message is over the frame limit; nothing was sent. Attributes: `size_bytes`, `max_frame_bytes`."""

    def __init__(self, channel: str, size_bytes: int, max_frame_bytes: int) -> None:
        super().__init__(
            channel,
            text("error.too_large", channel=channel, size=size_bytes, limit=max_frame_bytes),
        )
        self.size_bytes = size_bytes
        self.max_frame_bytes = max_frame_bytes


class PeerGone(ChannelError):
    """The process that was asked ended, or was restarted, before it answered."""

    def __init__(self, channel: str) -> None:
        super().__init__(channel, text("error.peer_gone", channel=channel))


class RemoteError(ChannelError):
    """The other process's handler raised.

    Attributes: `type_name`, `message`, and `remote_traceback` (text; empty if there is none).
    """

    def __init__(self, channel: str, type_name: str, message: str, remote_traceback: str = "") -> None:
        super().__init__(channel, text("error.remote", channel=channel, type_name=type_name, message=message))
        self.type_name = type_name
        self.message = message
        self.remote_traceback = remote_traceback
