"""Reading along while a command prints, as files: no command is run."""

from __future__ import annotations

import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.scheduler.logs import LINE, LogReader
from pfsfuse.worker.printed import Printed

HEAD = 100
SMALL = {"head": HEAD, "tail": 100, "most": 400}


def texts(reader: LogReader, *, at_end: bool = False) -> list[bytes]:
    return [line.text for line in reader.read(at_end=at_end)]


def accounted(read: list[bytes]) -> tuple[list[bytes], int]:
    """The lines that were read, and the bytes that are said to be missing."""
    missing = [
        int(found[1]) for line in read if (found := re.fullmatch(rb"pfs: (\d+) bytes left out here", line))
    ]
    return [line for line in read if not line.startswith(b"pfs: ")], sum(missing)


@given(st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=80))
def test_whoever_reads_along_is_given_every_line_or_told_how_much_is_missing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, bool]]
) -> None:
    path = tmp_path_factory.mktemp("log") / "d.log"
    log, reader, read = Printed(path, lambda: 10**18, **SMALL), LogReader(path, head=HEAD), []
    printed = []
    for number, (length, looks) in enumerate(steps):
        printed.append(b"%d " % number + b"x" * length)
        log.write(printed[-1] + b"\n")
        if looks:
            read += texts(reader)
    read += texts(reader, at_end=True)
    log.close()
    lines, missing = accounted(read)
    pieces = [line for line in printed if line not in lines]
    assert [line for line in lines if line in printed] == [line for line in printed if line in lines]
    if not missing:
        assert lines == printed
    else:
        lost = sum(len(line) + 1 for line in pieces)
        cut = sum(len(line) for line in lines if line not in printed)  # what is left of lines that were cut
        assert lost - missing - cut in (0, 1, 2)


def test_nothing_is_passed_over_while_the_log_moves_under_the_reader(tmp_path: Path) -> None:
    path = tmp_path / "d.log"
    log, reader = Printed(path, lambda: 10**18, head=1000, tail=5000, most=20_000), LogReader(path, head=1000)
    done = threading.Event()

    def flood() -> None:
        for number in range(20_000):
            log.write(b"%06d\n" % number)
        done.set()

    thread = threading.Thread(target=flood)
    thread.start()
    read: list[bytes] = []
    while not done.is_set():
        read += texts(reader)
    thread.join()
    read += texts(reader, at_end=True)
    log.close()
    lines, missing = accounted(read)
    whole = [int(line) for line in lines if re.fullmatch(rb"\d{6}", line)]
    assert whole == sorted(set(whole)) and whole[-1] == 19_999
    assert sum(len(line) + 1 for line in lines) + missing - 20_000 * 7 in range(len(read))


def test_a_log_that_is_read_afterwards_says_what_is_missing_where_it_is(tmp_path: Path) -> None:
    log = Printed(tmp_path / "d.log", lambda: 10**18, **SMALL)
    for number in range(100):
        log.write(b"%09d\n" % number)
    log.close()
    read = texts(LogReader(tmp_path / "d.log", head=HEAD), at_end=True)
    lines, missing = accounted(read)
    assert read[10] == b"pfs: %d bytes left out here" % missing
    assert len(lines) * 10 + missing == 1000


def test_a_line_that_does_not_end_is_cut_when_it_is_longer_than_memory_likes(tmp_path: Path) -> None:
    (tmp_path / "d.log").write_bytes(b"x" * (LINE + 5) + b"\ny")
    read = texts(LogReader(tmp_path / "d.log"), at_end=True)
    assert [len(line) for line in read] == [LINE, 5, 1]


def test_a_log_that_is_not_there_has_no_lines(tmp_path: Path) -> None:
    assert texts(LogReader(tmp_path / "d.log"), at_end=True) == []
