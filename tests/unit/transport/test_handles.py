"""What a child takes over from its environment, and the channels it then has."""

import importlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import liteyuki.comm
from liteyuki.comm.channel import Channel
from liteyuki.comm.registry import Registry, replaced_registry
from liteyuki.comm.transport import PipeTransport, offer, pipe_pair, take_over
from liteyuki.errors import ChannelNotFound, NoMainProcess
from tests.unit.joined import DEADLINE, run

NAMES = ("bot-active", "bot-passive")
VARIABLES = ("LITEYUKI_PROCESS", "LITEYUKI_GENERATION", "LITEYUKI_HANDLES")


class Ends:
    """What a main process hands to a child `bot`."""

    def __init__(self) -> None:
        self.main: dict[str, Channel[Any]] = {}
        self.inherited: dict[str, socket.socket] = {}
        for name in NAMES:
            one, other = pipe_pair()
            os.set_inheritable(other.fileno(), True)
            self.inherited[name] = other
            self.main[name] = Channel[Any](name)
            self.main[name].attach(PipeTransport(one))

    @property
    def environment(self) -> dict[str, str]:
        return offer("bot", 3, self.inherited)

    def close(self) -> None:
        for channel in self.main.values():
            channel.close()
        for end in self.inherited.values():
            end.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()


@pytest.fixture
def child(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    """The registry of this process, as if it was the child."""
    for name, value in ends.environment.items():
        monkeypatch.setenv(name, value)
    for end in ends.inherited.values():
        os.close(os.dup(end.detach()))  # it is the registry's from now on
    with replaced_registry(Registry()) as registry:
        yield registry
    for channel in registry.table.channels.values():
        channel.close()


def test_a_child_takes_over_what_was_offered_once(ends: Ends) -> None:
    environment = {"PATH": "/bin", **ends.environment}
    handles = {name: end.fileno() for name, end in ends.inherited.items()}
    assert json.loads(environment["LITEYUKI_HANDLES"]) == handles
    assert take_over(environment) == ("bot", 3, handles)
    assert environment == {"PATH": "/bin"}
    assert take_over(environment) is None


def test_grandchildren_inherit_nothing(ends: Ends) -> None:
    taken = take_over(ends.environment)
    assert taken is not None
    assert [os.get_inheritable(handle) for handle in taken.handles.values()] == [False, False]


def test_a_process_that_was_offered_nothing_takes_nothing() -> None:
    assert take_over({}) is None
    assert take_over({"LITEYUKI_GENERATION": "2"}) is None


def test_the_first_generation_need_not_say_so(ends: Ends) -> None:
    environment = ends.environment
    del environment["LITEYUKI_GENERATION"]
    taken = take_over(environment)
    assert taken is not None
    assert taken.generation == 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LITEYUKI_HANDLES", ""),
        ("LITEYUKI_HANDLES", "{"),
        ("LITEYUKI_HANDLES", "[1, 2]"),
        ("LITEYUKI_HANDLES", "5"),
        ("LITEYUKI_HANDLES", '{"a": null}'),
        ("LITEYUKI_HANDLES", '{"a": "x"}'),
        ("LITEYUKI_HANDLES", '{"a": -1}'),
        ("LITEYUKI_HANDLES", '{"a": 100000}'),
        ("LITEYUKI_HANDLES", '{"a": 1180591620717411303424}'),
        ("LITEYUKI_HANDLES", '{"a": 1e999}'),
        ("LITEYUKI_GENERATION", ""),
        ("LITEYUKI_GENERATION", "first"),
    ],
)
def test_bad_values_are_no_main_process(ends: Ends, variable: str, value: str) -> None:
    environment = {**ends.environment, variable: value}
    with pytest.raises(NoMainProcess, match="LITEYUKI_HANDLES"):
        take_over(environment)
    assert not set(environment) & set(VARIABLES)


