"""Files in commits: what is written, removed, listed and compared."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from store import Commit, Edit, PathNotFound, Repo, Store, StoreError

SAME = ""
Step = Callable[[Edit], object]


def write(path: str, text: str = "") -> Step:
    return lambda edit: edit.write(path, (text or path).encode())


def append(path: str, text: str) -> Step:
    return lambda edit: edit.append(path, text.encode())


def remove(path: str) -> Step:
    return lambda edit: edit.remove(path)


def commit(repo: Repo, *steps: Step) -> Commit:
    with repo.edit(allow_empty=True) as edit:
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


@pytest.mark.parametrize(
    ("commits", "expected", "why"),
    [
        ([[write("foo", "foo")], [write("foo", "bar")]], {"foo": "bar"}, SAME),
        ([[write("foo", "bar")], [remove("foo"), write("foo", "buzz")]], {"foo": "buzz"}, SAME),
        (
            [[append("f", "foo\n"), append("f", "bar\n"), append("f", "buzz\n")], [append("f", "foo\n")]],
            {"f": "foo\nbar\nbuzz\nfoo\n"},
            SAME,
        ),
        ([[write("a"), write("b")]], {"a": "a", "b": "b"}, SAME),  # one stream, one commit
        ([[write("file"), remove("")]], {}, SAME),
        ([[write("foo"), write("bar"), remove("foo")], []], {"bar": "bar"}, SAME),
        ([[write("foo"), write("bar")], [remove("bar")]], {"foo": "foo"}, SAME),
        ([[write("bar")], [remove("bar"), write("bar", "new")]], {"bar": "new"}, SAME),
        (
            [[write("bar")], [write("bar", "buzz"), remove("bar"), write("foo")]],
            {"foo": "foo"},
            SAME,
        ),
        (
            [
                [write("dir1/dir2/bar"), write("dir1/dir2/barbar"), write("dir1/bar")],
                [remove("dir1/dir2")],
                [write("dir1/dir2/bar", "again")],
            ],
            {"dir1/bar": "dir1/bar", "dir1/dir2/bar": "again"},
            SAME,
        ),
        ([[write("dir/foo"), write("dir/bar"), remove("dir")]], {}, SAME),
    ],
)
def test_what_commits_leave(
    repo: Repo, commits: list[list[Step]], expected: dict[str, str], why: str
) -> None:
    made = [commit(repo, *steps) for steps in commits]
    assert files(made[-1]) == expected


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([write("foo"), write("foo/bar")], SAME),
        ([write("foo/bar"), write("foo")], SAME),
        ([write("../foo")], SAME),
        ([remove("nothing")], "removing what is not there is an error, as rm says"),
    ],
)
def test_what_cannot_be_committed(repo: Repo, steps: list[Step], why: str) -> None:
    with pytest.raises(StoreError):
        commit(repo, *steps)
    assert repo.head() is None  # nothing of it


def test_a_removed_directory_is_gone_unless_it_was_made_by_itself(repo: Repo) -> None:
    """Different on purpose: directories exist, also when they are empty."""
    made = commit(repo, write("dir/foo"), remove("dir/foo"))
    assert [path for path, _ in made.walk()] == [b"dir"]


def test_a_walk_comes_in_the_order_of_paths(repo: Repo) -> None:
    """Same, but that the root is not in it."""
    made = commit(repo, write("foo"), write("dir/bar"), write("dir/dir2/buzz"))
    assert [path for path, _ in made.walk()] == [b"dir", b"dir/bar", b"dir/dir2", b"dir/dir2/buzz", b"foo"]


def test_a_listing_is_of_immediate_children_and_a_missing_path_is_an_error(repo: Repo) -> None:
    """The first is the same, the second is different: as a file system says it."""
    made = commit(repo, write("dir1/file1.1"), write("dir1/file1.2"), write("dir2/file2.1"))
    assert [entry.name for entry in made.list()] == [b"dir1", b"dir2"]
    assert [entry.name for entry in made.list("dir1")] == [b"file1.1", b"file1.2"]
    with pytest.raises(PathNotFound):
        list(made.list("dir3"))


def test_a_copy_is_recursive_and_shares_contents(repo: Repo) -> None:
    made = commit(repo, *(write(f"files/{number}") for number in range(5)))
    other = commit(
        repo,
        lambda edit: edit.graft("all", made.entry("files")),
        lambda edit: edit.graft("file0", made.entry("files/0")),
    )
    assert set(files(other)) == {*(f"files/{n}" for n in range(5)), *(f"all/{n}" for n in range(5)), "file0"}
    assert other.entry("all").identity() == made.entry("files").identity()


CHANGES: list[tuple[list[Step], tuple[int, int], str]] = [
    ([write("foo")], (1, 0), SAME),
    ([write("foo", "changed")], (1, 1), SAME),
    ([write("bar")], (1, 0), SAME),
    ([remove("bar")], (0, 1), SAME),
    ([write("dir/fizz"), write("dir/buzz")], (2, 0), SAME),
    ([append("dir/fizz", "more")], (1, 1), SAME),
]


def test_differences_name_what_changed(shared: Store, repo: Repo) -> None:
    """Same, counted in files: Pachyderm also counts the directories above, the root among them."""
    before, found = None, []
    for steps, _, _ in CHANGES:
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
    assert found == [expected for _, expected, _ in CHANGES]


def test_renaming_a_file_changes_the_identity_of_its_directory(repo: Repo) -> None:
    """Different on purpose: a directory's hash has the names in it, so a datum that is a directory is not skipped."""
    one = commit(repo, write("dir/a", "x")).entry("dir").identity()
    assert commit(repo, remove("dir/a"), write("dir/b", "x")).entry("dir").identity() != one
