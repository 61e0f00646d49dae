"""Values <-> bytes: what is sent is what arrives."""

import collections
import dataclasses
import datetime
import enum
import pathlib
import struct
import subprocess
import sys
import tracemalloc
import uuid
import zoneinfo
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, create_model

from liteyuki.codec import CodecError, decode, encode
from liteyuki.comm import UnknownMessage, message
from tests.unit.codec.values import Colour, Frozen, Level, Model, OpenModel, Point, Right, Slotted, Word, same, values

ROOT = Path(__file__).parents[3]
Row = collections.namedtuple("Row", "a b")


def arrived(value: Any) -> Any:
    """What the other side gets."""
    return decode(*encode(value))


@given(values)
@settings(deadline=None)
def test_what_is_sent_is_what_arrives(value: Any) -> None:
    result = arrived(value)
    assert same(result, value), result


@pytest.mark.parametrize(
    "value",
    [
        {"z": 1, "a": 2, "": 3},
        {None: 1, True: 2, 2.5: 3, (4,): 5, b"6": 7, "8": 9},
        {"deep": [{"in": (bytearray(b"a"), {frozenset({(1, 2)})})}]},
        [bytearray(b""), b"", bytearray(range(256))],
        [{"a": b"\xc4", "b": [bytearray(b"\xc4")]}],
        [[], (), {}, set(), frozenset(), [()], ([],), {"": ()}],
        [2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 3**5000, -(3**5000), 255, 256, -128, -129],
        [0.0, -0.0, float("nan"), float("inf"), complex("nan+infj"), complex(-0.0, 0.0), 5e-324],
        [Decimal("1.10"), Decimal("-0"), Decimal("NaN123"), Decimal("sNaN"), Decimal("-Infinity"), Decimal("1E+9999")],
        [datetime.timedelta.min, datetime.timedelta.max, datetime.date.min, datetime.date.max],
        [datetime.datetime.min, datetime.datetime.max, datetime.time.max],
        datetime.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin")),
        datetime.time(2, 30, fold=1, tzinfo=datetime.timezone(datetime.timedelta(hours=8), "东八区")),
        datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(0), "GMT")),
        [pathlib.PurePosixPath("/a b/ü"), pathlib.PureWindowsPath("C:\\a/b"), pathlib.Path(), pathlib.Path("//a")],
        pathlib.PurePosixPath("not-utf-8-\udcff"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_at_the_edges_arrive_the_same(value: Any) -> None:
    result = arrived(value)
    assert same(result, value), result


def test_an_int_of_more_digits_than_python_prints_may_be_a_key() -> None:
    value = {10**5000: {-(10**5000)}}
    assert same(arrived(value), value)


@pytest.mark.parametrize("name", ["\udcc3\udca9", "\ud800"])
def test_a_path_arrives_the_same_or_is_refused(name: str) -> None:
    for path in pathlib.PurePosixPath(name), pathlib.PureWindowsPath(name):
        try:
            flags, payload = encode([path])
        except TypeError:
            continue
        assert same(decode(flags, payload), [path])


def test_a_long_zone_name_arrives_or_is_refused() -> None:
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=1), "长" * 100))
    try:
        flags, payload = encode(moment)
    except TypeError:
        return
    assert same(decode(flags, payload), moment)


@pytest.mark.parametrize("depth", [90, 110, 150, 199])
@pytest.mark.parametrize(
    "wrap",
    [lambda inner: [inner], lambda inner: (inner,), lambda inner: {1: inner}, Point, Frozen, Colour],
    ids=["list", "tuple", "dict", "Point", "Frozen", "Colour"],
)
def test_what_is_nested_deep_arrives_or_is_refused_as_too_deep(wrap: Callable[[Any], Any], depth: int) -> None:
    value: Any = None
    for _ in range(depth):
        value = wrap(value)
    try:
        flags, payload = encode(value)
    except TypeError as error:
        refusal = str(error)
    else:
        assert repr(decode(flags, payload)) == repr(value)
        return
    assert "嵌套得太深" in refusal


# --- keys

