"""What the programs on top keep in the store."""

from __future__ import annotations

import pytest

import store


def test_a_shelf_keeps_what_was_put_in_the_order_of_keys(data):
    shelf = data.shelf("jobs")
    shelf.update({b"b/2": b"two", b"a": b"", b"b/1": b"one"})
    assert list(shelf.iter()) == [(b"a", b""), (b"b/1", b"one"), (b"b/2", b"two")]
    assert list(shelf.iter(b"b/")) == [(b"b/1", b"one"), (b"b/2", b"two")]
    assert shelf.get(b"b/1") == b"one" and shelf.get(b"nothing") is None


def test_the_last_of_the_keys_that_begin_alike_is_found(data):
    shelf = data.shelf("jobs")
    shelf.update({b"b/2": b"two", b"a": b"", b"b/10": b"ten"})
    data.shelf("other").put(b"b/3", b"")
    assert shelf.last(b"b/") == (b"b/2", b"two")
    assert shelf.last() == (b"b/2", b"two")
    assert shelf.last(b"c") is None


def test_shelves_do_not_see_one_another(data):
    data.shelf("a").put(b"k", b"1")
    data.shelf("ab").put(b"k", b"2")
    assert list(data.shelf("a").iter()) == [(b"k", b"1")]
    assert list(data.shelf("b").iter()) == []


def test_adding_refuses_what_is_there_and_changes_nothing(data):
    shelf = data.shelf("jobs")
    shelf.add(b"k", b"1")
    with pytest.raises(store.Exists):
        shelf.add(b"k", b"2")
    assert shelf.get(b"k") == b"1"
    shelf.delete(b"k")
    shelf.delete(b"k")
    shelf.add(b"k", b"3")
    assert shelf.get(b"k") == b"3"


def test_an_update_is_one_transaction(data):
    before = data.last_txnid()
    data.shelf("jobs").update({b"%d" % number: b"x" for number in range(100)} | {b"5": None})
    assert data.last_txnid() == before + 1
    assert len(list(data.shelf("jobs").iter())) == 99


@pytest.mark.parametrize("key", [b"", b"x" * 401])
def test_a_key_that_cannot_be_kept_is_the_callers_mistake(data, key):
    shelf, tree = data.shelf("jobs"), store.Entry(b"", 0o040755, 0, 0, files=0)
    for use in (
        lambda: shelf.put(key, b""),
        lambda: shelf.add(key, b""),
        lambda: shelf.get(key),
        lambda: shelf.delete(key),
        lambda: data.pins.put(key, tree),
        lambda: data.pins.get(key),
        lambda: data.pins.delete(key),
    ):
        with pytest.raises(ValueError, match="1 to 400 bytes"):
            use()


def test_a_pin_keeps_a_tree_and_a_note(data):
    with data.edit_tree() as edit:
        edit.write("out.csv", b"1")
        tree = edit.save()
    data.pins.put(b"datum/1", tree, b"note")
    data.pins.put(b"datum/2", tree)
    assert data.pins.get(b"datum/1") == store.Pin(b"datum/1", tree, b"note")
    assert [pin.name for pin in data.pins.iter(b"datum/")] == [b"datum/1", b"datum/2"]
    data.pins.put(b"datum/1", tree, b"other")
    assert data.pins.get(b"datum/1").note == b"other"
    data.pins.delete(b"datum/1")
    data.pins.delete(b"datum/1")
    assert data.pins.get(b"datum/1") is None
    assert list(data.pins.iter(b"x")) == []


def test_prefixes_of_the_highest_bytes_end_where_they_should(data):
    shelf = data.shelf("s")
    shelf.update({b"\xff": b"1", b"\xff\xff": b"2", b"\xfe": b"3"})
    assert [key for key, _ in shelf.iter(b"\xff")] == [b"\xff", b"\xff\xff"]


def test_an_update_that_expects_what_is_no_longer_there_changes_nothing(data):
    shelf = data.shelf("jobs")
    shelf.put(b"k", b"1")
    shelf.update({b"l": b"new"}, expect={b"k": b"1", b"m": None})
    for wrong in ({b"k": b"2"}, {b"k": None}, {b"m": b""}):
        with pytest.raises(store.Conflict, match=r"was changed"):
            shelf.update({b"l": b"newer"}, expect=wrong)
    assert shelf.get(b"l") == b"new"


def test_a_passing_directory_is_saved_and_pinned_in_one_transaction(data, tmp_path):
    (tmp_path / "out" / "below").mkdir(parents=True)
    (tmp_path / "out" / "below" / "file").write_bytes(b"1")
    before = data.last_txnid()
    with data.edit_tree() as edit:
        edit.put_directory(tmp_path / "out", passing=True)
        tree = edit.save_pinned(b"datum", lambda root: b"%d" % root.files)
    assert data.last_txnid() == before + 1
    assert data.pins.get(b"datum") == store.Pin(b"datum", tree, b"1")
    with data.edit_tree() as again:
        again.put_directory(tmp_path / "out")
        assert again.save() == tree


def test_of_several_that_save_under_one_name_the_first_is_kept_and_the_others_are_given_its_tree(data):
    def save(contents):
        with data.edit_tree() as edit:
            edit.write("out.csv", contents)
            return edit.save_pinned(b"datum", lambda root: contents)

    first = save(b"first")
    assert save(b"second") == first
    assert data.pins.get(b"datum") == store.Pin(b"datum", first, b"first")


def test_pins_that_are_missing_are_put_and_those_that_are_there_stay(data):
    with data.edit_tree() as edit:
        edit.write("out.csv", b"1")
        tree = edit.save()
    data.pins.put(b"there", tree, b"old")
    data.pins.put_missing({b"there": (tree, b"new"), b"missing": (tree, b"new")})
    assert {pin.name: pin.note for pin in data.pins.iter()} == {b"there": b"old", b"missing": b"new"}


def test_a_passing_directory_can_be_changed_before_it_is_saved(data, tmp_path):
    (tmp_path / "out" / "below").mkdir(parents=True)
    (tmp_path / "out" / "below" / "file").write_bytes(b"1")
    with data.edit_tree() as edit:
        edit.put_directory(tmp_path / "out", passing=True)
        edit.remove("below/file")
        edit.write("below/other", b"2")
        tree = edit.save_pinned(b"datum", lambda root: b"")
    (below,) = data.iter_directory(tree)
    assert [entry.name for entry in data.iter_directory(below)] == [b"other"]
