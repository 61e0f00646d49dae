"""Bytes that nobody of ours has written: they are a value, or a `CodecError`, and never run anything."""

import contextlib
import dataclasses
import datetime
import enum
import struct
import sys
import zoneinfo
from decimal import Decimal
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, field_validator

from liteyuki.codec import CodecError, decode, encode, scalars
from liteyuki.codec.containers import HANDED_OVER, MESSAGE, PAIRS
from liteyuki.codec.scalars import FIRST_CODE
from liteyuki.comm import UnknownMessage, message
from liteyuki.comm.wire import Frame, FrameError, FrameKind, check_hello
from tests.unit.codec.values import values

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
_codes = st.integers(FIRST_CODE, HANDED_OVER + 1)
_zones = st.builds(lambda kind, rest: kind + rest, st.sampled_from([b"u", b"o", b"n", b"k", b""]), st.binary())
_moments = st.builds(
    lambda year, rest, zone: struct.pack("<HBBBBBIB", year, *rest) + zone,
    st.integers(0, 10_000),
    st.tuples(*[st.integers(0, 62)] * 5, st.integers(0, 1_000_001), st.integers(0, 2)),
    st.one_of(_zones, st.just(b"kAmerica")),
)
_extensions = st.one_of(
    st.builds(ormsgpack.Ext, st.integers(0, 127), st.binary(max_size=20)),
    st.builds(ormsgpack.Ext, _codes, st.text("0123456789-+.eEsNaInf", max_size=12).map(str.encode)),
    st.builds(ormsgpack.Ext, st.integers(FIRST_CODE + 3, FIRST_CODE + 5), _moments),
)


def _extension(code: int, content: object) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, ormsgpack.packb(content))


_leaves = st.one_of(st.none(), st.booleans(), st.integers(-3, 300), st.floats(), st.text(max_size=3), _names)
_trees = st.recursive(
    st.one_of(_leaves, _extensions),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=3), st.sampled_from(["x", "y", "key", "left"])), inner, max_size=3),
        st.builds(_extension, _codes, inner),
        st.builds(_extension, _codes, st.lists(inner, max_size=4)),
        st.builds(lambda code, *parts: _extension(code, [*parts]), st.integers(PAIRS, HANDED_OVER), _names, inner),
        st.builds(
            lambda code, name, keys, part: _extension(code, [name, dict.fromkeys(keys, part), part]),
            st.integers(PAIRS, HANDED_OVER),
            _names,
            st.lists(st.sampled_from(["x", "y", "key", "left", "value"]), max_size=3),
            inner,
        ),
    ),
    max_leaves=10,
)


@given(_trees, st.booleans())
@settings(deadline=None, max_examples=500)
def test_well_formed_nonsense_is_a_value_or_refused(tree: Any, is_taken_in: bool) -> None:
    with contextlib.suppress(CodecError):
        decode(0, ormsgpack.packb(tree), (lambda data: data) if is_taken_in else None)


@pytest.mark.parametrize("zone", ["America", "", ".", "..", "/etc/passwd", "../../etc/passwd", "a\0b", "a" * 240])
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    _, payload = encode(datetime.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")))
    found = payload.index(b"Europe/Berlin")
    moment = payload[found - struct.calcsize("<HBBBBBIB") - 1 : found] + zone.encode()
    with pytest.raises(CodecError):
        decode(0, ormsgpack.packb(ormsgpack.Ext(FIRST_CODE + 3, moment)))


def test_a_registered_class_is_built_without_any_code_of_its_own() -> None:
    flags, payload = encode([Watched(1), WatchedModel(key=2)])
    RAN.clear()
    one, other = decode(flags, payload)
    assert RAN == []
    assert vars(one) == {"a": 1, "b": 0}
    assert other.key == 2


CLAIMS = [
    b"\xdd\xff\xff\xff\xff\1\1\1",
    b"\x81\xdd\xff\xff\xff\xff\1\1",
    b"\xdd\x7f\xff\xff\xff",
    b"\x91\xdd\xff\xff\xff\xff",
]


@pytest.mark.parametrize("claim", CLAIMS, ids=bytes.hex)
def test_an_array_that_says_it_is_larger_than_memory_is_refused_wherever_it_stands(claim: bytes) -> None:
    """Some versions of ormsgpack take the process down."""
    payload = claim
    for code in (None, *range(FIRST_CODE, HANDED_OVER + 1), MESSAGE, PAIRS, MESSAGE, MESSAGE, PAIRS):
        if code is not None:
            payload = ormsgpack.packb([ormsgpack.Ext(code, payload)])
        for take_in in None, lambda data: decode(0, data):
            with contextlib.suppress(CodecError):
                decode(0, payload, take_in)
    with pytest.raises(FrameError):
        check_hello(Frame(FrameKind.HELLO, 0, claim))


def test_the_reason_is_told_however_deep_it_lies() -> None:
    extension = ormsgpack.Ext(50, b"")
    for _ in range(30):
        extension = _extension(MESSAGE, ["values.Point", {"x": extension}])
        with pytest.raises(CodecError, match="50"):
            decode(0, ormsgpack.packb([extension]))


def test_what_interrupts_the_process_is_no_bad_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(value: Any) -> Any:
        raise KeyboardInterrupt

    flags, payload = encode([(1, Decimal(1))])
    monkeypatch.setitem(scalars.UNPACKERS, scalars.PACKERS[Decimal][0], interrupt)
    with pytest.raises(KeyboardInterrupt):
        decode(flags, payload)
    monkeypatch.setitem(scalars.PACKERS, Decimal, (1, interrupt))
    with pytest.raises(KeyboardInterrupt):
        encode([(1, Decimal(1))])


def named(name: str, fields: dict[str, Any]) -> bytes:
    return ormsgpack.packb(_extension(MESSAGE, [name, fields]))


@pytest.mark.parametrize("name", ["antigravity", "os.system", "builtins.eval", "subprocess.Popen", "Watched"])
def test_a_name_in_the_data_is_never_imported_or_built(name: str) -> None:
    before = set(sys.modules)
    result = decode(0, named(name, {"args": "true"}))
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


@message(name="fuzz.Picky")
class Picky(enum.Enum):
    MEMBER = 1

    @classmethod
    def _missing_(cls, value: object) -> object:
        raise LookupError("a member?")


def test_what_an_enum_raises_breaks_nothing() -> None:
    payload = encode([Picky.MEMBER])[1].replace(b"\1", b"\2")
    assert decode(0, payload) == [UnknownMessage("fuzz.Picky", {"value": 2})]


@message(name="fuzz.Failing")
@dataclasses.dataclass
class Failing:
    b: Any = dataclasses.field(default_factory=lambda: failing_default())


def failing_default() -> Any:
    raise RuntimeError("a default factory of somebody's")


@pytest.mark.parametrize("failing", [failing_default, sys.exit])
def test_what_a_default_factory_raises_breaks_nothing(failing: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "failing_default", failing)
    assert decode(0, named("fuzz.Failing", {})) == UnknownMessage("fuzz.Failing", {})
