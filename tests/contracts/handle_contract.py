"""The part of the transport contract about handles: they arrive open, in order, and with their own frame."""

import contextlib
import gc
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator

import pytest

from liteyuki.comm.transport import Transport, TransportEnded
from liteyuki.comm.wire import MAX_HANDLES, Frame, FrameError, FrameKind, Handle
from tests.contracts.frames import (
    Pair,
    in_pieces,
    label_of,
    labelled,
    message,
    packed,
    read_to_the_end,
    receive,
    with_handles,
    write,
)

__all__ = ["HandleContract"]


def labels_of(frames: list[Frame]) -> list[list[str]]:
    return [[label_of(handle) for handle in frame.handles] for frame in frames]


@contextlib.contextmanager
def tracked() -> Iterator[tuple[Handle, int]]:
    """A handle, and another one from which the end can be read as soon as no copy of the first is open."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    handle = Handle(writing)
    try:
        yield handle, reading
    finally:
        handle.close()
        os.close(reading)


class HandleContract(ABC):
    """See `TransportContract`."""

    @abstractmethod
    def make(self) -> tuple[Transport, Transport]:
        """Two connected ends; the suite closes them."""

    def test_handles_arrive_open_and_in_order_with_their_own_frames(self, pair: Pair) -> None:
        sent = [
            with_handles(message(number), *[labelled(f"{number}.{place}") for place in range(number % 4)])
            for number in range(20)
        ]
        write(pair.here, *sent)
        assert pair.here.flush()
        for frame in sent:
            for handle in frame.handles:
                handle.close()
        received = receive(pair.there, len(sent))
        assert [frame[:3] for frame in received] == [frame[:3] for frame in sent]
        assert labels_of(received) == [[f"{number}.{place}" for place in range(number % 4)] for number in range(20)]

    def test_handles_find_their_frames_however_much_is_between(self, pair: Pair) -> None:
        sent: list[Frame] = []
        for number in range(4):
            sent.append(with_handles(message(number, number * 900_000), labelled(f"{number}")))
            sent += [message(other, other % 5) for other in range(3000)]
            sent += [message(other, 700_000) for other in range(2)]
        write(pair.here, *sent)
        received = receive(pair.there, len(sent), writer=pair.here)
        assert [frame[:3] for frame in received] == [frame[:3] for frame in sent]
        assert [labels for labels in labels_of(received) if labels] == [["0"], ["1"], ["2"], ["3"]]

    def test_handles_travel_in_both_directions_at_once(self, pair: Pair) -> None:
        for one, name in zip(pair, ("here", "there"), strict=True):
            write(one, message(1), with_handles(message(2), labelled(name)))
            assert one.flush()
        assert labels_of(receive(pair.there, 2)) == [[], ["here"]]
        assert labels_of(receive(pair.here, 2)) == [[], ["there"]]

    def test_a_frame_brings_as_many_handles_as_it_can_count(self, pair: Pair) -> None:
        labels = [str(number) for number in range(MAX_HANDLES)]
        write(pair.here, with_handles(message(1, 300_000), *map(labelled, labels)), message(2))
        assert labels_of(receive(pair.there, 2, writer=pair.here)) == [labels, []]

    def test_the_handles_of_a_large_message_come_with_the_whole_of_it(self, pair: Pair) -> None:
        large = with_handles(message(1, 500_000), labelled("first"), labelled("second"))
        between = with_handles(Frame(FrameKind.CONTROL, 0, b"between"), labelled("third"))
        head, *pieces = in_pieces(large, 100_000)
        pair.here.queued.append(([head], large.handles))
        pair.here.queued.append(([pieces[0]], ()))
        write(pair.here, between)
        pair.here.queued.append((pieces[1:], ()))
        received = receive(pair.there, 2, writer=pair.here)
        assert [frame[:3] for frame in received] == [between[:3], large[:3]]
        assert labels_of(received) == [["third"], ["first", "second"]]

    def test_the_senders_handle_stays_its_own(self, pair: Pair) -> None:
        handle = labelled("mine")
        write(pair.here, with_handles(message(1), handle))
        assert pair.here.flush()
        (frame,) = receive(pair.there, 1)
        assert frame.handles[0].fileno() != handle.fileno()
        frame.handles[0].close()
        assert label_of(handle) == "mine"

    def test_a_handle_that_came_is_not_inherited_by_child_processes(self, pair: Pair) -> None:
        write(pair.here, with_handles(message(1), labelled("private")))
        assert pair.here.flush()
        (frame,) = receive(pair.there, 1)
        assert not os.get_inheritable(frame.handles[0].fileno())

    def test_handles_that_were_flushed_arrive_though_the_sender_is_gone(self, pair: Pair) -> None:
        sent = [message(number, 100) for number in range(50)]
        for number in (0, 20, 49):
            sent[number] = with_handles(sent[number], labelled(str(number)))
        write(pair.here, *sent)
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert isinstance(end, TransportEnded)
        assert [frame[:3] for frame in received] == [frame[:3] for frame in sent]
        assert [labels for labels in labels_of(received) if labels] == [["0"], ["20"], ["49"]]

    def test_handles_of_whole_frames_arrive_before_a_cut(self, pair: Pair) -> None:
        cut = with_handles(message(2, 100), labelled("cut"))
        write(pair.here, with_handles(message(1), labelled("whole")))
        pair.here.queued.append(([packed(cut)[:50]], cut.handles))
        assert pair.here.flush()
        pair.here.close()
        received, end = read_to_the_end(pair.there)
        assert labels_of(received) == [["whole"]]
        assert isinstance(end, TransportEnded)
        assert end.unfinished_bytes == 50

    def test_a_frame_whose_handles_have_not_come_is_an_error(self, pair: Pair) -> None:
        write(pair.here, with_handles(message(1), labelled("one")))
        pair.here.queued.append(([packed(with_handles(message(2), labelled("not sent")))], ()))
        assert pair.here.flush()
        received, end = read_to_the_end(pair.there)
        assert labels_of(received) == [["one"]]
        assert isinstance(end, FrameError)

    @pytest.mark.parametrize("is_flushed", [True, False], ids=["cut", "not flushed"])
    def test_handles_that_no_frame_brings_are_closed_with_the_ends(self, is_flushed: bool) -> None:
        with tracked() as (handle, reading):
            here, there = self.make()
            with contextlib.closing(here), contextlib.closing(there):
                here.queued.append(([packed(with_handles(message(1, 100), handle))[:50]], [handle]))
                if is_flushed:
                    assert here.flush()
                here.close()
                read_to_the_end(there)
            handle.close()
            del here, there
            gc.collect()
            assert os.read(reading, 1) == b""