KEYS: list[Any] = [
    *("", "a", "长", b"", b"a", None, True, False, 0, 1, -1, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1),
    *(1.0, 0.0, -0.0, 0.5, float("nan"), float("inf"), 1j, Decimal("1.0"), Decimal("0.50")),
    *((), (1,), (True, None, "a", b"a", 0.5), ((1, 2), (3,)), ((((((((((1,),),),),),),),),),), (2**64,), (Colour.RED,)),
    *(frozenset(), frozenset({1, (2,)}), Colour.RED, Level.LOW, Word.YES, Right.READ, Frozen(1), Slotted((1,))),
    *(datetime.date(2026, 1, 1), datetime.datetime(2026, 1, 1), datetime.time(1), datetime.timedelta(1)),
    *(uuid.UUID(int=7), pathlib.PurePosixPath("a"), pathlib.PureWindowsPath("a"), (datetime.date(2026, 1, 1),)),
]


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_a_key_arrives_as_it_was(key: Any) -> None:
    for value in (
        {key: 1},
        {"first": 0, key: (1,)},
        {key: {key: [{key: key}]}},
        [{0: {key}, key: bytearray(b"a")}],
        {(key,): key, "event": {"message": [{key: b"\xc4"}]}},
        Point({key: None}),
    ):
        result = arrived(value)
        assert same(result, value), result


@pytest.mark.parametrize("one", [1, True, 1.0, Level.LOW, Decimal(1), 1 + 0j], ids=repr)
def test_of_keys_that_are_equal_the_one_that_was_there_arrives(one: Any) -> None:
    for other in (1, True, 1.0, Level.LOW, Decimal(1)):
        value = {one: "first"}
        value[other] = "second"
        assert same(arrived(value), {one: "second"})
        assert same(arrived([{one, other}, (one,)]), [{one}, (one,)])


@given(st.dictionaries(st.sampled_from(KEYS), st.one_of(st.integers(), st.binary().map(bytearray)), max_size=12))
@settings(deadline=None)
def test_keys_of_any_kinds_arrive_beside_each_other(value: dict[Any, Any]) -> None:
    assert same(arrived(value), value)
    assert same(arrived([value]), [value])


@pytest.mark.parametrize(
    ("key", "place"),
    [(Row(1, 2), "<Row(a=1, b=2)>"), (type("Text", (str,), {})("x"), "<'x'>"), ((1, object), "[1]"), (range(2), "<")],
    ids=repr,
)
def test_a_key_that_no_channel_carries_is_refused_with_its_place(key: Any, place: str) -> None:
    for value in {key: 1}, {1: 2, key: 1}, {"a": 2, key: 1}, [{1: {key: 1}}]:
        with pytest.raises(TypeError) as caught:
            encode(value)
        assert place in str(caught.value)


# --- registered classes


@pytest.mark.parametrize(
    "value",
    [
        *Colour,
        *Level,
        *Word,
        Right(0),
        Right.READ | Right.RUN,
        Point(1),
        Point([Point((1, 2))], {Level.LOW: Word.YES}),
        Frozen("a", (1, {2})),
        Slotted(1),
        Slotted(Slotted(1, 2), {"a": Slotted(3)}),
        Model(key=(1, Frozen(2))),
        OpenModel.model_validate({"key": 1, "more": {Colour.RED}}),
    ],
    ids=repr,
)
def test_registered_values_arrive_as_their_class(value: Any) -> None:
    for sent in value, [value], {"a": (value,)}, {"a": {1: value}}:
        assert same(arrived(sent), sent)


def test_registered_frozen_values_may_be_keys_and_members() -> None:
    value = {Colour.RED: {Frozen(1), Level.HIGH}, Slotted(2): frozenset({Right.READ | Right.WRITE})}
    assert same(arrived(value), value)


def renamed(sent: Any, name: str, other: str) -> Any:
    """What arrives where the class that is `name` here goes by another name of the same length."""
    flags, payload = encode(sent)
    assert len(name) == len(other)
    return decode(flags, payload.replace(name.encode(), other.encode()))


def test_an_unknown_name_arrives_with_its_fields() -> None:
    result = renamed([Point((1, 2), {3})], "values.Point", "values.Other")
    assert same(result, [UnknownMessage("values.Other", {"x": (1, 2), "y": {3}})])


def test_an_unknown_enum_arrives_with_its_value() -> None:
    assert renamed(Colour.PAIR, "values.Colour", "values.Others") == UnknownMessage("values.Others", {"value": (1, 2)})


@pytest.mark.parametrize("sent", [{Colour.RED: 1}, {Colour.RED}, {(Colour.RED,): 1}], ids=repr)
def test_what_is_unknown_here_arrives_as_key_and_member_too(sent: Any) -> None:
    unknown = UnknownMessage("values.Others", {"value": "red"})
    result = renamed(sent, "values.Colour", "values.Others")
    assert list(result) in ([unknown], [(unknown,)])


def test_an_enum_is_no_message_and_a_message_no_enum() -> None:
    assert renamed(Point(1), "values.Point", "values.Right") == UnknownMessage("values.Right", {"x": 1, "y": 0})
    assert renamed(Right.READ, "values.Right", "values.Point") == UnknownMessage("values.Point", {"value": 1})


