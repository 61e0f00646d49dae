"""What people get wrong about channels is told at once, and what the other side gets wrong ends none."""

import asyncio
from typing import Any

import pytest

from liteyuki.comm import UnknownMessage, register_codec_hook, set_channel
from liteyuki.comm.channel import Channel
from tests.unit.joined import DEADLINE, Arrivals, Joiner, run

MESSAGES = 6000


@pytest.mark.parametrize("name", ["", None, 5], ids=repr)
def test_a_name_is_a_string(name: Any) -> None:
    with pytest.raises(ValueError, match="名字"):
        Channel[int](name)


@pytest.mark.parametrize(
    "options",
    [
        {"max_queued_bytes": 0},
        {"max_queued_bytes": -1},
        {"max_queued_bytes": 2.5},
        {"max_queued_bytes": "2 MiB"},
        {"max_message_bytes": 0},
        {"max_message_bytes": True},
        {"ack": "handeld"},
    ],
    ids=repr,
)
def test_options_that_are_none_are_refused_with_their_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        Channel[int]("talk", **options)


def test_only_channels_are_set() -> None:
    with pytest.raises(TypeError, match="set_channel"):
        set_channel("talk", 5)  # type: ignore[arg-type]


async def handler(value: object) -> None: ...


@pytest.mark.parametrize("what", [handler, "dict", 5])
@pytest.mark.parametrize("decorator", ["on_receive", "on_request"])
def test_forgotten_parentheses_are_told(decorator: str, what: Any) -> None:
    with pytest.raises(TypeError, match=r"@channel\.on_receive\(\)"):
        getattr(Channel[int]("talk"), decorator)(what)


def test_tasks_that_send_at_once_send_in_their_order(joiner: Joiner) -> None:
    main, child = joiner.channels()
    arrivals = Arrivals()
    child.on_receive()(arrivals.add)

    async def body() -> None:
        child.bind(asyncio.get_running_loop())
        await asyncio.gather(*(main.asend(f"{number:0106}") for number in range(MESSAGES)))
        later = [asyncio.create_task(main.asend(number)) for number in range(MESSAGES)]
        await asyncio.gather(*later)
        await arrivals.until(2 * MESSAGES)

    run(body())
    assert arrivals.values == [*(f"{number:0106}" for number in range(MESSAGES)), *range(MESSAGES)]


class Moody:
    """Its hook puts it together only where somebody is in the mood."""


def put_together(fields: Any, buffers: Any) -> Moody:
    raise ValueError("not today")


register_codec_hook(
    Moody, name="test_channel_misused.Moody", take_apart=lambda value: (None, []), put_together=put_together
)


@pytest.mark.parametrize("how", ["receive", "on_receive"])
def test_what_cannot_be_put_together_here_ends_nothing(
    joiner: Joiner, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main, child = joiner.channels()
    for value in "before", Moody(), "after":
        main.send(value)
    if how == "receive":
        arrived = [child.receive(DEADLINE) for _ in range(3)]
    else:
        arrivals = Arrivals()
        child.on_receive()(arrivals.add)

        async def body() -> None:
            child.bind(asyncio.get_running_loop())
            await arrivals.until(3)

        run(body())
        arrived = arrivals.values
    assert (arrived[0], arrived[2]) == ("before", "after")
    assert type(arrived[1]) is UnknownMessage
    told = capsys.readouterr()
    assert "not today" in told.out + told.err
