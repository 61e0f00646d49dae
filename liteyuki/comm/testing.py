"""For the tests of whoever builds on channels, with any test framework: two joined ends in one process."""

from types import TracebackType
from typing import Any, NamedTuple

from liteyuki.comm.channel import Channel
from liteyuki.comm.transport import PipeTransport, pipe_pair

__all__ = ["ChannelPair", "channel_pair"]


class ChannelPair(NamedTuple):
    """Two joined channels. As a context manager it closes both at the end of the block, as `close` does."""

    main: Channel[Any]
    child: Channel[Any]

    def close(self) -> None:
        """Close both ends without waiting; what nobody has taken is forgotten, and whoever waits is woken.

        From the event loop's own thread, or when no loop runs.
        """
        for channel in self:
            channel.abandon()

    def __enter__(self) -> "ChannelPair":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def channel_pair(name: str = "test", **options: Any) -> ChannelPair:
    """The two ends of one channel, joined within this process: the main process's, and the child's.

    Values travel between them as between two processes, through a socket, encoded and decoded, within the same limits
    and in the same order. `options` are those of `Channel`, for both ends. When one end closes, the other one does too,
    after it has received what was sent. Raises `OSError` if handles run out.

        async def test_the_weather_is_told() -> None:
            with channel_pair("weather") as (main, child):
                my_plugin.answer_on(main)           # registers `@main.on_request()`
                assert await child.request("Chengdu", timeout=5) == "cloudy"

    Where the code under test looks its channel up with `get_channel`, set it first: `set_channel("weather", main)`.
    """
    main, child = Channel[Any](name, **options), Channel[Any](name, **options)
    for channel, end in zip((main, child), pipe_pair(), strict=True):
        channel.attach(PipeTransport(end))
    return ChannelPair(main, child)
