"""Mounts: what is there, and what may be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest
from rows import SAME, cases, row

import store as storage
from pfsfuse.cli.mount.views import views
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.testing.mounted import Mounted, mounted
from store import Commit, Repo, Store, StoreError

pytestmark = pytest.mark.usefixtures("fuse")
NUMBERS = count()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Mounted]]:
    """A store and a mount of it for all tests, each with a repo of its own."""
    directory = tmp_path_factory.mktemp("mounted")
    with (
        storage.create(directory / "store") as opened,
        mounted(opened.path, directory / "pfs", "--writable") as mount,
    ):
        yield opened, mount


@pytest.fixture
def mount(place: tuple[Store, Mounted]) -> Mounted:
    return place[1]


@pytest.fixture
def repo(place: tuple[Store, Mounted]) -> Repo:
    return place[0].create_repo(f"trips{next(NUMBERS)}")


@pytest.fixture
def head(mount: Mounted, repo: Repo) -> Path:
    """The directory of its default branch."""
    return mount.path / repo.name


def put(repo: Repo, mount: Mounted, branch: str = "master", **files: str) -> Commit:
    """A commit made by somebody else, which the mount knows of."""
    with repo.edit(branch, allow_empty=True) as edit:
        for path, text in files.items():
            edit.write(path, text.encode())
    assert edit.result is not None
    mount.refresh()
    return edit.result


def commit(head: Path) -> None:
    """Make a commit of what was written, from inside the mount."""
    (head.parent / ".pfs" / "commit" / head.name).write_text("written")


def outcome(work: Callable[..., object], *arguments: object) -> str:
    """The error that ends a call, by its name; "" when it succeeds."""
    try:
        work(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


# ---- what is there


@row("the mount has a directory for each repo; a new repo is there at once")
def test_a_directory_for_each_repo(place: tuple[Store, Mounted]) -> None:
    opened, mount = place
    opened.create_repo("brand-new")
    assert (mount.path / "brand-new").is_dir()
    assert set(os.listdir(mount.path)) - {".pfs"} == {each.name for each in opened.repos()}


@row(
    "a repo's directory has one for each commit and branch (1.3)",
    "it has the files of the newest; `trips@` has all refs",
)
def test_a_repo_s_directory_has_its_files(repo: Repo, mount: Mounted, head: Path) -> None:
    put(repo, mount, foo="1")
    put(repo, mount, "dev", bar="1")
    assert os.listdir(head) == ["foo"]
    assert {"master", "dev", "master.1"} <= set(os.listdir(f"{head}@"))


@row("a branch without a commit, and a repo without one, are empty directories")
def test_what_has_no_commit_is_empty(repo: Repo, mount: Mounted, head: Path) -> None:
    repo.create_branch("empty")
    mount.refresh()
    assert os.listdir(head) == os.listdir(f"{head}@empty") == []


@row("a commit, and another branch, are mounted beside each other")
@row("`master^` is mounted")
def test_commits_and_branches(repo: Repo, mount: Mounted, head: Path) -> None:
    first = put(repo, mount, foo="1")
    repo.create_branch("dev", first)
    put(repo, mount, "dev", bar="1")
    found = [sorted(os.listdir(f"{head}@{ref}")) for ref in (first.id, "dev", "dev^")]
    assert found == [["foo"], ["bar", "foo"], ["foo"]]


@row(
    "a branch stays what it was when it was first looked at",
    "it is what it is: the next look shows the newest commit",
)
def test_a_branch_shows_its_newest_commit(repo: Repo, mount: Mounted, head: Path) -> None:
    put(repo, mount, foo="1")
    assert (head / "foo").read_text() == "1"
    put(repo, mount, foo="2")
    assert (head / "foo").read_text() == "2"


@row("a file is downloaded when it is opened", "what is read is fetched, page by page")
@row("a file is read from anywhere in it")
def test_a_file_is_read_from_anywhere(repo: Repo, mount: Mounted, head: Path) -> None:
    data = os.urandom(3_000_000)
    with repo.edit() as edit:
        edit.write("large", data)
    mount.refresh()
    with (head / "large").open("rb") as file:
        for start in (3_000_000, 2_000_000, 1_000_000, 0):
            file.seek(start)
            assert file.read() == data[start:]


@row("a name that there is not is an error, and none is made at the top")
def test_no_name_is_made_at_the_top(mount: Mounted) -> None:
    assert outcome(os.stat, mount.path / "nowhere") == "ENOENT"
    assert outcome(os.mkdir, mount.path / "nowhere") != ""
    assert outcome((mount.path / "nowhere").write_text, "") != ""


# ---- what is written


@row("what is written is read again at once; `>` again and again leaves the last")
def test_overwriting_leaves_the_last(head: Path) -> None:
    for text in "123":
        (head / "file").write_text(text)
        assert (head / "file").read_text() == text


@row("`>>` adds, also to what an earlier commit holds")
def test_appending_goes_on_after_a_commit(repo: Repo, head: Path) -> None:
    for text in "123":
        with (head / "file").open("a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        commit(head)
    assert (head / "file").read_text() == "123"
    assert [each.read("file") for each in repo.log()] == [b"123", b"12", b"1"]


@row("a large file is written and copied")
def test_a_large_file_is_copied(head: Path) -> None:
    data = os.urandom(1 << 20) * 9
    (head / "large").write_bytes(data)
    (head / "copy").write_bytes((head / "large").read_bytes())
    assert (head / "copy").read_bytes() == data


@row("many files are written")
def test_many_files_are_written(repo: Repo, head: Path) -> None:
    for number in range(300):
        (head / str(number)).write_text(str(number))
    commit(head)
    assert repo.commit().tree.files == 300


@row("a write behind the end of a file is an error (1.3)", "a hole is left, as in any file system")
def test_a_hole_is_left(head: Path) -> None:
    with (head / "sparse").open("wb") as file:
        file.seek(4)
        file.write(b"x")
    assert (head / "sparse").read_bytes() == b"\0\0\0\0x"


@row("a directory is not made where a file is")
def test_no_directory_where_a_file_is(head: Path) -> None:
    (head / "name").write_text("")
    assert outcome(os.mkdir, head / "name") == "EEXIST"


@row("a commit is not written to", "nor here, and not by mistake: the error is EROFS, where 1.3 said EPERM")
def test_a_commit_is_not_written_to(repo: Repo, mount: Mounted, head: Path) -> None:
    made = put(repo, mount, foo="1")
    for ref in (str(made.id), "master.1"):
        assert outcome(Path(f"{head}@{ref}", "new").write_text, "") == "EROFS"
        assert outcome(Path(f"{head}@{ref}", "foo").write_text, "") == "EROFS"


@row("modes are lost: every file is 0666", "they are kept")
def test_modes_are_kept(repo: Repo, head: Path) -> None:
    (head / "run").write_text("#!/bin/sh")
    (head / "run").chmod(0o750)
    commit(head)
    assert (head / "run").stat().st_mode & 0o777 == repo.commit().entry("run").mode & 0o777 == 0o750


@row("what is removed is gone")
@row("a rename is not uploaded", "it is part of the next commit, as all else that was written")
def test_what_was_renamed_or_removed_is_so_in_the_next_commit(repo: Repo, head: Path) -> None:
    for name in ("a", "b"):
        (head / name).write_text(name)
    commit(head)
    (head / "a").rename(head / "c")
    (head / "b").unlink()
    commit(head)
    assert [entry.name for entry in repo.commit().list()] == [b"c"]


@row("a symlink becomes a copy of what it leads to", "it is kept as it is")
@row("a hard link becomes a copy", "refused, so that nobody takes a copy for a link")
def test_a_symlink_is_kept_and_a_hard_link_refused(repo: Repo, head: Path) -> None:
    (head / "file").write_text("bar")
    (head / "link").symlink_to("file")
    assert (head / "link").read_text() == "bar"
    assert outcome(os.link, head / "file", head / "hard") in ("EPERM", "EOPNOTSUPP")
    commit(head)
    assert repo.commit().entry("link").is_symlink


@row(
    "what is written becomes a commit when it is unmounted; a crash before loses it",
    "when it is asked for, or after a quiet time; until then it is kept beside the commits, and outlives a crash",
)
def test_what_is_written_waits_for_a_commit(repo: Repo, mount: Mounted, head: Path) -> None:
    (head / "file").write_text("1")
    assert repo.head() is None
    assert mount.stage() == []
    draft = repo.find_draft()
    assert draft is not None and draft.read("file") == b"1"
    commit(head)
    assert repo.commit().message == "written" and repo.find_draft() is None


# ---- what is mounted


@cases(
    "what `-r` and here `--view` name",
    "text meaning",
    [
        ("repo", {"repo": "repo"}, SAME),
        ("repo@branch", {"repo@branch": "repo@branch"}, SAME),
        ("repo@master^", {"repo@master^": "repo@master^"}, SAME),
        ("repo@nowhere", None, "refused: a branch is made before, so that no slip makes one"),
        ("repo+w", None, "refused: a branch can be written to unless `--read-only` is given, a commit never"),
        ("repo@master=dee0c3904d6f44beb4fa10fc0db12d02", None, "refused: an id alone names its commit"),
        ("repo@branch:/file", None, "refused: a view is of all files, and reading some costs only those"),
        ("old=repo@branch", {"old": "repo@branch"}, "the name to show it under"),
        ("ab=repo@master.1..master", {"ab": "repo@master.1..master"}, "what changed on the way from A to B"),
    ],
)  # fmt: skip
def test_what_is_mounted(place: tuple[Store, Mounted], text: str, meaning: dict[str, str] | None) -> None:
    opened, _ = place
    if "repo" not in opened:
        with opened.create_repo("repo").edit() as edit:
            edit.write("file", b"1")
        with opened.repo("repo").edit() as edit:
            edit.write("file", b"2")
        opened.repo("repo").create_branch("branch", edit.result)
    try:
        found = views(opened, [text])
    except (CommandError, StoreError):
        assert meaning is None
    else:
        assert found == meaning
