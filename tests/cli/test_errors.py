"""Every error of ours has an exit code and a docstring; everything else is reported as a bug."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse import errors
from pfsfuse.cli.main import main
from pfsfuse.cli.shared.errors import CommandError, exit_code, exit_codes

GROUPED = {6}
"""Exit codes that several branches share on purpose: "change the request", whoever refuses it."""


def family(base: type[BaseException]) -> Iterator[type[BaseException]]:
    for child in base.__subclasses__():
        yield child
        yield from family(child)


OURS = sorted({*family(store.StoreError), *family(errors.PfsError)}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_every_class_of_error_has_an_exit_code_and_says_what_it_means(kind):
    assert exit_code(kind.__new__(kind)) is not None
    assert kind.__doc__


def test_no_two_branches_share_an_exit_code_by_accident():
    codes = list(exit_codes().values())
    assert {code for code in codes if codes.count(code) > 1} == GROUPED


def test_an_error_is_one_line_with_a_hint_on_stderr(run):
    result = run("ls", "trips")
    assert result.code == 3
    assert result.out == ""
    assert re.fullmatch(r"pfs: error: [^\n]+; [^\n]+\n", result.err)


def test_a_bug_is_one_line_that_names_a_file_with_the_traceback(monkeypatch, capsys):
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what was not foreseen")

    monkeypatch.setattr("pfsfuse.cli.main.pfs.invoke", broken)
    with pytest.raises(SystemExit) as ended:
        main(["ls"])
    line = capsys.readouterr().err
    found = re.fullmatch(
        r"pfs: error: this is a bug: ZeroDivisionError: what .*; please report it with (.*)\n", line
    )
    assert ended.value.code == 70 and found
    log = Path(found[1])
    assert "Traceback" in log.read_text() and log.stat().st_mode & 0o077 == 0
    log.unlink()


def test_an_error_inside_a_group_of_one_is_that_error(monkeypatch, capsys):
    def broken(*_: object, **__: object) -> None:
        raise ExceptionGroup("nursery", [ExceptionGroup("inner", [CommandError("it is so", hint="do this")])])

    monkeypatch.setattr("pfsfuse.cli.main.pfs.invoke", broken)
    with pytest.raises(SystemExit) as ended:
        main(["ls"])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "pfs: error: it is so; do this\n"


def test_debug_shows_the_traceback_of_an_error_of_ours(run):
    assert "Traceback" in run("--debug", "ls", "trips").err
    assert "Traceback" in run("ls", "trips", "--debug").err


@pytest.mark.usefixtures("trips")
def test_control_characters_in_an_argument_do_not_reach_the_terminal(run):
    result = run("ls", "tri\x1b[31mps\n")
    assert result.code == 6
    assert "\x1b" not in result.err
    assert result.err.count("\n") == 1


@pytest.mark.usefixtures("trips")
def test_a_reader_that_goes_away_ends_the_command_silently(surroundings, work):
    (work / "big").write_bytes(os.urandom(4 << 20))
    command = [sys.executable, "-m", "pfsfuse.cli"]
    subprocess.run(
        [*command, "put", "big", "trips"], cwd=work, env=surroundings, check=True, capture_output=True
    )
    with subprocess.Popen(
        [*command, "cat", "trips:big"], env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.usefixtures("trips")
def test_interrupting_a_put_says_so_and_changes_nothing(surroundings, ok):
    before = ok("log", "trips")
    with subprocess.Popen(
        [sys.executable, "-m", "pfsfuse.cli", "put", "-", "trips:endless"],
        env=surroundings,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None and process.stderr is not None and process.stdout is not None
        # Once more than the pipe holds has been taken, the command is in the middle of reading.
        for _ in range(8):
            process.stdin.write(os.urandom(1 << 20))
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        process.stdin.close()  # Ctrl-C ends the writing program, too
        assert process.stderr.read().strip() == b"pfs: interrupted"
        assert process.stdout.read() == b""
    assert process.returncode == 130
    assert ok("log", "trips") == before


def test_ctrl_c_while_the_command_is_loaded_shows_no_traceback(surroundings, tmp_path):
    (tmp_path / "click.py").write_text("print('loading', flush=True)\ninput()")
    with subprocess.Popen(
        [sys.executable, "-m", "pfsfuse.cli", "ls"],
        env={**surroundings, "PYTHONPATH": f"{tmp_path}:{surroundings['PYTHONPATH']}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == b"loading\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == -signal.SIGINT


def test_a_full_disk_under_standard_output_is_an_error(surroundings, ok):
    ok("repo", "create", "trips")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pfsfuse.cli", "repo", "list"],
            env=surroundings,
            stdout=full,
            stderr=subprocess.PIPE,
            check=False,
        )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr and b"No space left" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_command_works_where_its_standard_streams_are_closed(surroundings, ok, work, closed):
    ok("repo", "create", "trips")
    (work / "a").write_text("1")
    command = f'"$0" -m pfsfuse.cli put a trips {closed}'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable], cwd=work, env=surroundings, capture_output=True
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert ok("cat", "trips:a") == "1"