def between_versions(sent: type[Any], received: type[Any], **fields: Any) -> Any:
    """What arrives if `sent` is the class of that name there and `received` the one here: two versions of it."""
    name = f"test_codec.{sent.__name__}"
    message(name=name)(sent)
    flags, payload = encode(sent(**fields))
    message(name=name)(received)
    return decode(flags, payload)


def dataclass_of(name: str, *fields: Any) -> type[Any]:
    return dataclasses.make_dataclass(name, fields)


def test_fields_that_the_other_version_lacks_get_their_defaults() -> None:
    old = dataclass_of("Grown", ("a", int))
    new = dataclass_of(
        "Grown",
        ("a", int),
        ("b", int, dataclasses.field(default=7)),
        ("c", list, dataclasses.field(default_factory=list)),
    )
    result = between_versions(old, new, a=1)
    assert type(result) is new
    assert (result.a, result.b, result.c) == (1, 7, [])


def test_fields_that_this_version_lacks_are_left_out() -> None:
    new = dataclass_of("Shrunk", ("a", int))
    result = between_versions(dataclass_of("Shrunk", ("a", int), ("b", int)), new, a=1, b=2)
    assert type(result) is new
    assert result == new(1)


def test_an_instance_without_a_required_field_is_an_unknown_message() -> None:
    result = between_versions(dataclass_of("Lacking", ("a", int)), dataclass_of("Lacking", ("a", int), ("b", int)), a=1)
    assert result == UnknownMessage("test_codec.Lacking", {"a": 1})


def test_models_of_two_versions_understand_each_other() -> None:
    old = create_model("Moved", a=(int, ...), gone=(int, 0))
    new = create_model("Moved", a=(int, ...), b=(int, 7))
    result = between_versions(old, new, a=1, gone=2)
    assert type(result) is new
    assert result.model_dump() == {"a": 1, "b": 7}


def test_a_model_without_a_required_field_is_an_unknown_message() -> None:
    result = between_versions(
        create_model("LackingModel", a=(int, ...)), create_model("LackingModel", a=(int, ...), b=(int, ...)), a=1
    )
    assert result == UnknownMessage("test_codec.LackingModel", {"a": 1})


@message(name="test_codec.Swapped")
class Swapped(BaseModel):
    """Each alias is the name of the other field."""

    model_config = ConfigDict(populate_by_name=True, extra="allow")

    one: int = Field(0, alias="two")
    two: int = Field(0, alias="one")
    three: int = Field(0, validation_alias="four")
    _hidden: Any = PrivateAttr(None)


def test_a_model_arrives_with_all_that_makes_it_up() -> None:
    sent = Swapped.model_validate({"two": 1, "one": 2, "five": 5})
    sent._hidden = (Frozen(1), {2})
    result = arrived([sent])[0]
    assert result == sent
    assert (result.one, result.two, result.three, result.five, result._hidden) == (1, 2, 0, 5, (Frozen(1), {2}))
    assert result.model_dump(exclude_unset=True) == {"one": 1, "two": 2, "five": 5}
    object.__setattr__(sent, "__pydantic_extra__", {"three": 9})
    assert (arrived(sent).three, arrived(sent).model_extra) == (0, {"three": 9})


def test_what_a_model_hides_must_be_what_channels_carry() -> None:
    sent = Swapped.model_validate({})
    sent._hidden = object()
    with pytest.raises(TypeError, match="_hidden"):
        encode([sent])


def test_an_enum_member_that_this_version_lacks_breaks_nothing() -> None:
    class Shade(enum.Enum):
        DARK = 1
        LIGHT = 2

    sent = message(name="test_codec.Shade")(Shade).LIGHT
    flags, payload = encode([sent])

    class Shade(enum.Enum):  # type: ignore[no-redef]
        DARK = 1

    message(name="test_codec.Shade")(Shade)
    assert decode(flags, payload) == [UnknownMessage("test_codec.Shade", {"value": 2})]


def test_only_classes_with_known_parts_are_registered() -> None:
    with pytest.raises(TypeError, match="@dataclass"):
        message(object)
    with pytest.raises(ValueError, match=r"values\.Point"):
        message(name="values.Point")(Frozen)


# --- what no channel carries


