"""A branch that is written to through a real mount: what POSIX expects, first of a plain directory, then of us."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from pfsfuse.testing.posix import CHANGES, lay_out, outcome, tree
from pfsfuse.worktree import holes

REFUSED = {
    "link": "EPERM",
    "link into a subdirectory": "EPERM",
    "mkfifo": "EPERM",
    "bind of a socket": "EPERM",
    "open O_TMPFILE": "ENOTSUP",
    "setxattr": "ENOTSUP",
    "setxattr of a directory": "ENOTSUP",
    "fsetxattr of a file open for reading": "ENOTSUP",
    "ioctl FS_IOC_SETFLAGS": "ENOTTY",
}
"""What a branch does not have, and a plain directory has."""


@pytest.fixture
def written(opened: store.Store, mountpoint: Path) -> Iterator[Mounted]:
    """A mount of a store with a repo `trips`, to be written to."""
    opened.create_repo("trips")
    with mounted(opened.path, mountpoint, "--writable") as mount:
        yield mount


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_does_to_a_branch_what_it_does_to_a_plain_directory(written, tmp_path, name):
    plain, branch = tmp_path / "plain", written.path / "trips"
    plain.mkdir()
    for directory in (plain, branch):
        lay_out(directory)
    expected = outcome(CHANGES[name], plain)
    assert outcome(CHANGES[name], branch) == REFUSED.get(name, expected)
    if name not in REFUSED:
        assert _timeless(tree(branch)) == _timeless(tree(plain))


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_what_the_store_has_does_the_same(written, tmp_path, name):
    plain, branch = tmp_path / "plain", written.path / "trips"
    plain.mkdir()
    for directory in (plain, branch):
        lay_out(directory)
    written.stage()
    expected = outcome(CHANGES[name], plain)
    assert outcome(CHANGES[name], branch) == REFUSED.get(name, expected)
    if name not in REFUSED:
        assert _timeless(tree(branch)) == _timeless(tree(plain))
        written.stage()
        assert _timeless(tree(branch)) == _timeless(tree(plain))


def _timeless(found: dict[bytes, tuple[object, ...]]) -> dict[bytes, tuple[object, ...]]:
    return {path: (mode, content) for path, (mode, _, content) in found.items()}


@pytest.fixture
def branch(written: Mounted) -> Path:
    return written.path / "trips"


def test_a_file_that_was_removed_goes_on_for_whoever_has_it_open(written, branch):
    (branch / "file").write_bytes(b"before")
    with open(branch / "file", "r+b") as file:
        os.unlink(branch / "file")
        file.write(b"AFTER")
        file.seek(0)
        assert file.read() == b"AFTERe"
        assert os.listdir(branch) == []
        written.stage()
        file.seek(0)
        assert file.read() == b"AFTERe"
        assert os.fstat(file.fileno()).st_nlink == 0


def test_a_file_of_the_store_that_was_removed_goes_on_for_whoever_has_it_open(written, branch):
    (branch / "file").write_bytes(b"before")
    written.stage()
    with open(branch / "file", "rb") as file:
        os.unlink(branch / "file")
        (branch / "file").write_bytes(b"another")
        assert file.read() == b"before"
        assert os.fstat(file.fileno()).st_nlink == 0
    assert (branch / "file").read_bytes() == b"another"


def test_who_reads_a_file_sees_what_is_written_to_it(written, branch):
    (branch / "file").write_bytes(b"before")
    written.stage()
    with (
        open(branch / "file", "rb", buffering=0) as reading,
        open(branch / "file", "r+b", buffering=0) as writing,
    ):
        assert reading.read(2) == b"be"
        writing.write(b"AFTER")
        assert reading.read() == b"TERe"
        assert os.fstat(reading.fileno()).st_ino == os.fstat(writing.fileno()).st_ino


def test_a_file_stays_open_over_staging_and_committing(written, opened, branch):
    with open(branch / "file", "wb", buffering=0) as file:
        file.write(b"one")
        number = os.fstat(file.fileno()).st_ino
        written.stage()
        opened.repo("trips").commit_draft(message="one")
        written.refresh()
        file.write(b"two")
        assert os.fstat(file.fileno()).st_ino == os.stat(branch / "file").st_ino == number
    assert (branch / "file").read_bytes() == b"onetwo"
    assert opened.resolve_commit("trips").read("file") == b"one"
    written.stage()
    opened.repo("trips").commit_draft(message="two")
    written.refresh()
    assert (branch / "file").read_bytes() == opened.resolve_commit("trips").read("file") == b"onetwo"


def test_a_directory_that_somebody_stands_in_can_be_removed_and_made_again(branch):
    (branch / "build").mkdir()
    descriptor = os.open(branch / "build", os.O_RDONLY)
    try:
        os.rmdir(branch / "build")
        (branch / "build").mkdir()
        (branch / "build" / "file").write_bytes(b"1")
        assert os.listdir(descriptor) == []
        assert os.fstat(descriptor).st_nlink == 0
        with pytest.raises(FileNotFoundError):
            os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    finally:
        os.close(descriptor)
    assert os.listdir(branch / "build") == ["file"]


def test_a_directory_that_was_moved_holds_what_it_held(written, branch):
    (branch / "a" / "b").mkdir(parents=True)
    (branch / "a" / "b" / "file").write_bytes(b"1")
    written.stage()
    number = (branch / "a").stat().st_ino
    os.rename(branch / "a", branch / "c")
    (branch / "a").mkdir()
    (branch / "c" / "b" / "file").write_bytes(b"2")
    (branch / "c" / "b" / "more").write_bytes(b"3")
    assert (branch / "c").stat().st_ino == number != (branch / "a").stat().st_ino
    for _ in range(2):
        assert sorted(os.listdir(branch / "c" / "b")) == ["file", "more"]
        assert (branch / "c" / "b" / "file").read_bytes() == b"2"
        assert os.listdir(branch / "a") == []
        written.stage()


def test_a_shared_map_writes_to_the_file(branch):
    (branch / "file").write_bytes(bytes(10_000))
    with open(branch / "file", "r+b") as file, mmap.mmap(file.fileno(), 10_000) as mapped:
        mapped[5000:5005] = b"hello"
        mapped.flush()
    assert (branch / "file").read_bytes()[4999:5006] == b"\0hello\0"


def test_processes_that_append_lose_nothing(branch):
    code = "import sys\nfor n in range(200): open(sys.argv[1], 'ab', 0).write(b'%s%03d\\n' % (sys.argv[2].encode(), n))"
    writers = [subprocess.Popen([sys.executable, "-c", code, branch / "log", name]) for name in "ab"]
    assert [each.wait() for each in writers] == [0, 0]
    lines = (branch / "log").read_text().splitlines()
    assert len(lines) == 400
    assert [line for line in lines if line[0] == "a"] == [f"a{n:03d}" for n in range(200)]


def test_a_listing_names_what_was_not_touched_exactly_once(branch):
    for number in range(1500):
        (branch / f"{number:04d}").touch()
    with os.scandir(branch) as listing:
        found = [next(listing).name for _ in range(10)]
        for number in range(100, 700):
            os.unlink(branch / f"{number:04d}")
            (branch / f"new{number}").touch()
        found += [each.name for each in listing]
    untouched = {f"{number:04d}" for number in range(1500) if not 100 <= number < 700}
    assert len(found) == len(set(found))
    assert untouched <= set(found)


@pytest.mark.parametrize("name", [b"n" * 255, b"\xff\xfe", b"a\nb", b"@:", "Zürich".encode()])
def test_any_name_that_a_disk_takes_is_taken(written, branch, name):
    path = os.path.join(os.fsencode(branch), name)
    with open(path, "wb") as file:
        file.write(b"1")
    written.stage()
    assert os.listdir(os.fsencode(branch)) == [name]
    with open(path, "rb") as file:
        assert file.read() == b"1"


def test_a_name_of_256_bytes_is_refused(branch):
    with pytest.raises(OSError, match="too long") as caught:
        (branch / ("n" * 256)).touch()
    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_large_file_that_is_changed_in_one_byte_is_not_copied(written, opened, branch):
    if not holes.are_told(opened.path):
        pytest.skip("the disk here does not tell what was written: large files are copied on it")
    with opened.repo("trips").edit(message="large") as edit:
        edit.write("large", os.urandom(40 << 20))
    written.refresh()
    with open(branch / "large", "r+b") as file:
        file.seek(30 << 20)
        file.write(b"x")
    (scratch,) = opened.path.glob("worktrees/*/files/*")
    with open(scratch, "rb") as file:  # not its blocks, of which each disk counts others beside those of data
        assert holes.data_of(file.fileno()) == [(30 << 20, (30 << 20) + holes.BLOCK)]
    whole = opened.resolve_commit("trips").read("large")
    expected = whole[: 30 << 20] + b"x" + whole[(30 << 20) + 1 :]
    assert (branch / "large").read_bytes() == expected
    assert written.stage() == []
    draft = opened.repo("trips").find_draft()
    assert draft is not None and draft.read("large") == expected
    assert (branch / "large").read_bytes() == expected


def test_what_others_commit_shows_through_what_is_written(written, opened, branch):
    (branch / "mine").write_bytes(b"1")
    with opened.repo("trips").edit(message="theirs") as edit:
        edit.write("theirs", b"2")
    written.refresh()
    assert sorted(os.listdir(branch)) == ["mine", "theirs"]
    written.stage()
    assert sorted(os.listdir(branch)) == ["mine", "theirs"]
    with opened.repo("trips").edit(message="more of theirs") as edit:
        edit.write("more", b"3")
    written.refresh()
    assert sorted(os.listdir(branch)) == ["mine", "more", "theirs"]


def test_a_path_that_both_changed_is_a_conflict_of_the_commit(written, opened, branch):
    repo = opened.repo("trips")
    (branch / "file").write_bytes(b"first")
    written.stage()
    repo.commit_draft(message="first")
    written.refresh()
    (branch / "file").write_bytes(b"mine")
    with repo.edit(message="theirs") as edit:
        edit.write("file", b"theirs")
    written.refresh()
    assert (branch / "file").read_bytes() == b"mine"
    written.stage()
    done = repo.commit_draft(message="mine")
    assert [conflict.path for conflict in done.conflicts] == [b"file"]
    assert (branch / "file").read_bytes() == b"mine"


def test_another_name_of_the_branch_shows_what_was_written(written, branch):
    other = written.path / "trips@master"
    assert os.listdir(other) == []
    (branch / "sub").mkdir()
    (branch / "sub" / "file").write_bytes(b"1")
    written.refresh()
    assert (other / "sub" / "file").read_bytes() == b"1"
    assert (other / "sub" / "file").stat().st_ino == (branch / "sub" / "file").stat().st_ino
    (other / "sub" / "file").write_bytes(b"2")
    os.unlink(branch / "sub" / "file")
    written.refresh()
    assert os.listdir(other / "sub") == []


def test_a_commit_and_the_list_of_refs_stay_as_they_are(written, opened, branch):
    (branch / "file").write_bytes(b"1")
    written.stage()
    opened.repo("trips").commit_draft(message="one")
    written.refresh()
    for place in ("trips@master.1", "trips@", "."):
        with pytest.raises(OSError, match="Read-only") as caught:
            (written.path / place / "new").mkdir()
        assert caught.value.errno == errno.EROFS


def test_what_a_pipeline_computes_is_not_written_to(opened, mountpoint):
    repo = opened.create_repo("sales", origin="pipeline")
    with repo.edit(message="1", origin="pipeline") as edit:
        edit.write("sales.csv", b"1")
    with mounted(opened.path, mountpoint, "--writable") as mount:
        assert not (mount.path / "sales" / "sales.csv").stat().st_mode & 0o222
        with pytest.raises(OSError, match="Read-only"):
            (mount.path / "sales" / "sales.csv").write_bytes(b"2")


def test_a_file_is_not_moved_from_one_branch_to_another(written, opened, branch):
    opened.create_repo("weather")
    written.refresh()
    (branch / "file").write_bytes(b"1")
    with pytest.raises(OSError, match="cross-device") as caught:
        os.rename(branch / "file", written.path / "weather" / "file")
    assert caught.value.errno == errno.EXDEV
    shutil.move(branch / "file", written.path / "weather" / "file")
    assert (written.path / "weather" / "file").read_bytes() == b"1"


def test_what_is_written_while_changes_are_staged_is_neither_lost_nor_refused(written, branch):
    stop, failures, lines = threading.Event(), [], [0, 0]

    def append(number: int) -> None:
        try:
            while not stop.is_set():
                with open(branch / f"log{number}", "ab") as file:
                    file.write(b"%d\n" % lines[number])
                lines[number] += 1
                os.chmod(branch / f"log{number}", 0o600 + lines[number] % 8)
                os.utime(branch / "link", (1, lines[number]), follow_symlinks=False)
        except OSError as error:
            failures.append(error)

    os.symlink("file", branch / "link")
    threads = [threading.Thread(target=append, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for _ in range(15):
        written.stage()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    for number in range(2):
        assert (branch / f"log{number}").read_bytes() == b"".join(
            b"%d\n" % line for line in range(lines[number])
        )


def test_a_file_that_nobody_has_open_keeps_its_number_when_it_is_staged(written, branch):
    (branch / "file").write_bytes(b"1")
    number = (branch / "file").stat().st_ino
    written.stage()
    assert (branch / "file").stat().st_ino == number
    (branch / "file").write_bytes(b"2")
    assert (branch / "file").stat().st_ino == number
    assert (branch / "file").read_bytes() == b"2"


def test_a_file_that_was_removed_cannot_be_opened_again_by_who_only_knows_where_it_was(written, branch):
    before = written.requests()["release"]
    (branch / "file").write_bytes(b"1")
    while written.requests()["release"] == before:
        pass  # whoever closed it has gone on; the mount answers others first, and until then it is open
    descriptor = os.open(branch / "file", os.O_PATH)
    try:
        os.unlink(branch / "file")
        with pytest.raises(OSError) as refused:
            open(f"/proc/self/fd/{descriptor}", "rb").close()
    finally:
        os.close(descriptor)
    assert refused.value.errno in (errno.ESTALE, errno.ENOENT)


def test_a_repo_that_was_deleted_keeps_nobody_from_staging_another(written, opened, branch):
    opened.create_repo("weather")
    written.refresh()
    (branch / "file").write_bytes(b"1")
    (kept,) = opened.path.glob("worktrees/*/files/*")
    (written.path / "weather" / "file").write_bytes(b"2")
    opened.delete_repo("trips")
    written.stage()
    assert opened.repo("weather").standing("master").draft is not None
    assert kept.read_bytes() == b"1"
    assert (written.path / "weather" / "file").read_bytes() == b"2"


def test_a_repo_that_is_made_again_shows_nothing_of_the_one_before(written, opened, branch):
    with opened.repo("trips").edit() as edit:
        edit.write("old", b"1")
    written.refresh()
    assert os.listdir(branch) == ["old"]
    opened.delete_repo("trips")
    written.refresh()
    opened.create_repo("trips")
    assert os.listdir(branch) == []


def test_one_mount_at_a_time_writes_to_a_branch_and_the_other_shows_what_is_staged(
    written, opened, branch, tmp_path
):
    (branch / "file").write_bytes(b"1")
    with mounted(opened.path, tmp_path / "second", "--writable") as second:
        other = second.path / "trips"
        assert outcome((other / "mine").write_bytes, b"2") == "EBUSY"
        assert not (other / "file").exists()
        assert written.stage() == second.stage() == []
        second.refresh()
        assert (other / "file").read_bytes() == b"1"
        assert outcome((other / "mine").write_bytes, b"2") == "EBUSY"
        (branch / "more").write_bytes(b"3")
    assert (branch / "more").read_bytes() == b"3"
