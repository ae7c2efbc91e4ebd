"""What a moved head makes the kernel drop: exactly what it knows and what changed."""

from __future__ import annotations

import pytest

from pfsfuse.testing.trees import put_tree
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.vfs.inodes import ROOT
from store import Store


def know(vfs: Vfs, path: str) -> int:
    """Look a path up as the kernel does; the number of its last name."""
    ino = ROOT
    for name in path.split("/"):
        node = vfs.lookup(ino, name.encode())
        assert node is not None
        ino = node.ino
    return ino


def dropped(vfs: Vfs) -> set[tuple[int, bytes]]:
    changed = vfs.refresh().compare(vfs.store)
    return {(entry.parent, entry.name) for entry in changed.entries}


@pytest.fixture
def vfs(opened: Store) -> Vfs:
    put_tree(opened.create_repo("r"), {"a": b"1", "b": b"1", "d/x": b"1", "d/y": b"1", "e/z": b"1"})
    view = Vfs(HostView(opened))
    view.refresh()
    return view


def test_a_file_that_changed_is_dropped_and_its_neighbours_are_not(vfs: Vfs) -> None:
    root, d = know(vfs, "r"), know(vfs, "r/d")
    for path in ("r/a", "r/b", "r/d/x", "r/d/y"):
        know(vfs, path)
    put_tree(vfs.store.repo("r"), {"a": b"2", "b": b"1", "d/x": b"1", "d/y": b"2", "e/z": b"2"})
    assert dropped(vfs) == {(root, b"a"), (d, b"y")}
    assert dropped(vfs) == set()


def test_what_the_kernel_never_saw_is_not_mentioned(vfs: Vfs) -> None:
    know(vfs, "r/a")
    put_tree(vfs.store.repo("r"), {"a": b"1", "d/x": b"2"})
    assert dropped(vfs) == set()


def test_what_the_kernel_has_forgotten_is_not_mentioned(vfs: Vfs) -> None:
    ino = know(vfs, "r/a")
    vfs.forget([(ino, 1)])
    put_tree(vfs.store.repo("r"), {"a": b"2"})
    assert dropped(vfs) == set()


def test_a_changed_file_has_a_new_number_and_the_old_one_still_reads_the_old_bytes(vfs: Vfs) -> None:
    old = know(vfs, "r/a")
    opened = vfs.open(old, 0)
    put_tree(vfs.store.repo("r"), {"a": b"2"})
    dropped(vfs)
    new = know(vfs, "r/a")
    assert new != old
    plan = vfs.read_plan(opened.fh, 0, 10)
    assert not isinstance(plan, bytes)
    assert vfs.store.fetch(plan) == b"1"


def test_a_directory_keeps_its_number(vfs: Vfs) -> None:
    before = know(vfs, "r/d")
    put_tree(vfs.store.repo("r"), {"d/x": b"2"})
    dropped(vfs)
    assert know(vfs, "r/d") == before


def test_a_directory_that_became_a_file_is_dropped_with_what_was_known_below(vfs: Vfs) -> None:
    root, d = know(vfs, "r"), know(vfs, "r/d")
    know(vfs, "r/d/x")
    put_tree(vfs.store.repo("r"), {"d": b"a file"})
    assert dropped(vfs) == {(root, b"d"), (d, b"x")}


def test_a_directory_removed_and_made_again_is_full_again_for_whoever_stands_in_it(vfs: Vfs) -> None:
    d = know(vfs, "r/d")
    put_tree(vfs.store.repo("r"), {"d": b"a file"})
    dropped(vfs)
    know(vfs, "r/d")
    put_tree(vfs.store.repo("r"), {"d/x": b"3"})
    dropped(vfs)
    assert know(vfs, "r/d") == d
    assert vfs.lookup(d, b"x") is not None


def test_an_expression_that_means_another_commit_is_dropped(vfs: Vfs) -> None:
    repo = vfs.store.repo("r")
    know(vfs, "r@master~0")
    know(vfs, "r@master.1")
    put_tree(repo, {"a": b"2"})
    assert dropped(vfs) == {(ROOT, b"r@master~0")}


