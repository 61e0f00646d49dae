"""The main process's own log lines, whichever thread or signal handler writes them."""

import asyncio
import os
import signal
import threading
from pathlib import Path
from types import FrameType

from liteyuki.supervise import LogFiles
from liteyuki.supervise.output import Console, LogWriter, OwnLog
from tests.unit.joined import until


def test_lines_of_threads_and_signal_handlers_are_whole_and_all_there(tmp_path: Path) -> None:
    async def main() -> None:
        read_end, write_end = os.pipe()
        printed = bytearray()

        def read() -> None:
            while data := os.read(read_end, 65536):
                printed.extend(data)

        reader = threading.Thread(target=read)
        reader.start()
        loop = asyncio.get_running_loop()
        console = Console(write_end)
        console.bind(loop)
        writer = LogWriter(tmp_path, LogFiles())
        own_log = OwnLog(console, writer.stream("liteyuki"))
        handled = 0

        def handle(number: int, frame: FrameType | None) -> None:
            nonlocal handled
            handled += 1
            own_log.write(f"signal {handled}\n")

        def log(thread: int) -> None:
            for number in range(1000):
                own_log.write(f"thread {thread} {number}\n")

        before = signal.signal(signal.SIGALRM, handle)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) or handled < 50:
            console.write(b"output of a child\n")
            await asyncio.sleep(0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        own_log.flush()
        writer.close()
        console.close()
        os.close(write_end)
        reader.join()
        os.close(read_end)
        expected = {f"signal {number + 1}" for number in range(handled)}
        expected |= {f"thread {thread} {number}" for thread in range(4) for number in range(1000)}
        for content in printed, (tmp_path / "liteyuki.log").read_bytes():
            lines = [line for line in content.decode().splitlines() if line != "output of a child"]
            assert set(lines) == expected
            assert len(lines) == len(expected)
            for number in range(4):
                mine = [line for line in lines if line.startswith(f"thread {number} ")]
                assert mine == [f"thread {number} {line}" for line in range(1000)]

    asyncio.run(main())


def test_a_thread_that_logs_for_ever_keeps_neither_the_loop_nor_memory(tmp_path: Path) -> None:
    async def main() -> None:
        handle = os.open(os.devnull, os.O_WRONLY)
        console = Console(handle)
        console.bind(asyncio.get_running_loop())
        writer = LogWriter(tmp_path, LogFiles())
        own_log = OwnLog(console, writer.stream("liteyuki"))
        is_over, log_file = threading.Event(), tmp_path / "liteyuki.log"

        def log() -> None:
            while not is_over.is_set():
                own_log.write("again\n")

        thread = threading.Thread(target=log)
        thread.start()
        # The loop turns, or this would never end.
        await until(lambda: log_file.exists() and "again" in log_file.read_text(), "a line")
        is_over.set()
        thread.join()
        own_log.write("the loop's own\n")
        own_log.flush()
        own_log.flush()
        writer.close()
        console.close()
        os.close(handle)
        assert "the loop's own" in log_file.read_text().splitlines()

    asyncio.run(main())
