"""What encoding makes besides one payload: plain values, batches, raw bytes, and the buffers of codec hooks."""

import array
import contextlib
import dataclasses
import struct
from collections.abc import Sequence
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.codec import (
    RAW,
    TAGGED,
    CodecError,
    decode,
    decode_batch,
    encode,
    encode_parts,
    encode_plain,
    register_codec_hook,
)
from liteyuki.codec.payload import BUFFERS, LARGE_BYTES
from liteyuki.comm import UnknownMessage
from tests.unit.values import Point, same, values


class Blob:
    """A class that is nobody's message: any fields, and memory."""

    def __init__(self, fields: Any, buffers: list[Any]) -> None:
        self.fields = fields
        self.buffers = buffers

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is Blob
            and same(other.fields, self.fields)
            and list(map(bytes, other.buffers)) == list(map(bytes, self.buffers))
        )

    def __repr__(self) -> str:
        return f"Blob({self.fields!r}, {self.buffers!r})"


@dataclasses.dataclass
class Fickle:
    """Its hook does what `how` says."""

    how: str


def take_blob_apart(blob: Blob) -> tuple[Any, Sequence[Any]]:
    return blob.fields, blob.buffers


def take_fickle_apart(value: Fickle) -> tuple[Any, Sequence[Any]]:
    if value.how == "fields":
        return object(), []
    if value.how == "buffers":
        return None, ["no buffer"]
    if value.how == "apart":
        raise TypeError("not taken apart")
    return value.how, []


def put_fickle_together(fields: Any, buffers: list[memoryview]) -> Fickle:
    raise LookupError(f"not put {fields}")


register_codec_hook(Blob, name="test_codec_parts.Blob", take_apart=take_blob_apart, put_together=Blob)
register_codec_hook(
    Fickle, name="test_codec_parts.Fickle", take_apart=take_fickle_apart, put_together=put_fickle_together
)

buffers = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=200).map(bytearray),
    st.binary(max_size=200).map(lambda content: memoryview(content)),
    st.integers(0, 3000).map(bytes),
)
blobs = st.builds(Blob, values, st.lists(buffers, max_size=4))
with_blobs = st.recursive(
    st.one_of(blobs, values),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=3), inner, max_size=3),
        st.dictionaries(st.integers(), inner, max_size=3),
        st.builds(Point, inner),
        st.builds(Blob, inner, st.lists(buffers, max_size=2)),
    ),
    max_leaves=5,
)


def arrived(value: Any, *, large: bool = False) -> Any:
    """What the other side gets; large frames come as memory that may be written to."""
    flags, payload = encode(value)
    return decode(flags, memoryview(bytearray(payload)) if large else payload)


# --- plain values, and batches of them


@given(values)
@settings(deadline=None, max_examples=200)
def test_plain_is_what_needs_no_flags(value: Any) -> None:
    flags, parts = encode_parts(value)
    payload = encode_plain(value)
    if payload is None:
        assert flags != 0
    else:
        assert (flags, parts) == (0, [payload])
        assert same(decode(0, payload), value)


@pytest.mark.parametrize(
    "value",
    [(1,), {1: 2}, [{1}], Point(1), [bytearray(b"a")], object(), "\ud800"],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_is_told_without_an_error(value: Any) -> None:
    assert encode_plain(value) is None


@given(st.lists(values, min_size=1, max_size=8))
@settings(deadline=None)
def test_a_batch_of_plain_values_arrives_the_same(sent: list[Any]) -> None:
    plain = [(value, payload) for value in sent if (payload := encode_plain(value)) is not None]
    batch = b"\xdd" + struct.pack(">I", len(plain)) + b"".join(payload for _, payload in plain)
    if plain:
        assert same(decode_batch(0, batch), [value for value, _ in plain])


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01",
        b"\x80",
        b"\xc0",
        b"\x90",
        b"\xdd\0\0\0\0",
        b"\xdd\0\0\0\2\1",
        pytest.param(
            b"\xdd\xff\xff\xff\xff\1",
            marks=pytest.mark.skipif(
                tuple(map(int, ormsgpack.__version__.split(".")[:2])) < (1, 13),
                reason="this ormsgpack crashes where the system has not that much memory",
            ),
        ),
        ormsgpack.packb([ormsgpack.Ext(99, b"")]),
    ],
    ids=bytes.hex,
)
def test_what_is_no_batch_is_refused(payload: bytes) -> None:
    with pytest.raises(CodecError):
        decode_batch(0, payload)


