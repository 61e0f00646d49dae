"""Both transports pass the contract, and the pipe what is its own."""

import contextlib
import os
import socket
from pathlib import Path

import pytest

from liteyuki.comm.framing import Frame, FrameError, FrameKind, pack_frame
from liteyuki.comm.pipe import child_end, main_end, pipe_pair
from liteyuki.comm.transport import Transport, TransportEnded, memory_pair
from tests.contract import TransportContract, is_readable, message, receive


def pipe() -> tuple[Transport, Transport]:
    one, other = pipe_pair()
    return main_end(one), child_end(other.detach())


class TestMemory(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        return memory_pair()


class TestPipeFromMain(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        return pipe()


class TestPipeFromChild(TransportContract):
    def make(self) -> tuple[Transport, Transport]:
        main, child = pipe()
        return child, main


def open_handles() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_a_pipe_does_not_take_more_than_its_socket_holds() -> None:
    main, child = pipe()
    with contextlib.closing(main), contextlib.closing(child):
        main.write(pack_frame(*message(1, 20_000_000)))
        assert not main.flush()
        assert receive(child, 1, writer=main) == [message(1, 20_000_000)]
        assert main.flush()


def test_a_pipe_leaves_no_handle_open() -> None:
    before = open_handles()
    main, child = pipe()
    main.write(pack_frame(*message(1)))
    main.flush()
    receive(child, 1)
    main.close()
    child.close()
    unread = pipe()
    for transport in unread:
        transport.close()
    assert open_handles() == before


def test_neither_end_of_a_pipe_is_inherited_by_itself() -> None:
    one, other = pipe_pair()
    with one, other:
        assert not os.get_inheritable(one.fileno())
        assert not os.get_inheritable(other.fileno())


def test_the_handle_of_no_socket_is_no_end(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="socket"):
        child_end(file.fileno())


def test_a_first_frame_without_the_page_is_an_error() -> None:
    one, other = pipe_pair()
    with one, contextlib.closing(child_end(other.detach())) as child:
        one.sendall(pack_frame(FrameKind.HELLO, 0, b""))
        with pytest.raises(FrameError):
            child.read()


def test_a_child_cannot_make_the_page_smaller() -> None:
    one, other = pipe_pair()
    with contextlib.closing(main_end(one)) as main, other:
        main.write(pack_frame(*message(1)))
        assert main.flush()
        _, (page,), _, _ = socket.recv_fds(other, 4096, 1)
        try:
            with pytest.raises(PermissionError):
                os.truncate(page, 0)
            assert main.taken_by_peer() == 0
        finally:
            os.close(page)


def test_what_came_before_a_reset_is_read() -> None:
    main, child = pipe()
    with contextlib.closing(main), contextlib.closing(child):
        main.write(pack_frame(*message(1)))
        main.flush()
        child.write(pack_frame(*message(2)))
        child.flush()
        child.close()
        assert is_readable(main)
        assert main.read() == [Frame(*message(2))]
        with pytest.raises(TransportEnded):
            main.read()
