"""What encoding makes besides one payload: plain values, batches, raw bytes, and the buffers of codec hooks."""

import array
import contextlib
import dataclasses
import gc
import struct
from collections.abc import Iterator, Sequence
from typing import Any

import ormsgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liteyuki.codec import (
    RAW,
    CodecError,
    decode,
    decode_batch,
    encode,
    encode_parts,
    encode_plain,
    register_codec_hook,
)
from liteyuki.codec.containers import HANDED_OVER, HOOKED
from liteyuki.codec.payload import BUFFERS, LARGE_BYTES
from liteyuki.comm import UnknownMessage
from tests.unit.codec.values import Point, same, values


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
    [object(), "\ud800", [Blob(1, [b"a"])], memoryview(b"a"), bytes(LARGE_BYTES + 1)],
    ids=["object", "surrogate", "hooked", "memoryview", "large"],
)
def test_what_is_not_plain_is_told_without_an_error(value: Any) -> None:
    assert encode_plain(value) is None


@given(st.lists(values, min_size=1, max_size=8))
@settings(deadline=None)
def test_a_batch_of_plain_values_arrives_the_same(sent: list[Any]) -> None:
    plain = [(value, payload) for value in sent if (payload := encode_plain(value)) is not None]
    batch = b"\xdd" + struct.pack(">I", len(plain)) + b"".join(payload for _, payload in plain)
    if plain:
        assert same(decode_batch(batch), [value for value, _ in plain])


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
        b"\xdd\xff\xff\xff\xff\1",
        ormsgpack.packb([ormsgpack.Ext(99, b"")]),
    ],
    ids=bytes.hex,
)
def test_what_is_no_batch_is_refused(payload: bytes) -> None:
    with pytest.raises(CodecError):
        decode_batch(payload)


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
    assert flags == 0
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


def test_what_is_handed_over_stands_where_it_may() -> None:
    def is_refused(value: object, taken_in: object) -> bool:
        try:
            decode(0, ormsgpack.packb(value), lambda data: taken_in)
        except CodecError:
            return True
        return False

    handed_over = ormsgpack.Ext(HANDED_OVER, b"")
    hooked = ormsgpack.Ext(HOOKED, ormsgpack.packb(["test_codec_parts.Blob", None, b""]))
    assert not is_refused([handed_over], "a channel")
    assert is_refused([handed_over], memoryview(b"a buffer"))
    assert not is_refused([hooked], memoryview(b"a buffer"))
    assert is_refused([hooked], "a channel")


class Watched:
    def __init__(self, freed: list[str]) -> None:
        self._freed = freed

    def __del__(self) -> None:
        self._freed.append("freed")


def test_nothing_that_was_sent_or_refused_is_held(without_collector: None) -> None:
    freed: list[str] = []
    encode_parts([Point((Watched(freed), 1))], lambda value: b"" if type(value) is Watched else None)
    assert len(freed) == 1
    with pytest.raises(TypeError):
        encode({"a": Point([Watched(freed)])})
    assert len(freed) == 2
    assert encode_plain((Watched(freed),)) is None
    assert len(freed) == 3


def test_nothing_that_arrived_or_was_refused_is_held(without_collector: None) -> None:
    freed: list[str] = []
    flags, (payload,) = encode_parts([Carried(), Point((1, 2))], lambda value: b"")
    decode(flags, payload, lambda data: Watched(freed))
    assert len(freed) == 1
    foreign = ormsgpack.Ext(50, b"")
    with pytest.raises(CodecError):
        decode(0, ormsgpack.packb([ormsgpack.Ext(HANDED_OVER, b""), {"a": foreign}]), lambda data: Watched(freed))
    assert len(freed) == 2


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is not let go at once is not let go."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


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
        decode(BUFFERS, payload)


def test_a_table_may_hold_nothing_but_the_value() -> None:
    assert decode(BUFFERS, table([1], bytes(52) + b"\xc0")) is None


@pytest.mark.parametrize(
    "content",
    [
        ["test_codec_parts.Blob", None, 1],
        ["test_codec_parts.Blob", None, -1],
        ["test_codec_parts.Blob", None, True],
        ["test_codec_parts.Blob", None, b"no buffer"],
        ["test_codec_parts.Blob", None, "0"],
        ["test_codec_parts.Blob"],
        [1, 2],
        [],
        {},
        None,
    ],
    ids=repr,
)
def test_buffers_out_of_place_are_refused(content: Any) -> None:
    packed = ormsgpack.packb([ormsgpack.Ext(HOOKED, ormsgpack.packb(content))])
    content = bytes(-20 % 64) + packed
    content += bytes(-(20 + len(content)) % 64) + b"abc"
    with pytest.raises(CodecError):
        decode(BUFFERS, table([len(packed), 3], content))


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