# --- large bytes


@pytest.mark.parametrize("size", [LARGE_BYTES, LARGE_BYTES + 1, 3_000_000])
def test_large_bytes_are_not_copied_on_their_way_out(size: int) -> None:
    value = bytes(range(256)) * (size // 256) + bytes(size % 256)
    flags, parts = encode_parts(value)
    assert (flags, parts[0] is value) == ((RAW, True) if size > LARGE_BYTES else (0, False))
    assert arrived(value) == value
    assert type(arrived(value, large=True)) is bytes
    assert arrived([value], large=True) == [value]


@given(st.binary(max_size=50))
def test_raw_bytes_arrive_whatever_they_hold(payload: bytes) -> None:
    assert decode(RAW, payload) is payload
    assert same(decode(RAW, memoryview(payload)), payload)


# --- hooks


@given(with_blobs, st.booleans())
@settings(deadline=None, max_examples=200)
def test_hooked_values_arrive_wherever_they_are(value: Any, large: bool) -> None:
    result = arrived(value, large=large)
    assert same(result, value), result


@pytest.mark.parametrize("large", [False, True])
def test_buffers_arrive_aligned_writable_and_apart(large: bool) -> None:
    sent = [Blob(number, [array.array("d", [number, 0.5]), bytearray(b"abc")]) for number in range(3)]
    result = arrived(sent, large=large)
    for number, blob in enumerate(result):
        doubles, letters = blob.buffers
        assert doubles.cast("d").tolist() == [number, 0.5]
        doubles[:] = bytes(16)
        letters[:] = b"xyz"
    assert [bytes(buffer) for blob in result for buffer in blob.buffers] == [bytes(16), b"xyz"] * 3
    assert [bytes(blob.buffers[1]) for blob in sent] == [b"abc"] * 3


def test_a_buffer_is_taken_as_it_is_when_it_is_sent() -> None:
    memory = bytearray(b"before")
    flags, parts = encode_parts(Blob(None, [memory]))
    memory[:] = b"after."
    assert bytes(decode(flags, b"".join(parts)).buffers[0]) == b"before"


@pytest.mark.parametrize(
    "buffer",
    [
        array.array("i"),
        memoryview(array.array("i", range(6))).cast("B").cast("i", [2, 3]),
        memoryview(array.array("i", range(6)))[::2],
    ],
    ids=["empty", "two dimensions", "with gaps"],
)
def test_a_buffer_of_any_shape_arrives_as_its_bytes(buffer: Any) -> None:
    (result,) = arrived(Blob(None, [buffer])).buffers
    assert bytes(result) == memoryview(buffer).tobytes()


def test_many_buffers_of_many_values_find_their_own() -> None:
    sent = [Blob(number, [bytes([number % 256]) * (number % 70)] * (number % 4)) for number in range(500)]
    assert arrived(sent) == sent


def test_a_hook_without_buffers_needs_no_table() -> None:
    flags, _ = encode(Blob((1, {2}), []))
    assert flags == TAGGED
    assert arrived([Blob((1, {2}), [])]) == [Blob((1, {2}), [])]


def test_a_hook_that_is_unknown_here_arrives_with_its_parts() -> None:
    flags, payload = encode([Blob((1, 2), [b"abc", b""])])
    result = decode(flags, payload.replace(b"test_codec_parts.Blob", b"test_codec_parts.Slob"))
    assert same(result, [UnknownMessage("test_codec_parts.Slob", {"fields": (1, 2), "buffers": [b"abc", b""]})])


def test_a_name_has_one_class() -> None:
    with pytest.raises(ValueError, match=r"test_codec_parts\.Blob"):
        register_codec_hook(
            Fickle, name="test_codec_parts.Blob", take_apart=take_fickle_apart, put_together=put_fickle_together
        )
    register_codec_hook(Blob, name="test_codec_parts.Blob", take_apart=take_blob_apart, put_together=Blob)


@pytest.mark.parametrize(
    ("how", "told"),
    [("fields", r"builtins\.object"), ("buffers", "bytes-like"), ("apart", "not taken apart")],
)
def test_what_a_hook_cannot_take_apart_is_refused_with_the_cause(how: str, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        encode([Fickle(how)])


def test_what_a_hook_cannot_put_together_arrives_as_what_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    flags, payload = encode([1, Fickle("this"), 2])
    one, unknown, two = decode(flags, payload)
    assert (one, two) == (1, 2)
    assert type(unknown) is UnknownMessage
    assert unknown.name == "test_codec_parts.Fickle"
    assert set(unknown.fields) == {"fields", "buffers"}
    told = capsys.readouterr()
    assert "test_codec_parts.Fickle" in told.out + told.err
    assert "LookupError" in told.out + told.err


def test_subclasses_of_a_hooked_class_are_not_hooked() -> None:
    class Child(Blob):
        pass

    with pytest.raises(TypeError, match="Child"):
        encode(Child(1, []))


# --- what somebody else carries


class Carried:
    pass


def test_what_nothing_else_carries_may_be_handed_over() -> None:
    def hand_over(value: object) -> bytes | None:
        return b"carried" if isinstance(value, Carried) else None

    flags, parts = encode_parts({"a": (Carried(), 1)}, hand_over)
    payload = b"".join(parts)
    assert decode(flags, payload, lambda data: ("taken in", data)) == {"a": (("taken in", b"carried"), 1)}
    with pytest.raises(CodecError):
        decode(flags, payload)
    with pytest.raises(TypeError, match="object"):
        encode_parts([object()], hand_over)
    with pytest.raises(TypeError, match="Carried"):
        encode([Carried()])


# --- broken tables


def table(lengths: list[int], content: bytes, *, count: int | None = None) -> bytes:
    head = struct.pack("<I", len(lengths) if count is None else count)
    return head + struct.pack(f"<{len(lengths)}Q", *lengths) + content


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\1\0\0",
        table([], b""),
        table([], b"", count=2**32 - 1),
        table([1], b"", count=2),
        table([1], bytes(51)),
        table([1], bytes(52) + b"\xc0\0"),
        table([2**64 - 1], bytes(52) + b"\xc0"),
        table([1, 2**63], bytes(44) + b"\xc0"),
        table([1, 1, 1], bytes(36) + b"\xc0" + bytes(63)),
    ],
    ids=["nothing", "short", "empty", "huge count", "count", "gap", "rest", "huge", "huge buffer", "missing"],
)
def test_a_broken_table_is_refused(payload: bytes) -> None:
    with pytest.raises(CodecError):
        decode(TAGGED | BUFFERS, payload)


