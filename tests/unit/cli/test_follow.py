"""Following a log while it is rotated: every byte arrives once and in order."""

import threading
from pathlib import Path

from harness import wait_until
from liteyuki.cli.logs import follow
from liteyuki.supervise import LogFiles
from liteyuki.supervise.output.log_file import LogFile


class Follower:
    """Follows a log from a thread, up to a line that says "end"."""

    def __init__(self, path: Path, count: int) -> None:
        self.seen = b""
        self._pieces = follow(path, count)
        self.thread = threading.Thread(target=self._follow, daemon=True)
        self.thread.start()

    def _follow(self) -> None:
        for data in self._pieces:
            self.seen += data
            if self.seen.endswith(b"end\n"):
                self._pieces.close()

    def wait_for(self, line: bytes) -> None:
        wait_until(lambda: self.seen.endswith(line), f"{line!r} from the follower")


def test_a_log_that_is_rotated_under_its_reader(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    file = LogFile(path, LogFiles(max_bytes=200, count=40))
    follower = Follower(path, 20)
    written = b""
    for burst in range(20):
        # Up to 33 rotations at once, at any point of the reader's work.
        for number in range(burst * 20):
            line = b"burst %d line %d\n" % (burst, number)
            written += line
            file.write(line)
        file.write(b"burst %d is over\n" % burst)
        written += b"burst %d is over\n" % burst
        follower.wait_for(b"burst %d is over\n" % burst)
    file.write(b"end\n")
    follower.thread.join(30)
    file.close()
    assert follower.seen == written + b"end\n"


def test_a_log_that_was_emptied_moved_away_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(b"%d\n" % number for number in range(100)))
    follower = Follower(path, 2)
    follower.wait_for(b"98\n99\n")
    path.write_bytes(b"new\n")
    follower.wait_for(b"99\nnew\n")
    path.rename(tmp_path / "elsewhere")
    path.write_bytes(b"newer\n")
    follower.wait_for(b"new\nnewer\n")
    path.unlink()
    path.write_bytes(b"newest\nend\n")
    follower.thread.join(30)
    assert follower.seen == b"98\n99\nnew\nnewer\nnewest\nend\n"