def test_a_deleted_repo_takes_all_its_names_along(vfs: Vfs) -> None:
    vfs.store.create_repo("other")
    for name in ("r", "r@master.1", "r@", "other"):
        know(vfs, name)
    vfs.store.delete_repo("r")
    assert dropped(vfs) == {(ROOT, b"r"), (ROOT, b"r@master.1"), (ROOT, b"r@")}


def test_a_listing_that_was_begun_goes_on_with_the_old_names_which_are_not_kept(vfs: Vfs) -> None:
    fh = vfs.open_directory(know(vfs, "r")).fh
    put_tree(vfs.store.repo("r"), {"new": b"2"})
    dropped(vfs)
    listed = [(name, lasting) for name, _, _, lasting in vfs.read_directory(fh, 2)]
    assert listed == [(b"a", False), (b"b", False), (b"d", False), (b"e", False)]


def test_no_new_names_are_kept_while_somebody_may_still_put_old_ones_among_them(vfs: Vfs) -> None:
    r = know(vfs, "r")
    old = vfs.open_directory(r)
    list(vfs.read_directory(old.fh, 2))
    put_tree(vfs.store.repo("r"), {"new": b"2"})
    dropped(vfs)
    beside = [vfs.open_directory(r) for _ in range(2)]
    assert old.cacheable and not any(each.cacheable or each.unchanged for each in beside)
    vfs.close(old.fh)
    first, second = vfs.open_directory(r), vfs.open_directory(r)
    assert (first.cacheable, first.unchanged) == (True, False)
    assert (second.cacheable, second.unchanged) == (True, True)


def test_a_repo_listed_after_its_head_moved_shows_the_new_head(vfs: Vfs) -> None:
    fh = vfs.open_directory(ROOT).fh
    put_tree(vfs.store.repo("r"), {"new": b"2"})
    dropped(vfs)
    listed = {name: node for name, node, _, _ in vfs.read_directory(fh, 2)}
    assert vfs.lookup(listed[b"r"].ino, b"new") is not None


def test_a_repo_deleted_while_the_root_is_listed_is_left_out(vfs: Vfs) -> None:
    fh = vfs.open_directory(ROOT).fh
    vfs.store.delete_repo("r")
    dropped(vfs)
    assert [name for name, _, _, _ in vfs.read_directory(fh, 2)] == [b".pfs"]


def test_a_name_the_kernel_did_not_take_is_not_counted(vfs: Vfs) -> None:
    fh = vfs.open_directory(know(vfs, "r")).fh
    before = len(vfs.inodes)
    for name, _, _, _ in vfs.read_directory(fh, 2):
        if name == b"b":
            break
    assert len(vfs.inodes) == before + 1


def test_a_directory_listed_after_the_head_moved_holds_what_it_holds_now(vfs: Vfs) -> None:
    fh = vfs.open_directory(know(vfs, "r")).fh
    put_tree(vfs.store.repo("r"), {"d/new": b"2"})
    dropped(vfs)
    listed = {name: node for name, node, _, _ in vfs.read_directory(fh, 2)}
    assert vfs.lookup(listed[b"d"].ino, b"new") is not None
    assert vfs.lookup(know(vfs, "r/d"), b"new") is not None
    put_tree(vfs.store.repo("r"), {"e/z": b"2"})
    dropped(vfs)
    assert vfs.lookup(know(vfs, "r/e"), b"z") is not None


def test_a_squash_drops_the_numbers_that_mean_another_commit_now(vfs: Vfs) -> None:
    repo = vfs.store.repo("r")
    for text in (b"2", b"3", b"4"):
        put_tree(repo, {"a": text})
    vfs.refresh()
    for number in (1, 2, 3, 4):
        know(vfs, f"r@master.{number}")
    know(vfs, "r/a")
    repo.squash("master", repo.commit("master.1"), repo.commit("master.3"))
    assert dropped(vfs) == {(ROOT, b"r@master.%d" % number) for number in (2, 3, 4)}


def test_what_is_staged_is_shown_and_drops_what_it_changes(vfs: Vfs) -> None:
    know(vfs, "r/a")
    with vfs.store.repo("r").stage() as staged:
        staged.write("a", b"2")
    assert {name for _, name in dropped(vfs)} == {b"a"}