def test_a_table_may_hold_nothing_but_the_value() -> None:
    assert decode(TAGGED | BUFFERS, table([1], bytes(52) + b"\xc0")) is None


BUFFER, HOOKED = 71, 70


@pytest.mark.parametrize(
    "value",
    [
        ormsgpack.Ext(BUFFER, b"\0\0\0\0"),
        [ormsgpack.Ext(BUFFER, b"\0\0\0\0")],
        {"a": ormsgpack.Ext(BUFFER, b"\0\0\0\0")},
        [ormsgpack.Ext(HOOKED, b""), "test_codec_parts.Blob", None, ormsgpack.Ext(BUFFER, b"\1\0\0\0")],
        [ormsgpack.Ext(HOOKED, b""), "test_codec_parts.Blob", None, ormsgpack.Ext(BUFFER, b"\0")],
        [ormsgpack.Ext(HOOKED, b""), "test_codec_parts.Blob", None, b"no buffer"],
        [ormsgpack.Ext(HOOKED, b""), "test_codec_parts.Blob", ormsgpack.Ext(BUFFER, b"\0\0\0\0")],
        [ormsgpack.Ext(HOOKED, b""), "test_codec_parts.Blob"],
        [ormsgpack.Ext(HOOKED, b""), 1, 2],
        [ormsgpack.Ext(HOOKED, b"")],
    ],
)
def test_buffers_out_of_place_are_refused(value: Any) -> None:
    packed = ormsgpack.packb(value)
    content = bytes(-20 % 64) + packed
    content += bytes(-(20 + len(content)) % 64) + b"abc"
    with pytest.raises(CodecError):
        decode(TAGGED | BUFFERS, table([len(packed), 3], content))


@given(blobs.filter(lambda blob: blob.buffers), st.data())
@settings(deadline=None, max_examples=300)
def test_damaged_buffers_are_values_or_refused(blob: Blob, data: st.DataObject) -> None:
    flags, encoded = encode([blob])
    payload = bytearray(encoded)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.one_of(st.integers(0, 80), st.integers(0, len(payload))))
        payload[start : start + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    with contextlib.suppress(CodecError):
        decode(flags, bytes(payload))
