"""What cannot be put is told, and what is put is never torn."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

import store

LARGE = 9 << 20
"""More than is read in one go: `progress` is told in the middle of such a file."""


@pytest.fixture
def put(repo, source):
    """Puts the source, and lets `meanwhile` happen when the middle of its first large file is reached."""

    def run(meanwhile=lambda: None, *, often=False, raising=False):
        skipped = None if raising else []
        done = []

        def progress(files, size):
            if files == 0 and (often or not done):
                done.append(meanwhile())

        with repo.edit() as edit:
            edit.put_directory(source, progress=progress, skipped=skipped)
        assert done or meanwhile.__name__ == "<lambda>", "it happened"
        return edit.result, skipped

    return run


def large(source):
    (source / "a-large").write_bytes(bytes(LARGE))
    return source / "a-large"


def grow(path):
    with open(path, "ab") as out:
        out.write(b"more")


def test_a_file_that_changes_while_it_is_read_is_read_once_more(put, source):
    path = large(source)
    commit, skipped = put(lambda_named(lambda: grow(path)))
    assert skipped == [] and commit.read("a-large") == bytes(LARGE) + b"more"


def test_a_file_that_changes_all_the_time_is_told_and_left_out(put, source):
    path = large(source)
    (source / "other").write_bytes(b"1")
    commit, skipped = put(lambda_named(lambda: grow(path)), often=True)
    assert [each.path for each in skipped] == [os.fsencode(path)]
    assert str(skipped[0]) == f"'{path}' changed while it was read"
    assert [path for path, _ in commit.walk()] == [b"other"]


def test_without_a_list_the_first_one_is_raised(put, source, repo):
    path = large(source)
    with pytest.raises(store.SourceChanged):
        put(lambda_named(lambda: grow(path)), often=True, raising=True)
    assert repo.head() is None


def test_a_file_that_is_cut_off_while_it_is_read_is_what_it_was_afterwards(put, source):
    path = large(source)
    commit, skipped = put(lambda_named(lambda: os.truncate(path, 5)))
    assert skipped == [] and commit.read("a-large") == bytes(5)


def test_files_that_change_after_they_were_listed_are_what_they_became(put, source):
    large(source)
    for size in (0, 10, 20_000):
        (source / f"b-{size}").write_bytes(bytes(size))

    def meanwhile():
        for size in (0, 10, 20_000):
            (source / f"b-{size}").write_bytes(b"x" * (size * 300 + 1))

    commit, skipped = put(meanwhile)
    assert skipped == []
    for size in (0, 10, 20_000):
        assert commit.read(f"b-{size}") == b"x" * (size * 300 + 1)
        assert commit.entry(f"b-{size}").mtime_ns == (source / f"b-{size}").stat().st_mtime_ns


def test_what_vanishes_or_becomes_something_else_is_told(put, source, tmp_path):
    large(source)
    for name in ("b-gone", "c-pipe", "d-link", "e-directory"):
        (source / name).write_bytes(b"1")
    for name in ("f-gone", "g-link"):
        (source / name).mkdir()
        (source / name / "inside").write_bytes(b"1")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/inside").write_bytes(b"outside")
    (source / "z").write_bytes(b"1")

    def meanwhile():
        (source / "b-gone").unlink()
        (source / "c-pipe").unlink()
        os.mkfifo(source / "c-pipe")
        (source / "d-link").unlink()
        (source / "d-link").symlink_to(tmp_path / "outside/inside")
        (source / "e-directory").unlink()
        (source / "e-directory").mkdir()
        for name in ("f-gone", "g-link"):
            (source / name / "inside").unlink()
            (source / name).rmdir()
        (source / "g-link").symlink_to(tmp_path / "outside")

    commit, skipped = put(meanwhile)
    told = {os.path.basename(each.path): str(each).rpartition(": ")[2] for each in skipped}
    assert told.keys() == {b"b-gone", b"c-pipe", b"d-link", b"e-directory", b"f-gone", b"g-link"}
    assert told[b"b-gone"] == "No such file or directory"
    assert "is a named pipe" in told[b"c-pipe"]
    assert [path for path, _ in commit.walk()] == [b"a-large", b"z"]


def test_what_is_no_data_is_told_and_the_rest_is_put(put, source):
    os.mkfifo(source / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.fspath(source / "socket"))
    (source / "sub").mkdir()
    (source / "sub/file").write_bytes(b"1")
    commit, skipped = put()
    assert [str(each) for each in skipped] == [
        f"'{source}/pipe' is a named pipe; a store holds files, directories and symlinks",
        f"'{source}/socket' is a socket; a store holds files, directories and symlinks",
    ]
    assert [path for path, _ in commit.walk()] == [b"sub", b"sub/file"]


def test_what_was_told_once_is_told_again(put, source, aged):
    os.mkfifo(source / "pipe")
    (source / "sub").mkdir()
    os.mkfifo(source / "sub/pipe")
    (source / "file").write_bytes(b"1")
    aged(source)
    first, skipped = put()
    again, told = put()
    assert (
        again == first and [str(each) for each in told] == [str(each) for each in skipped] and len(told) == 2
    )


def test_what_the_repo_has_under_such_a_name_stays(put, source, repo):
    with repo.edit() as edit:
        edit.write("pipe", b"old")
    os.mkfifo(source / "pipe")
    (source / "file").write_bytes(b"1")
    commit, _ = put()
    assert commit.read("pipe") == b"old" and commit.read("file") == b"1"


def test_a_name_that_is_too_deep_is_told(data, repo, source):
    (source / "d/e").mkdir(parents=True)
    (source / "file").write_bytes(b"1")
    skipped = []
    with repo.edit() as edit:
        edit.put_directory(source, "/".join(["x"] * 254), skipped=skipped)
    assert [os.path.relpath(each.path, os.fsencode(source)) for each in skipped] == [b"d/e"]
    assert "more than 255 names deep" in str(skipped[0])


def test_files_that_are_not_what_they_say_are_read_each_time(put, source, opening, tmp_path, repo):
    if not os.path.exists("/proc/sys/kernel/random"):
        pytest.skip("no /proc")
    seen = set()
    for _ in range(3):
        with repo.edit() as edit:
            edit.put_directory("/proc/sys/kernel/random", "random", skipped=[])
        seen.add(edit.result.read("random/uuid"))
        assert len(edit.result.read("random/uuid")) == 37, "of a file that says it is empty"
    assert len(seen) == 3


UNREADABLE = """
import os, sys, store
source, data = sys.argv[1:]
skipped = []
with store.open(data) as opened:
    with opened.repo("put").edit() as edit:
        edit.put_directory(source, skipped=skipped)
    for each in skipped:
        print(each)
    print([path for path, _ in edit.result.walk()])
"""


def test_what_may_not_be_read_is_told_at_its_place(data, repo, source):
    (source / "closed/below").mkdir(parents=True)
    (source / "open").mkdir()
    for name in ("open/secret", "open/file", "last"):
        (source / name).write_bytes(b"1")
    data.close()
    (source / "closed").chmod(0)
    (source / "open/secret").chmod(0)
    # Root reads everything, unless it gives up what lets it.
    without = "-dac_override,-dac_read_search"
    become = ["setpriv", "--bounding-set", without, "--inh-caps", without] if os.geteuid() == 0 else []
    done = subprocess.run(
        [*become, sys.executable, "-c", UNREADABLE, source, data.path],
        capture_output=True,
        text=True,
        check=False,
    )
    (source / "closed").chmod(0o700)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"'{source}/closed': Permission denied",
        f"'{source}/open/secret': Permission denied",
        "[b'last', b'open', b'open/file']",
    ]


def lambda_named(work):
    """A function with a name, so that the fixture insists on its being called."""

    def meanwhile():
        return work()

    return meanwhile
