"""Large buffers of codec hooks, which do not come over the stream."""

import errno
import gc
import os
from collections.abc import Callable
from typing import Any

import ormsgpack
import pytest

from harness import open_handles
from liteyuki._platform import map_shared_copy, shared_copy
from liteyuki.codec import register_codec_hook
from liteyuki.codec.containers import HOOKED
from liteyuki.comm.channel import attachments
from liteyuki.comm.session.items import MESSAGE_COST_BYTES
from liteyuki.comm.wire import HANDLES_SHIFT, MAX_HANDLES, FrameKind, Handle, pack_frame
from liteyuki.errors import MessageTooLarge
from tests.unit.channel.optioned import with_options
from tests.unit.channel.sent_channels import check_broken_by, handles_so_far
from tests.unit.channel.watched import held
from tests.unit.joined import DEADLINE, Joiner, close_at_once, crash

LARGE_BYTES = 16 * 1024 * 1024

needs_shared_memory = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system has no such memory")


class Image:
    """A class with memory of its own."""

    def __init__(self, *planes: Any) -> None:
        self.planes = planes


register_codec_hook(
    Image,
    name="test_channel_shared_buffers.Image",
    take_apart=lambda image: (None, image.planes),
    put_together=lambda _, planes: Image(*planes),
)


def plane(content: int, size: int = LARGE_BYTES) -> bytearray:
    return bytearray([content]) * size


def is_plane(buffer: Any, content: int, size: int = LARGE_BYTES) -> bool:
    some = min(size, 100)
    return len(buffer) == size and bytes(buffer[:some]) == bytes(buffer[-some:]) == bytes([content]) * some


def refuse(*_: object) -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


