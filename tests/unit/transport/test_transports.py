"""The transport passes the contract, whichever end is whose, and what is its own."""

import array
import contextlib
import errno
import mmap
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from liteyuki._platform import open_shared_page
from liteyuki.comm.transport import PipeTransport, Transport, TransportEnded, pipe_pair
from liteyuki.comm.wire import HANDLES_SHIFT, TAKEN, Frame, FrameError, FrameKind, Handle, pack_frame
from tests.contracts.frames import (
    Pair,
    is_readable,
    labelled,
    message,
    packed,
    receive,
    with_handles,
    write,
)
from tests.contracts.transport_contract import TransportContract


class TestPipe(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        one, other = pipe_pair()
        return PipeTransport(one), PipeTransport(other)


class TestPipeFromTheOtherEnd(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        one, other = pipe_pair()
        return PipeTransport(other), PipeTransport(one)


@pytest.fixture
def pipe() -> Iterator[Pair]:
    one, other = pipe_pair()
    pair = Pair(PipeTransport(one), PipeTransport(other))
    yield pair
    for transport in pair:
        transport.close()


@pytest.fixture
def raw() -> Iterator[tuple[socket.socket, PipeTransport]]:
    """A socket whose owner may send anything, and the transport at its other end; nothing is between them yet."""
    one, other = socket.socketpair()
    transport = PipeTransport(other)
    with one, contextlib.closing(transport):
        yield one, transport


def send_with(sender: socket.socket, data: bytes, *handles: int) -> None:
    sender.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", handles))])


def page_frame(body: bytes = b"\0") -> bytes:
    return pack_frame(FrameKind.PAGE, 1 << HANDLES_SHIFT, body)


def open_handles() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_pipe_does_not_take_more_than_its_socket_holds(pipe: Pair) -> None:
    write(pipe.here, message(1, 20_000_000))
    assert not pipe.here.flush()
    assert receive(pipe.there, 1, writer=pipe.here) == [message(1, 20_000_000)]
    assert pipe.here.flush()


def test_a_pipe_leaves_no_handle_open() -> None:
    before = open_handles()
    main, child = (PipeTransport(end) for end in pipe_pair())
    write(main, with_handles(message(1), labelled("a")), message(2))
    main.flush()
    assert receive(child, 2)
    write(child, with_handles(message(1), labelled("unread")))
    child.flush()
    main.close()
    child.close()
    for transport in [PipeTransport(end) for end in pipe_pair()]:
        transport.close()
    assert open_handles() == before


def test_neither_end_of_a_pipe_is_inherited_by_itself() -> None:
    one, other = pipe_pair()
    with one, other:
        assert not os.get_inheritable(one.fileno())
        assert not os.get_inheritable(other.fileno())


def test_what_came_before_a_reset_is_read(pipe: Pair) -> None:
    assert pipe.here.read() == []  # the page, which whoever made the pair has sent
    write(pipe.here, message(1))
    pipe.here.flush()
    write(pipe.there, message(2))
    pipe.there.flush()
    pipe.there.close()
    assert is_readable(pipe.here)
    assert receive(pipe.here, 1) == [message(2)]
    with pytest.raises(TransportEnded):
        pipe.here.read()


# --- the page of counters


def test_the_page_is_there_before_anybody_has_sent_anything(pipe: Pair) -> None:
    for transport in pipe:
        assert is_readable(transport, 0)
        assert transport.read() == []
        assert not is_readable(transport, 0)
    pipe.here.own[TAKEN] = 5
    assert pipe.there.peer[TAKEN] == 5


def test_what_was_counted_before_the_page_was_read_is_in_it(pipe: Pair) -> None:
    pipe.here.own[TAKEN] = 5
    pipe.there.read()
    assert pipe.there.peer[TAKEN] == 0
    pipe.here.read()
    assert pipe.there.peer[TAKEN] == 5
    assert pipe.here.own[TAKEN] == 5


@pytest.mark.parametrize(
    "first", [packed(message(1)), packed(Frame(FrameKind.HELLO, 0, b"")), pack_frame(FrameKind.PAGE, 0, b"\0")]
)
def test_a_first_frame_without_the_page_is_an_error(raw: tuple[socket.socket, PipeTransport], first: bytes) -> None:
    sender, transport = raw
    sender.sendall(first + packed(message(2)))
    with pytest.raises(FrameError, match="计数页"):
        transport.read()


@pytest.mark.parametrize("body", [b"", b"\2", b"\0\0"], ids=repr)
def test_a_page_that_is_nobodys_half_is_an_error(raw: tuple[socket.socket, PipeTransport], body: bytes) -> None:
    sender, transport = raw
    page = Handle(open_shared_page(4096))
    send_with(sender, page_frame(body), page.fileno())
    with pytest.raises(FrameError, match="计数页"):
        transport.read()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system cannot seal memory")
@pytest.mark.parametrize("kind", ["file", "pipe", "unsealed", "small"])
def test_a_page_that_could_crash_its_reader_is_an_error(
    raw: tuple[socket.socket, PipeTransport], kind: str, tmp_path: Path
) -> None:
    sender, transport = raw
    if kind == "file":
        (tmp_path / "file").write_bytes(bytes(4096))
        page = Handle(os.open(tmp_path / "file", os.O_RDWR))
    elif kind == "pipe":
        page = labelled("no page")
    elif kind == "unsealed":
        page = Handle(os.memfd_create("page", os.MFD_ALLOW_SEALING))
        os.truncate(page.fileno(), 4096)
    else:
        page = Handle(open_shared_page(64))
    send_with(sender, page_frame(), page.fileno())
    with pytest.raises(FrameError, match="计数页"):
        transport.read()


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="the system cannot seal memory")
def test_nobody_can_make_the_page_smaller() -> None:
    one, other = pipe_pair()
    with contextlib.closing(PipeTransport(one)) as transport, other:
        _, (page,), _, _ = socket.recv_fds(other, 4096, 1)
        try:
            with pytest.raises(PermissionError):
                os.truncate(page, 0)
            assert transport.peer[TAKEN] == 0
        finally:
            os.close(page)


def test_handles_that_belong_to_no_frame_do_not_pile_up(raw: tuple[socket.socket, PipeTransport]) -> None:
    sender, transport = raw
    page = Handle(open_shared_page(4096))
    send_with(sender, page_frame(), page.fileno())
    stray = labelled("stray")
    before = open_handles()

    def send_and_read() -> None:
        for _ in range(1000):
            send_with(sender, packed(message(1)), *[stray.fileno()] * 10)
            transport.read()

    with pytest.raises(FrameError, match="句柄"):
        send_and_read()
    assert open_handles() < before + 100


def test_handles_that_run_out_while_it_is_opened_are_told_of_and_no_end(
    pipe: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_more(handle: int, size_bytes: int) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(mmap, "mmap", no_more)  # which has a handle of its own
    with pytest.raises(FrameError, match="ulimit"):
        pipe.here.read()