class Unregistered(BaseModel):
    key: int


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (lambda: 1, "builtins.function"),
        (object(), "builtins.object"),
        (memoryview(b""), "builtins.memoryview"),
        (memoryview(b"abc"), "builtins.memoryview"),
        (range(3), "builtins.range"),
        (..., "builtins.ellipsis"),
        (ValueError("x"), "builtins.ValueError"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        (Row(1, 2), f"{__name__}.Row"),
        (type("Text", (str,), {})("x"), f"{__name__}.Text"),
        (type("Bytes", (bytes,), {})(b"x"), f"{__name__}.Bytes"),
        (Unregistered(key=1), f"{__name__}.Unregistered"),
        (UnknownMessage("a", {}), "liteyuki.codec.classes.UnknownMessage"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_values_are_refused_with_their_type_their_place_and_the_way_out(value: Any, kind: str) -> None:
    for wrapped, place in ((value, ""), ([0, {"a": [value]}], "[1]['a'][0]"), (Point(value), ".x")):
        with pytest.raises(TypeError) as caught:
            encode(wrapped)
        assert f" {kind}" in str(caught.value)
        assert place in str(caught.value)
        assert "@message" in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"\0", bytes(1000)], ids=len)
@pytest.mark.parametrize("code", [0, 1, 42, 99, 122, 127])
def test_somebody_elses_extension_is_refused_here_or_there(code: int, data: bytes) -> None:
    extension = ormsgpack.Ext(code, data)
    for wrapped in extension, [extension], {"a": (extension,)}, {1: extension}, Point(extension):
        with pytest.raises((TypeError, CodecError)):
            arrived(wrapped)


def test_a_zone_of_ones_own_is_refused_with_the_way_out() -> None:
    class Zone(datetime.tzinfo):
        def utcoffset(self, moment: datetime.datetime | None) -> None:
            return None

        dst = tzname = utcoffset

    with pytest.raises(TypeError, match=r"datetime\.datetime.*\[0\].*datetime\.timezone"):
        encode([datetime.datetime(2026, 1, 1, tzinfo=Zone())])


@pytest.mark.parametrize("value", ["\ud800", ["a\udfff"], {"\ud800": 1}, {1: "\ud800"}, Point("\ud800")], ids=ascii)
def test_lone_surrogates_are_refused_with_the_way_out(value: Any) -> None:
    with pytest.raises(TypeError, match='errors="replace"'):
        encode(value)


def test_a_value_that_holds_itself_is_refused() -> None:
    holder: list[Any] = []
    holder += [holder, holder]
    mapping: dict[Any, Any] = {}
    mapping[1] = [mapping]
    for value in holder, mapping, Point(holder):
        with pytest.raises(TypeError, match="包含了自身"):
            encode(value)


def test_a_value_that_is_nested_too_deep_is_refused() -> None:
    value: Any = ()
    for _ in range(1000):
        value = [value]
    with pytest.raises(TypeError, match="嵌套得太深"):
        encode(value)


def test_the_other_side_may_not_nest_too_deep_either() -> None:
    for payload in (b"\x91" * 10_000 + b"\xc0", b"\x81\xa1a" * 10_000 + b"\xc0", b"\x91" * 1100 + b"\xc0"):
        with pytest.raises(CodecError):
            decode(0, payload)


def nested(levels: int, lists: int, code: int, padding: bytes = b"") -> bytes:
    """Extensions in one another, each in so many lists."""
    payload = b"\xc0"
    for _ in range(levels):
        content = b"\x92" + ormsgpack.packb(padding) + payload
        payload = b"\x91" * lists + b"\xc9" + struct.pack(">IB", len(content), code) + content
    return payload


NEST = """
import itertools, sys, threading
from liteyuki.codec import CodecError, decode
from liteyuki.codec.containers import PAIRS, SEQUENCES
from tests.unit.codec.test_codec import nested

def run():
    shapes = (300, 1000), (500, 0), (500, 3), (400, 200), (17, 1010), (4, 1020), (3, 1000)
    for (levels, lists), code, padding in itertools.product(shapes, [SEQUENCES[tuple], PAIRS, 1], [0, 1000]):
        try:
            decode(0, nested(levels, lists, code, bytes(padding)))
        except CodecError:
            continue
        assert levels < 20 and code != 1, (levels, lists, code)
    print("alive")

sys.setrecursionlimit(1_000_000)
threading.stack_size(8 * 1024 * 1024)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def test_no_nesting_ends_the_process() -> None:
    ended = subprocess.run([sys.executable, "-c", NEST], capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert ended.stdout == "alive\n", ended.stderr


def test_what_is_nested_and_large_is_not_kept_once_for_each_level() -> None:
    size, value = 3_000_000, Point(bytes(3_000_000))
    for _ in range(80):
        value = Point(value)
    flags, payload = encode(value)
    tracemalloc.start()
    try:
        result = decode(flags, payload)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(result) is Point
    assert peak < 10 * size
