"""Logs that cannot grow without end, as files: no command is run."""

from __future__ import annotations

import itertools
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.worker.printed import HEAD, MOST, STATEMENT_BYTES, TAIL, Printed, read_marks, times_path


def printed(path: Path, pieces: list[bytes], *, times: list[int] | None = None, **limits: int) -> bytes:
    clock = iter(times) if times is not None else itertools.count(10**18, 10**9)
    log = Printed(path, lambda: next(clock), **limits)
    for piece in pieces:
        log.write(piece)
    log.close()
    return path.read_bytes()


SMALL = {"head": 100, "tail": 100, "most": 400}
lines = st.lists(st.integers(0, 60).map(lambda n: b"x" * n + b"\n"), max_size=60)


@given(lines, st.integers(0, 60))
def test_a_log_keeps_its_beginning_and_its_end_and_says_what_is_missing(
    tmp_path_factory, pieces: list[bytes], split: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    whole = b"".join(pieces)
    printed(path, pieces[:split], **SMALL)
    kept = printed(path, pieces[split:], **SMALL)  # a second command appends
    assert len(kept) <= 400
    if kept == whole:
        return
    before, said, after = kept[:100], kept[100 : 100 + STATEMENT_BYTES], kept[100 + STATEMENT_BYTES :]
    left_out = int(said.split()[1])
    assert said == b"\npfs: %20d bytes left out here\n" % left_out
    assert whole.startswith(before) and whole.endswith(after)
    assert len(before) + left_out + len(after) == len(whole)
    assert len(after) >= 100 - 61  # a line is not cut in two


def test_however_much_is_printed_it_takes_16_mib_of_disk(tmp_path: Path) -> None:
    piece = b"".join(b"%06d the same again\n" % n for n in range(2621))  # about 64 KiB
    log = Printed(tmp_path / "log", lambda: 10**18)
    for _ in range(64 * 16):
        log.write(piece)
    log.close()
    kept = (tmp_path / "log").read_bytes()
    assert HEAD + TAIL <= len(kept) <= MOST
    assert kept.startswith(piece) and kept.endswith(piece)


def test_bytes_that_are_not_text_survive(tmp_path: Path) -> None:
    assert printed(tmp_path / "log", [b"\xff\x00\xfe", b"\r\x1b[31m"]) == b"\xff\x00\xfe\r\x1b[31m"


def test_times_are_kept_of_what_came_apart(tmp_path: Path) -> None:
    ms = 10**6
    times = [0, 100 * ms, 300 * ms, 900 * ms]
    printed(tmp_path / "log", [b"a\n", b"b\n", b"c\n", b"d\n"], times=times)
    assert read_marks(tmp_path / "log") == [(0, 0), (4, 300 * ms), (6, 900 * ms)]


def test_a_log_that_came_at_once_has_the_time_of_its_file(tmp_path: Path) -> None:
    printed(tmp_path / "log", [b"a\n"])
    assert not times_path(tmp_path / "log").exists()
    assert read_marks(tmp_path / "log") == [(0, (tmp_path / "log").stat().st_mtime_ns)]


def test_times_follow_what_they_are_of_when_something_is_left_out(tmp_path: Path) -> None:
    pieces = [b"%038d\n" % n for n in range(40)]
    kept = printed(tmp_path / "log", pieces, times=[n * 10**9 for n in range(40)], **SMALL)
    for offset, ns in read_marks(tmp_path / "log"):
        if offset >= 100 + STATEMENT_BYTES:
            number = int(kept[offset : offset + 38])
            assert number == ns // 10**9


def test_damaged_times_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\n")
    times_path(tmp_path / "log").write_bytes(b"x y\n3 7\n\xff\n0 5\n")
    assert read_marks(tmp_path / "log") == [(0, 5), (3, 7)]


def test_a_disk_that_takes_no_more_costs_lines_and_nothing_else() -> None:
    log = Printed(Path("/dev/full"), lambda: 0)
    log.write(b"lost")
    log.close()
