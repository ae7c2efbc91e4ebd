from __future__ import annotations

from pathlib import Path

import pytest

from pfsfuse.worker.compute import describe_exit
from pfsfuse.worker.logfile import TAIL_LINES, tail, write_line


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {n}\n" for n in range(100_000)))
    assert tail(log) == tuple(f"line {n}" for n in range(100_000 - TAIL_LINES, 100_000))


def test_a_terminal_finds_nothing_to_obey_in_the_tail(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"\x1b[2Jcleared\xff\n")
    assert tail(log) == ("\N{REPLACEMENT CHARACTER}[2Jcleared\N{REPLACEMENT CHARACTER}",)


def test_a_log_that_was_never_written_has_no_tail(tmp_path: Path) -> None:
    assert tail(tmp_path / "missing") == ()


def test_our_own_lines_in_a_log_say_so(tmp_path: Path) -> None:
    write_line(tmp_path / "log", "worker 7 died")
    assert (tmp_path / "log").read_text() == "pfs: worker 7 died\n"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (1, "exit code 1"),
        (126, "exit code 126 (not executable, or the working directory is missing)"),
        (127, "exit code 127 (command not found)"),
        (137, "exit code 137 (killed by SIGKILL: by itself, or for want of memory)"),
        (255, "exit code 255"),
    ],
)
def test_an_exit_code_is_told_as_a_shell_means_it(code: int, words: str) -> None:
    assert describe_exit(code) == words


def test_a_log_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    write_line(tmp_path / "logs" / "log", "worker 7 died")
