"""What a branch that is written to shows once its head has moved, and what the kernel is told of that: the same,
whether all names that it knows are looked up or those that changed.
"""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from pfsfuse.vfs import HostView, Vfs, writable
from pfsfuse.vfs.inodes import ROOT
from pfsfuse.worktree.staging import stage
from store import Store

PATHS = ("a", "b", "c", "d/x", "d/y", "d/e/z", "f/g")
CONTENTS = st.dictionaries(st.sampled_from(PATHS), st.sampled_from([b"1", b"2"]))
ACTS = st.lists(st.tuples(st.sampled_from(["make", "write", "remove", "move"]), st.sampled_from(PATHS)))
numbers = count()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for all examples."""
    with store.create(tmp_path_factory.mktemp("shared") / "store") as made:
        yield made


def know(vfs: Vfs, path: str) -> int | None:
    """Look a path up as the kernel does; its number, if it is there."""
    ino = ROOT
    for name in path.split("/"):
        try:
            node = vfs.lookup(ino, name.encode())
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                raise
            return None
        assert node is not None
        ino = node.ino
    return ino


def act(vfs: Vfs, what: str, path: str) -> None:
    """Do something to a branch through its mount; what it refuses is not done."""
    above, _, name = path.rpartition("/")
    parent, raw = know(vfs, above), name.encode()
    if parent is None:
        return
    try:
        if what == "make":
            vfs.writing.make(parent, raw, stat.S_IFREG | 0o644)
        elif what == "remove":
            vfs.writing.remove(parent, raw, directory=False)
        elif what == "move":
            vfs.writing.rename(parent, raw, parent, raw + b".moved", 0)
        elif (ino := know(vfs, path)) is not None:
            fh = vfs.open(ino, 2).fh
            vfs.writing.write(fh, 0, b"3")
            vfs.close(fh)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOENT, errno.EISDIR):
            raise


def committed(repo: store.Repo, contents: dict[str, bytes]) -> None:
    with repo.edit() as edit:
        edit.remove("")
        for path, content in contents.items():
            edit.write(path, content, mtime_ns=1)


def played(
    data: Store, before: dict[str, bytes], acts: list[tuple[str, str]], after: dict[str, bytes], few: int
) -> tuple[set[tuple[str, bytes]], dict[str, tuple[int, int, int] | None]]:
    """What the kernel is told, by the directory's path, and what it finds under every path after that."""
    repo = data.create_repo(f"r{next(numbers)}")
    committed(repo, before)
    view = HostView(data, writable=True)
    vfs = Vfs(view)
    assert view.branches is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writable, "FEW", few)
        places: dict[int | None, str] = {know(vfs, repo.name): ""}
        for path in ("d", "d/e", "f", *PATHS):
            places[know(vfs, f"{repo.name}/{path}")] = path
        for what, path in acts:
            act(vfs, what, f"{repo.name}/{path}")
        told = set()
        (branch,) = view.branches.all()
        if branch.worktree is not None and branch.worktree.dirty:
            standing = stage(data, branch.open())
            vfs.settle(branch, standing)
            repo.commit_draft(message="written")
        for contents in (None, after):
            if contents is not None:
                committed(repo, contents)
            plan = vfs.refresh().compare(data)
            told |= {(places.get(each.parent, "?"), each.name) for each in plan.entries}
    found: dict[str, tuple[int, int, int] | None] = {}
    head = repo.head()
    for path in (*PATHS, *(f"{each}.moved" for each in PATHS)):
        ino = know(vfs, f"{repo.name}/{path}")
        entry = None if head is None else head.find(path)
        assert (ino is None) == (entry is None), path
        found[path] = None if ino is None else vfs.get(ino).status()
        assert ino is None or entry is None or entry.is_dir or found[path] == _status(entry), path
    view.close()
    return told, found


def _status(entry: store.Entry) -> tuple[int, int, int]:
    return entry.mode, entry.size, entry.mtime_ns


@settings(max_examples=20, deadline=None)
@given(CONTENTS, ACTS, CONTENTS)
def test_the_kernel_is_told_the_same_however_many_names_it_knows(shared, before, acts, after):
    each, changed = (played(shared, before, acts, after, few) for few in (1 << 20, -1))
    assert each[0] == changed[0]
    assert each[1].keys() == changed[1].keys()
