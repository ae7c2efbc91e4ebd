"""What a directory's entry says about everything below, against a recount of nested dictionaries."""

from __future__ import annotations

import stat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.testing import model, strategies

THINGS = (
    st.builds(model.File, st.binary(max_size=20), st.sampled_from((0o644, 0o755, 0o600)))
    | st.builds(model.Link, st.binary(min_size=1, max_size=8).filter(lambda raw: b"\0" not in raw))
    | st.just(None)
)
ROUNDS = st.lists(st.lists(st.tuples(strategies.paths(), THINGS), max_size=8), max_size=4)


def apply(edit: store.TreeEdit, path: bytes, thing: model.Thing | None) -> bool:
    """Do one change; whether it was allowed."""
    try:
        if thing is None:
            edit.remove(path)
        elif isinstance(thing, model.Link):
            edit.symlink(path, thing.target)
        elif isinstance(thing, model.File):
            edit.write(path, thing.data, mode=thing.mode)
    except (store.NotADirectory, store.IsADirectory, store.PathNotFound):
        return False
    return True


def entries(opened: store.Store, root: store.Entry, path: bytes = b"") -> dict[bytes, store.Entry]:
    found = {path: root}
    if root.is_dir:
        for entry in opened.iter_directory(root):
            found |= entries(opened, entry, path + b"/" + entry.name if path else entry.name)
    return found


@settings(max_examples=60, deadline=None)
@given(ROUNDS)
def test_totals_and_digests_are_right_after_any_edits(shared, rounds):
    tree: model.Tree = {}
    root: store.Entry | None = None
    for changes in rounds:
        with shared.edit_tree(root) as edit:
            for path, thing in changes:
                if apply(edit, path, thing):
                    tree = model.put(tree, path, thing)
            root = edit.save()
        found = entries(shared, root)
        assert found.keys() - {b""} == {path for path, _ in model.walk(tree)}
        for path, entry in found.items():
            thing = model.find(tree, path)
            assert thing is not None and model.is_same(entry, thing)
            if isinstance(thing, dict):
                assert (entry.files, entry.size) == model.totals(thing)
        assert_told_apart([(entry, model.find(tree, path)) for path, entry in found.items()])


def assert_told_apart(pairs: list[tuple[store.Entry, model.Thing | None]]) -> None:
    """Two entries have one identity exactly when their models have one fingerprint."""
    seen: dict[bytes, bytes] = {}
    for entry, thing in pairs:
        assert thing is not None
        assert seen.setdefault(entry.identity(), model.fingerprint(thing)) == model.fingerprint(thing)
    assert len(set(seen.values())) == len(seen)


def tree_of(opened: store.Store, base: store.Entry | None = None, **files: bytes) -> store.Entry:
    with opened.edit_tree(base) as edit:
        for name, content in files.items():
            edit.write(f"dir/{name}", content)
        return edit.save()


def test_touching_files_and_directories_changes_no_identity(shared):
    with shared.edit_tree() as edit:
        edit.write("dir/a", b"1", mtime_ns=1)
        old = edit.save()
    with shared.edit_tree() as edit:
        edit.write("dir/a", b"1", mtime_ns=2)
        edit.mkdir("dir", mtime_ns=3)
        new = edit.save()
    assert (old.identity(), old.digest) == (new.identity(), new.digest)
    assert old.content != new.content


@pytest.mark.parametrize(
    "change",
    [
        lambda edit: edit.write("dir/a", b"2"),
        lambda edit: edit.write("dir/a", b"1", mode=0o755),
        lambda edit: edit.write("dir/b", b""),
        lambda edit: edit.mkdir("dir/b"),
        lambda edit: edit.symlink("dir/b", "a"),
        lambda edit: edit.remove("dir/a"),
        lambda edit: (edit.remove("dir/a"), edit.write("dir/b", b"1")),
        lambda edit: (edit.remove("dir/a"), edit.symlink("dir/a", b"1")),
    ],
    ids=["content", "exec bit", "new file", "new directory", "new symlink", "removal", "rename", "kind"],
)
def test_a_change_below_changes_the_identity_of_every_directory_above(shared, change):
    old = tree_of(shared, a=b"1")
    with shared.edit_tree(old) as edit:
        change(edit)
        new = edit.save()
    assert old.identity() != new.identity()
    assert shared.lookup(old, b"dir").identity() != shared.lookup(new, b"dir").identity()


def test_permission_bits_other_than_exec_leave_the_identity_alone(shared):
    old = tree_of(shared, a=b"1")
    with shared.edit_tree(old) as edit:
        edit.write("dir/a", b"1", mode=0o600)
        new = edit.save()
    assert stat.S_IMODE(shared.lookup(shared.lookup(new, b"dir"), b"a").mode) == 0o600
    assert old.identity() == new.identity()


def test_a_file_moved_elsewhere_keeps_its_own_identity(shared):
    tree = tree_of(shared, a=b"1", b=b"1")
    below = shared.lookup(tree, b"dir")
    assert shared.lookup(below, b"a").identity() == shared.lookup(below, b"b").identity()


def test_a_diff_of_two_trees_names_every_path_that_differs_in_order(shared):
    with shared.edit_tree() as edit:
        for path in ("a/x", "a/y", "a.csv", "b", "gone/deep/one", "gone/two", "kind/below"):
            edit.write(path, path.encode())
        old = edit.save()
    with shared.edit_tree(old) as edit:
        edit.write("a/y", b"changed")
        edit.write("a/z", b"new")
        edit.remove("gone")
        edit.remove("kind")
        edit.write("kind", b"a file now")
        edit.mkdir("new/empty")
        new = edit.save()
    changes = [(change.kind, change.path) for change in shared.diff(old, new)]
    assert changes == [
        ("M", b"a/y"),
        ("A", b"a/z"),
        ("D", b"gone"),
        ("D", b"gone/deep"),
        ("D", b"gone/deep/one"),
        ("D", b"gone/two"),
        ("M", b"kind"),
        ("D", b"kind/below"),
        ("A", b"new"),
        ("A", b"new/empty"),
    ]
    assert list(shared.diff(old, old)) == []


@settings(max_examples=40, deadline=None)
@given(ROUNDS, ROUNDS)
def test_a_diff_is_exactly_what_turns_one_tree_into_the_other(shared, first, second):
    roots, trees = [], []
    for rounds in (first, second):
        tree: model.Tree = {}
        with shared.edit_tree() as edit:
            for path, thing in (change for changes in rounds for change in changes):
                if apply(edit, path, thing):
                    tree = model.put(tree, path, thing)
            roots.append(edit.save())
            trees.append(tree)
    old, new = (dict(model.walk(tree)) for tree in trees)

    def shape(thing: model.Thing | None) -> object:
        return "directory" if isinstance(thing, dict) else thing

    expected = {path for path in old | new if shape(old.get(path)) != shape(new.get(path))}
    assert {change.path for change in shared.diff(*roots)} == expected