def test_a_handle_that_is_no_channel_is_no_main_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "file").open("wb") as file:
        monkeypatch.setenv("LITEYUKI_PROCESS", "bot")
        monkeypatch.setenv("LITEYUKI_HANDLES", json.dumps({"bot-active": file.fileno()}))
        with replaced_registry(Registry()), pytest.raises(NoMainProcess, match="LITEYUKI_HANDLES"):
            liteyuki.comm.get_channel("bot-active")


def test_a_child_has_the_channels_that_it_was_handed(ends: Ends, child: Registry) -> None:
    assert set(liteyuki.comm.get_channels()) == set(NAMES)
    assert (liteyuki.comm.own_process(), child.generation) == ("bot", 3)
    assert not set(VARIABLES) & set(os.environ)
    for name in NAMES:
        channel = liteyuki.comm.get_channel(name)
        assert channel is liteyuki.comm.get_channel(name)
        channel.send(f"up {name}")
        assert ends.main[name].receive(DEADLINE) == f"up {name}"
        ends.main[name].send(f"down {name}")
        assert channel.receive(DEADLINE) == f"down {name}"


@pytest.mark.usefixtures("ends")
def test_a_child_has_its_own_two_channels(child: Registry) -> None:
    from liteyuki.comm import active_channel, passive_channel

    assert active_channel is liteyuki.comm.get_channel("bot-active")
    assert passive_channel is liteyuki.comm.get_channel("bot-passive")
    assert [channel.name for channel in child.table.channels.values()] == list(NAMES)


@pytest.mark.usefixtures("child")
def test_an_unknown_channel_is_told_with_the_names_that_are() -> None:
    with pytest.raises(ChannelNotFound, match="bot-active, bot-passive") as caught:
        liteyuki.comm.get_channel("nope")
    assert caught.value.channel == "nope"
    assert caught.value.known == NAMES


def test_channels_may_be_bound_to_the_loop(ends: Ends, child: Registry) -> None:
    async def body() -> str:
        liteyuki.comm.attach_channels()
        ends.main["bot-active"].send("hello")
        got: str = await liteyuki.comm.get_channel("bot-active").async_receive()
        return got

    assert run(body()) == "hello"
    assert set(child.table.channels) == set(NAMES)


def test_where_there_is_no_main_process_it_says_how_to_start_one() -> None:
    with replaced_registry():
        assert liteyuki.comm.own_process() is None
        assert liteyuki.comm.get_channels() == {}
        with pytest.raises(ChannelNotFound, match="liteyuki run") as caught:
            liteyuki.comm.get_channel("bot-active")
        assert caught.value.known == ()
        with pytest.raises(NoMainProcess, match="liteyuki run"):
            from liteyuki.comm import active_channel  # noqa: F401
        with pytest.raises(NoMainProcess, match="liteyuki run"):
            _ = liteyuki.comm.passive_channel
        for call in liteyuki.comm.restart, liteyuki.comm.status, liteyuki.comm.logs:
            with pytest.raises(NoMainProcess, match="liteyuki run"):
                run(call())


def test_importing_everything_works_where_there_is_no_main_process() -> None:
    with replaced_registry():
        names: dict[str, Any] = {}
        exec("from liteyuki.comm import *", names)
        assert set(liteyuki.comm.__all__) <= set(names)
        assert "active_channel" not in names


def test_a_name_that_is_not_there_is_an_import_error_as_usual() -> None:
    with pytest.raises(AttributeError, match="nope"):
        getattr(importlib.import_module("liteyuki.comm"), "nope")  # noqa: B009 - mypy knows that it is missing
    with pytest.raises(ImportError):
        exec("from liteyuki.comm import nope")


def test_channels_of_ones_own_may_be_set() -> None:
    with replaced_registry() as registry:
        one, other = Channel[int]("one"), Channel[int]("other")
        liteyuki.comm.set_channel("one", one)
        liteyuki.comm.set_channels({"two": other})
        assert liteyuki.comm.get_channel("one") is one
        assert liteyuki.comm.get_channels() == {"one": one, "two": other} == registry.table.channels
        liteyuki.comm.get_channels().clear()
        assert liteyuki.comm.get_channel("two") is other
    with pytest.raises(ChannelNotFound):
        liteyuki.comm.get_channel("two")
