"""Bytes that nobody of ours has written: they are a value, or a `CodecError`, and never run anything."""

import contextlib
import dataclasses
import sys
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from liteyuki.codec import TAGGED, CodecError, decode, encode
from liteyuki.comm import UnknownMessage, message
from tests.unit.values import values

RAN: list[str] = []
"""What has run that must not."""


@message(name="fuzz.Watched")
@dataclasses.dataclass
class Watched:
    a: Any
    b: Any = 0

    def __new__(cls, *arguments: Any) -> "Watched":
        RAN.append("__new__")
        return super().__new__(cls)

    def __init__(self, *arguments: Any) -> None:
        RAN.append("__init__")
        vars(self).update(a=arguments[0], b=0)

    def __post_init__(self) -> None:
        RAN.append("__post_init__")

    def __setattr__(self, name: str, value: object) -> None:
        RAN.append("__setattr__")

    def __setstate__(self, state: object) -> None:
        RAN.append("__setstate__")


@message(name="fuzz.WatchedModel")
class WatchedModel(BaseModel):
    key: int

    def __init__(self, **fields: Any) -> None:
        RAN.append("__init__")
        super().__init__(**fields)

    @field_validator("key")
    @classmethod
    def check(cls, value: int) -> int:
        RAN.append("validator")
        return value


def decode_or_refuse(flags: int, payload: bytes) -> None:
    """Any other error than `CodecError` fails the test."""
    with contextlib.suppress(CodecError):
        decode(flags, payload)


@given(st.integers(0, 15), st.binary(max_size=200))
@settings(deadline=None, max_examples=400)
def test_any_bytes_are_a_value_or_refused(flags: int, payload: bytes) -> None:
    decode_or_refuse(flags, payload)


@given(st.integers(0, 7), values, st.data())
@settings(deadline=None, max_examples=200)
def test_damaged_values_are_values_or_refused(flags: int, value: Any, data: st.DataObject) -> None:
    payload = bytearray(encode(value)[1])
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(payload)))
        payload[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    decode_or_refuse(flags, bytes(payload))


_names = st.sampled_from(
    ["values.Colour", "values.Right", "values.Level", "values.Point", "values.Slotted", "values.Model", "no.such"]
)
_parts = st.one_of(st.integers(0, 3000), st.integers(-(1 << 63), 1 << 63), st.text(max_size=9), st.just("America"))
_zoned = st.lists(_parts, max_size=12)
_extensions = st.one_of(
    st.builds(ormsgpack.Ext, st.integers(0, 127), st.binary(max_size=20)),
    st.builds(ormsgpack.Ext, st.integers(1, 13), st.text("0123456789-+.eEsNaInf", max_size=12).map(str.encode)),
    st.builds(ormsgpack.Ext, st.sampled_from([4, 6]), _zoned.map(ormsgpack.packb)),
    st.builds(ormsgpack.Ext, st.integers(64, 70), st.just(b"")),
    st.builds(ormsgpack.Ext, st.integers(71, 72), st.binary(max_size=5)),
)
_leaves = st.one_of(st.none(), st.booleans(), st.integers(-3, 300), st.floats(), st.text(max_size=3), _names)
_trees = st.recursive(
    st.one_of(_leaves, _extensions),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=3), st.sampled_from(["x", "y", "key", "left"])), inner, max_size=3),
        st.builds(lambda marker, parts: [ormsgpack.Ext(marker, b""), *parts], st.integers(64, 70), st.lists(inner)),
        st.builds(lambda marker, *parts: [ormsgpack.Ext(marker, b""), *parts], st.integers(68, 70), _names, inner),
    ),
    max_leaves=10,
)


@given(st.integers(0, 1), _trees)
@settings(deadline=None, max_examples=500)
def test_well_formed_nonsense_is_a_value_or_refused(flags: int, tree: Any) -> None:
    decode_or_refuse(flags, ormsgpack.packb(tree))


@pytest.mark.parametrize("zone", ["America", "", ".", "..", "/etc/passwd", "../../etc/passwd", "a\0b", "a" * 240])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    with pytest.raises(CodecError):
        decode(0, ormsgpack.packb(ormsgpack.Ext(4, ormsgpack.packb([2026, 1, 1, 0, 0, 0, 0, 0, zone]))))


def test_a_registered_class_is_built_without_any_code_of_its_own() -> None:
    flags, payload = encode([Watched(1), WatchedModel(key=2)])
    RAN.clear()
    one, other = decode(flags, payload)
    assert RAN == []
    assert vars(one) == {"a": 1, "b": 0}
    assert other.key == 2


def tagged_message(name: str, fields: dict[str, Any], marker: int = 68) -> bytes:
    return ormsgpack.packb([ormsgpack.Ext(marker, b""), name, fields])


@pytest.mark.parametrize("name", ["antigravity", "os.system", "builtins.eval", "subprocess.Popen", "Watched"])
@pytest.mark.parametrize("marker", [68, 69])
def test_a_name_in_the_data_is_never_imported_or_built(name: str, marker: int) -> None:
    before = set(sys.modules)
    result = decode(TAGGED, tagged_message(name, {"args": "true"}, marker))
    assert type(result) is UnknownMessage
    assert result.name == name
    assert set(sys.modules) == before


class Hostile:
    """Calls that a decoder of another kind would make."""

    def __reduce__(self) -> tuple[Any, ...]:
        return RAN.append, ("__reduce__",)


def test_what_would_be_a_pickle_is_refused_or_plain_bytes() -> None:
    import pickle

    RAN.clear()
    payload = pickle.dumps(Hostile())
    for flags in range(16):
        decode_or_refuse(flags, payload)
    assert decode(*encode(payload)) == payload
    assert RAN == []


@message(name="fuzz.Failing")
@dataclasses.dataclass
class Failing:
    b: Any = dataclasses.field(default_factory=lambda: failing_default())


def failing_default() -> Any:
    raise RuntimeError("a default factory of somebody's")


@pytest.mark.parametrize("failing", [failing_default, sys.exit])
def test_what_a_default_factory_raises_breaks_nothing(failing: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "failing_default", failing)
    assert decode(TAGGED, tagged_message("fuzz.Failing", {})) == UnknownMessage("fuzz.Failing", {})
