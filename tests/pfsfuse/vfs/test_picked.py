"""A job's view shows what its paths lead to, and nothing beside it."""

from __future__ import annotations

import stat
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

import store
from pfsfuse.testing.trees import put_tree
from pfsfuse.vfs import JobView, JobViews, Vfs, ViewInput
from pfsfuse.vfs.inodes import ROOT
from pfsfuse.vfs.picked import pick
from store import Store

NAME = st.sampled_from(["a", "b", "c"])
PATH = st.lists(NAME, min_size=1, max_size=4).map("/".join)


def walk(vfs: Vfs, ino: int, path: str = "") -> set[str]:
    """Files below a directory, asked for as the kernel does: list, then look up each name."""
    found: set[str] = set()
    fh = vfs.open_directory(ino).fh
    for name, listed, _, _ in vfs.read_directory(fh, 2):
        node = vfs.lookup(ino, name)
        assert node is not None and node.key == listed.key
        below = f"{path}/{name.decode()}"
        found |= walk(vfs, node.ino, below) if stat.S_ISDIR(node.mode) else {below}
    vfs.close(fh)
    return found


def enter(vfs: Vfs, *names: str) -> int:
    ino = ROOT
    for name in names:
        node = vfs.lookup(ino, name.encode())
        assert node is not None
        ino = node.ino
    return ino


@given(st.sets(PATH, min_size=1, max_size=8), st.lists(PATH | st.just("/"), max_size=4))
def test_a_view_holds_the_files_below_its_paths(tmp_path_factory, files: set[str], paths: list[str]) -> None:  # type: ignore[no-untyped-def]
    leaves = {path for path in files if not any(other.startswith(path + "/") for other in files)}
    directory: Path = tmp_path_factory.mktemp("view")
    with store.create(directory / "store") as opened:
        commit = put_tree(opened.create_repo("r"), dict.fromkeys(leaves, b"x"))
        views = JobViews(opened)
        vfs = Vfs(views)
        name = views.add(JobView({"in": ViewInput(commit, tuple(paths))}))
        wanted = {
            f"/{leaf}"
            for leaf in leaves
            for path in paths
            if path == "/" or f"{leaf}/".startswith(f"{path}/")
        }
        assert walk(vfs, enter(vfs, name, "in")) == wanted


def test_a_path_above_another_wins() -> None:
    assert pick(["/a/b", "/a"]) == pick(["/a", "/a/b"]) == {b"a": None}


def test_a_view_has_an_empty_out_and_disappears_when_removed(opened: Store) -> None:
    commit = put_tree(opened.create_repo("r"), {"f": b"1"})
    views = JobViews(opened)
    vfs = Vfs(views)
    first, second = (views.add(JobView({"in": ViewInput(commit)})) for _ in range(2))
    assert walk(vfs, ROOT) == {"/1/in/f", "/2/in/f"}
    assert walk(vfs, enter(vfs, first, "out")) == set()
    views.remove(first)
    assert walk(vfs, ROOT) == {"/2/in/f"}
    assert views.add(JobView({})) == "3"
    assert second == "2"