@pytest.mark.parametrize("shared", [pytest.param(True, marks=needs_shared_memory), False], ids=["shared", "streamed"])
def test_it_arrives_as_it_was_and_belongs_to_whoever_got_it(
    joiner: Joiner, shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shared:
        monkeypatch.setattr(attachments, "shared_copy", refuse)
    main, child = joiner.channels()
    sent = plane(7)
    main.send(Image(sent, plane(8, 10), plane(9)))
    sent[:] = plane(1)
    assert main.stats.queued_bytes > 2 * LARGE_BYTES
    got = child.receive(DEADLINE).planes
    assert is_plane(got[0], 7)
    assert is_plane(got[1], 8, 10)
    assert is_plane(got[2], 9)
    got[0][:100] = bytes(100)
    assert bytes(got[0][:101]) == bytes(100) + b"\x07"


def test_what_is_said_of_it_is_the_same_at_both_ends(joiner: Joiner) -> None:
    main, child = joiner.channels()
    for content in 1, 2:
        main.send(Image(plane(content)))
        child.receive(DEADLINE)
    assert child.stats.received_bytes == main.stats.sent_bytes > 2 * LARGE_BYTES
    assert main.stats.largest_bytes > LARGE_BYTES
    assert held(child) == held(main) == (0, 0, 0, 0)


@needs_shared_memory
def test_no_handle_is_kept_but_for_what_is_in_use(joiner: Joiner) -> None:
    main, child = joiner.channels()
    main.send("first")
    child.send(child.receive(DEADLINE))
    assert main.receive(DEADLINE) == "first"
    before = handles_so_far()
    main.send(Image(plane(1)))
    got = child.receive(DEADLINE)
    main.send("next")
    assert child.receive(DEADLINE) == "next"
    main.stats  # noqa: B018 - looks at what was taken
    # The one by which Python holds the memory.
    assert open_handles() <= before + 1
    del got
    gc.collect()
    assert open_handles() <= before
    main.send(Image(plane(2)))
    close_at_once(main)
    close_at_once(child)
    gc.collect()
    assert open_handles() <= before


def test_it_counts_against_the_largest_message(joiner: Joiner) -> None:
    main, child = with_options(joiner, max_message_bytes=LARGE_BYTES).channels()
    before = handles_so_far()
    with pytest.raises(MessageTooLarge) as caught:
        main.send(Image(plane(1)))
    assert caught.value.size_bytes > LARGE_BYTES
    del caught
    gc.collect()
    assert open_handles() <= before
    main.send("next")
    assert child.receive(DEADLINE) == "next"


def test_more_than_a_frame_counts_come_as_well(joiner: Joiner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("liteyuki.codec.walk._LARGE_BYTES", 1000)
    main, child = joiner.channels()
    main.send(Image(*(plane(number, 1000) for number in range(MAX_HANDLES + 1))))
    got = child.receive(DEADLINE).planes
    assert all(is_plane(got[number], number, 1000) for number in range(MAX_HANDLES + 1))


@pytest.mark.parametrize("is_begun", [True, False], ids=["begun", "not begun"])
def test_what_the_first_process_did_not_finish_reaches_the_next_as_it_was(joiner: Joiner, is_begun: bool) -> None:
    joined = with_options(joiner, ack="handled")
    main = joined.kept()
    main.send(Image(plane(5)))
    first = joined.child_of(main, 1)
    if is_begun:
        first.receive(DEADLINE).planes[0][:] = plane(6)
    crash(first, main)
    second = joined.child_of(main, 2)
    assert is_plane(second.receive(DEADLINE).planes[0], 5)
    assert second.redelivered == is_begun


# --- what an other side may send


def unsealed() -> int:
    handle = os.memfd_create("unsealed", os.MFD_ALLOW_SEALING)
    os.truncate(handle, 10)
    return handle


def frame_with(number: object, size: object) -> bytes:
    place = ormsgpack.packb([number, size])
    content = ormsgpack.packb(["test_channel_shared_buffers.Image", None, place])
    return pack_frame(FrameKind.MESSAGE, 1 << HANDLES_SHIFT, ormsgpack.packb(ormsgpack.Ext(HOOKED, content)))


@needs_shared_memory
@pytest.mark.parametrize(
    ("make", "number", "size"),
    [
        (lambda: shared_copy(memoryview(b"0123456789")), 0, 11),
        (lambda: shared_copy(memoryview(b"0123456789")), 0, 9),
        (lambda: shared_copy(memoryview(b"0123456789")), 0, 0),
        (lambda: shared_copy(memoryview(b"0123456789")), 0, -1),
        (lambda: shared_copy(memoryview(b"0123456789")), 0, 2**63),
        (lambda: shared_copy(memoryview(b"0123456789")), 0, "10"),
        (lambda: shared_copy(memoryview(b"0123456789")), 1, 10),
        (lambda: shared_copy(memoryview(b"0123456789")), -1, 10),
        (lambda: shared_copy(memoryview(b"0123456789")), None, 10),
        (unsealed, 0, 10),
        (lambda: os.open(os.devnull, os.O_RDONLY), 0, 10),
        (lambda: os.open(__file__, os.O_RDONLY), 0, os.stat(__file__).st_size),  # noqa: PTH116
    ],
)
def test_what_is_no_such_memory_breaks_the_channel(
    joiner: Joiner, make: Callable[[], int], number: object, size: object
) -> None:
    child, raw = joiner.against_raw()
    check_broken_by(frame_with(number, size), Handle(make()), child, raw)


@needs_shared_memory
def test_what_was_copied_can_be_changed_by_nobody() -> None:
    handle = Handle(shared_copy(memoryview(b"0123456789")))
    assert handle.content_bytes == 10
    for change in (lambda: os.pwrite(handle.fileno(), b"x", 0), lambda: os.truncate(handle.fileno(), 5)):
        with pytest.raises(PermissionError):
            change()
    one, other = (map_shared_copy(handle.fileno(), 10) for _ in range(2))
    one[0] = ord("x")
    assert bytes(one) == b"x123456789"
    assert bytes(other) == b"0123456789"


def test_a_message_without_such_buffers_costs_what_it_did(joiner: Joiner) -> None:
    main, _ = joiner.channels()
    main.send(Image(plane(1, 1000)))
    assert main.stats.queued_bytes < 1000 + 200 + MESSAGE_COST_BYTES
