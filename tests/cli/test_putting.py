"""`pfs put` of what cannot all be read: everything is told, and nothing is committed unless that is asked for."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def source(work):
    root = work / "source"
    (root / "sub").mkdir(parents=True)
    (root / "file").write_bytes(b"1")
    (root / "sub/file").write_bytes(b"2")
    os.mkfifo(root / "pipe")
    os.mkfifo(root / "sub/pipe")
    return root


def test_all_names_that_cannot_be_put_are_listed_and_nothing_is_committed(run, source):
    run("repo", "create", "made")
    result = run("put", "-r", "source", "made")
    assert result.code == 1 and result.out == ""
    assert result.err.splitlines() == [
        "pfs: 'source/pipe' is a named pipe; a store holds files, directories and symlinks",
        "pfs: 'source/sub/pipe' is a named pipe; a store holds files, directories and symlinks",
        "pfs: error: 2 names could not be put; nothing was put; --keep-going puts the rest",
    ]
    assert run("ls", "made").out == ""


def test_keep_going_commits_the_rest_and_says_so_by_the_exit_code(run, source):
    run("repo", "create", "made")
    result = run("put", "-r", "--keep-going", "source", "made")
    assert result.code == 1 and result.out.startswith("made@master.1 ")
    assert len(result.err.splitlines()) == 2
    assert run("cat", "made:source/file").out == "1" and run("cat", "made:source/sub/file").out == "2"
    (source / "pipe").unlink()
    (source / "sub/pipe").unlink()
    again = run("put", "-r", "source", "made")
    assert (again.code, again.err) == (0, "")


def test_keep_going_leaves_out_a_file_of_several(run, work):
    run("repo", "create", "made")
    (work / "one").write_bytes(b"1")
    os.mkfifo(work / "two")
    assert run("put", "one", "two", "made").code == 6
    assert run("ls", "made").out == ""
    result = run("put", "--keep-going", "one", "two", "made")
    assert result.code == 1 and "named pipe" in result.err
    assert run("cat", "made:one").out == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="what root may not read takes root without its capabilities")
def test_a_file_that_may_not_be_read_is_left_out_with_the_rest(surroundings, work, ok):
    ok("repo", "create", "made")
    for name, mode in (("one", 0o644), ("two", 0)):
        (work / name).write_text(name)
        (work / name).chmod(mode)
    unprivileged = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    put = [sys.executable, "-m", "pfsfuse.cli", "put", "--keep-going", "one", "two", "made"]
    done = subprocess.run(
        [*unprivileged, *put], cwd=work, env=surroundings, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (1, "pfs: 'two': Permission denied\n")
    assert ok("ls", "made") == "one\n"


def test_checksum_reads_what_looks_unchanged(run, source):
    run("repo", "create", "made")
    for options in ([], ["--checksum"]):
        run("put", "-r", "--keep-going", *options, "source", "made")
    assert run("log", "made").out.count("made@master") == 1
