"""Files in commits: what is written, removed, listed and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

import pytest
from blake3 import blake3
from rows import SAME, cases, row

from pfsfuse.cli.history.log import touching
from store import Commit, Edit, HeadMoved, InUse, IsADirectory, PathNotFound, Repo, Store, StoreError

Step = Callable[[Edit], object]


def write(path: str, text: str = "") -> Step:
    return lambda edit: edit.write(path, (text or path).encode())


def append(path: str, text: str) -> Step:
    return lambda edit: edit.append(path, text.encode())


def remove(path: str) -> Step:
    return lambda edit: edit.remove(path)


def commit(repo: Repo, *steps: Step, branch: str = "master") -> Commit:
    with repo.edit(branch, allow_empty=True) as edit:
        for step in steps:
            step(edit)
    assert edit.result is not None
    return edit.result


def files(commit: Commit) -> dict[str, str]:
    return {path.decode(): commit.read(path).decode() for path, entry in commit.walk() if entry.is_file}


@pytest.fixture
def repo(shared: Store, request: pytest.FixtureRequest) -> Iterator[Repo]:
    name = f"r{abs(hash(request.node.name))}"
    yield shared.create_repo(name)
    shared.delete_repo(name)


@cases(
    "what commits leave",
    "what commits expected",
    [
        ("put, and put again", [[write("foo", "foo")], [write("foo", "bar")]], {"foo": "bar"}, SAME),
        (
            "delete, then put",
            [[write("foo", "bar")], [remove("foo"), write("foo", "buzz")]],
            {"foo": "buzz"},
            SAME,
        ),
        (
            "append in one commit and the next",
            [[append("f", "foo\n"), append("f", "bar\n"), append("f", "buzz\n")], [append("f", "foo\n")]],
            {"f": "foo\nbar\nbuzz\nfoo\n"},
            SAME,
        ),
        ("two files", [[write("a"), write("b")]], {"a": "a", "b": "b"}, SAME),
        ("an empty file", [[lambda edit: edit.write("a", b"")]], {"a": ""}, SAME),
        ("put, then delete all", [[write("file"), remove("")]], {}, SAME),
        (
            "put two, delete one, and a commit without a change",
            [[write("foo"), write("bar"), remove("foo")], []],
            {"bar": "bar"},
            SAME,
        ),
        ("delete in the next commit", [[write("foo"), write("bar")], [remove("bar")]], {"foo": "foo"}, SAME),
        (
            "delete, then put, in the next commit",
            [[write("bar")], [remove("bar"), write("bar", "new")]],
            {"bar": "new"},
            SAME,
        ),
        (
            "put, then delete, in the next commit",
            [[write("bar")], [write("bar", "buzz"), remove("bar"), write("foo")]],
            {"foo": "foo"},
            SAME,
        ),
        (
            "delete a directory, and put one of its files again later",
            [
                [write("dir1/dir2/bar"), write("dir1/dir2/barbar"), write("dir1/bar")],
                [remove("dir1/dir2")],
                [write("dir1/dir2/bar", "again")],
            ],
            {"dir1/bar": "dir1/bar", "dir1/dir2/bar": "again"},
            SAME,
        ),
        ("put a directory and delete it", [[write("dir/foo"), write("dir/bar"), remove("dir")]], {}, SAME),
        (
            "a directory deleted without a slash at its end",
            [[write("dir/foo")], [remove("dir")]],
            {},
            "it is deleted, as by `rm -r`; `pfs rm` asks for `-r`",
        ),
    ],
)
def test_what_commits_leave(
    repo: Repo, what: str, commits: list[list[Step]], expected: dict[str, str]
) -> None:
    made = [commit(repo, *steps) for steps in commits]
    assert files(made[-1]) == expected


@cases(
    "what cannot be committed",
    "what steps",
    [
        ("`foo`, and `foo/bar`", [write("foo"), write("foo/bar")], SAME),
        ("`foo/bar`, and `foo`", [write("foo/bar"), write("foo")], SAME),
        ("`../foo`", [write("../foo")], SAME),
        ("deleting what is not there", [remove("nothing")], "refused, as by `rm`: it is a mistake"),
    ],
)
def test_what_cannot_be_committed(repo: Repo, what: str, steps: list[Step]) -> None:
    with pytest.raises(StoreError):
        commit(repo, *steps)
    assert repo.head() is None  # nothing of it


@row("what fails in the middle leaves no commit")
def test_a_failure_in_the_middle_leaves_nothing(repo: Repo) -> None:
    with suppress(OSError), repo.edit() as edit:
        edit.write("a", b"1")
        raise OSError
    assert repo.head() is None


@row("putting to a branch that is not there makes it")
def test_a_missing_branch_is_made(repo: Repo) -> None:
    assert repo.head("dev") is None if repo.find_branch("dev") else True
    assert commit(repo, write("a"), branch="dev") == repo.head("dev")


@row("a branch that forks goes on by itself, and leaves the commit that it began at")
def test_a_fork_goes_on_by_itself(repo: Repo) -> None:
    third = [commit(repo, append("file", f"{number}\n")) for number in range(3)][-1]
    repo.create_branch("foo", third)
    assert files(commit(repo, append("file", "3\n"), branch="foo")) == {"file": "0\n1\n2\n3\n"}
    assert files(third) == {"file": "0\n1\n2\n"}


@row("a commit that is finished is not written to")
def test_a_finished_commit_is_not_written_to(repo: Repo) -> None:
    made = commit(repo, write("a"))
    with pytest.raises(StoreError):
        repo.edit(str(made.id))


@row("what a pipeline computes is not written to by hand")
def test_what_a_pipeline_computes_is_not_edited(shared: Store) -> None:
    output = shared.create_repo("computed", origin="pipeline")
    with pytest.raises(InUse):
        output.edit()
    shared.delete_repo("computed")


@row(
    "many that append to one file at once: each is there, in any order",
    "each of `pfs put --append` is; in Python the slower of two edits gets HeadMoved, and makes its change again",
)
def test_appending_at_once_loses_nothing(repo: Repo) -> None:
    def add(number: int) -> None:
        while True:
            try:
                commit(repo, append("file", f"{number}\n"))
            except HeadMoved:
                continue
            return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(12)))
    head = repo.head()
    assert head is not None
    assert sorted(files(head)["file"].split(), key=int) == [str(number) for number in range(12)]


@row("a large file comes back as it was put")
def test_a_large_file_comes_back(repo: Repo) -> None:
    data = bytes(range(251)) * 20_000 + b"and 17 bytes more"
    assert commit(repo, lambda edit: edit.write("large", data)).read("large") == data


@row("modes, times, symlinks and empty directories are lost", "they are kept")
def test_what_a_file_system_has_is_kept(repo: Repo) -> None:
    made = commit(
        repo,
        lambda edit: edit.write("run", b"#!/bin/sh", mode=0o755, mtime_ns=7),
        lambda edit: edit.symlink("link", "run"),
        lambda edit: edit.mkdir("empty"),
    )
    run = made.entry("run")
    assert (run.mode & 0o777, run.mtime_ns) == (0o755, 7)
    assert made.entry("link").is_symlink and made.entry("empty").is_dir


@row(
    "a directory is gone when its last file is",
    "it stays, empty, as in any file system; removed with what is in it, it is gone",
)
def test_a_removed_directory_is_gone_unless_it_was_made_by_itself(repo: Repo) -> None:
    made = commit(repo, write("dir/foo"), remove("dir/foo"))
    assert [path for path, _ in made.walk()] == [b"dir"]


@row(
    "a walk comes in the order of paths, directories before what is in them, the root first",
    "in that order, without the root: whoever walks has it",
)
def test_a_walk_comes_in_the_order_of_paths(repo: Repo) -> None:
    made = commit(repo, write("foo"), write("dir/bar"), write("dir/dir2/buzz"))
    assert [path for path, _ in made.walk()] == [b"dir", b"dir/bar", b"dir/dir2", b"dir/dir2/buzz", b"foo"]


@row("a listing is of immediate children")
@row("a listing of what is not there is empty", "an error, as a file system says it")
def test_a_listing_is_of_immediate_children_and_a_missing_path_is_an_error(repo: Repo) -> None:
    made = commit(repo, write("dir1/file1.1"), write("dir1/file1.2"), write("dir2/file2.1"))
    assert [entry.name for entry in made.list()] == [b"dir1", b"dir2"]
    assert [entry.name for entry in made.list("dir1")] == [b"file1.1", b"file1.2"]
    with pytest.raises(PathNotFound):
        list(made.list("dir3"))


@row("a listing goes on after a name, and ends after a number of names")
@row("a listing goes backwards", "forwards only: entries come one by one, and whoever wants the last sorts")
def test_a_listing_goes_on_after_a_name(shared: Store, repo: Repo) -> None:
    made = commit(repo, *(write(f"file1.{number}") for number in (1, 2, 5)))
    rest = islice(shared.iter_directory(made.tree, after=b"file1.1"), 1)
    assert [each.name for each in rest] == [b"file1.2"]
    assert not list(shared.iter_directory(made.tree, after=b"file1.5"))


@row("a directory is no file to get, and what is not there is an error")
@row(
    "the path of what to get is a glob", "it is a path; `pfs get` and `pfs find` take globs where they say so"
)
def test_what_cannot_be_got(repo: Repo) -> None:
    made = commit(repo, write("dir/foo"))
    with pytest.raises(IsADirectory):
        made.read("dir")
    for missing in ("dir/*", "nothing"):
        with pytest.raises(PathNotFound):
            made.read(missing)


@row("a copy is recursive and copies no contents; a directory may be copied onto itself")
def test_a_copy_is_recursive_and_shares_contents(repo: Repo) -> None:
    made = commit(repo, *(write(f"files/{number}") for number in range(5)))
    other = commit(
        repo,
        lambda edit: edit.graft("all", made.entry("files")),
        lambda edit: edit.graft("files", made.entry("files")),
        lambda edit: edit.graft("file0", made.entry("files/0")),
    )
    assert set(files(other)) == {*(f"files/{n}" for n in range(5)), *(f"all/{n}" for n in range(5)), "file0"}
    assert other.entry("all").identity() == made.entry("files").identity()


CHANGES: list[tuple[list[Step], tuple[int, int]]] = [
    ([write("foo")], (1, 0)),
    ([write("foo", "changed")], (1, 1)),
    ([write("bar")], (1, 0)),
    ([remove("bar")], (0, 1)),
    ([write("dir/fizz"), write("dir/buzz")], (2, 0)),
    ([append("dir/fizz", "more")], (1, 1)),
]
"""Steps, and how many files there are new and old."""


@row("differences name each file that was added, changed or deleted; the first commit adds all")
@row(
    "they name the directories above it, and the root", "only what is different itself: a change is one path"
)
def test_differences_name_what_changed(shared: Store, repo: Repo) -> None:
    before, found = None, []
    for steps, _ in CHANGES:
        after = commit(repo, *steps)
        changes = [
            each
            for each in shared.diff(before and before.tree, after.tree)
            if not any(entry is not None and entry.is_dir for entry in (each.old, each.new))
        ]
        found.append(
            (sum(each.new is not None for each in changes), sum(each.old is not None for each in changes))
        )
        before = after
    assert found == [expected for _, expected in CHANGES]


@row("the commits that added, changed or deleted a path are found, newest first, and a number of them")
@row(
    "it says how many commits were searched",
    "`pfs log REPO:PATH` gives each as it is found, and can be interrupted",
)
def test_the_commits_of_a_path(shared: Store, repo: Repo) -> None:
    steps = [[write("files/a"), write("files/b")], [write("c")], [write("files/b", "2")], [remove("files/b")]]
    made = [commit(repo, *each) for each in steps]
    found = list(touching(shared, repo.log(), ["files/b"]))
    assert found == [made[3], made[2], made[0]]
    repo.create_branch("other", made[3])
    assert next(touching(shared, repo.log("other"), ["files/b"])) == made[3]


@row(
    "a file's hash is BLAKE2b-256, of the hashes of its chunks",
    "BLAKE3-256; of a file of one chunk, what `b3sum` says",
)
def test_the_hash_of_a_file(repo: Repo) -> None:
    assert commit(repo, write("a", "hello, world\n")).entry("a").content == blake3(b"hello, world\n").digest()


@row(
    "a directory's hash leaves out the names in it, so a datum with a renamed file is skipped",
    "they are in it, and it runs",
)
def test_renaming_a_file_changes_the_identity_of_its_directory(repo: Repo) -> None:
    one = commit(repo, write("dir/a", "x")).entry("dir").identity()
    assert commit(repo, remove("dir/a"), write("dir/b", "x")).entry("dir").identity() != one
