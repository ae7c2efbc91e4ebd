"""The errors are a tree, and the drawing of it is right."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import store
from store import errors


def classes(base: type[store.StoreError] = store.StoreError) -> Iterator[type[store.StoreError]]:
    """The store's own: what is built on it may have more of a kind."""
    yield base
    for below in base.__subclasses__():
        if below.__module__ == errors.__name__:
            yield from classes(below)


def drawn() -> dict[str, str]:
    """Class names in the drawing, each with the class it hangs from."""
    found: dict[str, str] = {}
    group = "StoreError"
    for line in (errors.__doc__ or "").splitlines()[2:]:
        names = [word for word in line.split() if word.isidentifier() and hasattr(errors, word)]
        if line.strip().startswith(("├──", "└──")):
            group = names[0]
            found[group] = "StoreError"
        elif "└──" in line:
            found |= dict.fromkeys(names, group)
    return found


def test_the_drawing_shows_every_class_where_it_hangs():
    assert drawn() == {
        one.__name__: one.__mro__[1].__name__ for one in classes() if one is not store.StoreError
    }


def test_every_class_is_at_the_front_door_and_says_what_it_means():
    for one in classes():
        assert getattr(store, one.__name__) is one
        assert inspect.getdoc(one)


EXAMPLES = [
    errors.RepoNotFound("tripz", known=["trips"]),
    errors.RepoNotFound("x"),
    errors.RefNotFound("trips", "x", known=["master"]),
    errors.RefNotFound("trips", "x.9", why="commits are numbered from 1 to 5"),
    errors.CommitNotFound("trips", "0" * 32),
    errors.PathNotFound(b"a\n\xff", where="trips@master"),
    errors.NotAStore(Path("/x"), "there is no data.mdb in it"),
    errors.Exists("repo", "trips"),
    errors.HeadMoved("trips", "master", expected=None, found="1" * 32),
    errors.DraftMoved("trips", "master"),
    errors.SourceChanged(b"table.csv"),
    errors.MergeConflict("merging trips@dev into trips@master", 2),
    errors.BadName("repo", "a\nb\x1b[31m", "why"),
    errors.BadExpression("trips@\n", 6, "why"),
    errors.NotADirectory(b"\x1b[31m\xff"),
    errors.IsADirectory(b"a\nb"),
    errors.SpecialFile(b"a\tb", "socket"),
    errors.BadArchive("a\n\x1b[31mheader is damaged"),
    errors.PrerequisiteMissing("trips", "0" * 32),
    errors.Diverged("trips@master", "it is another", "choose"),
    errors.BadBundle("bundle record 3", "a\nb"),
    errors.InUse("something"),
    errors.InUse("something", hint="do this"),
    errors.NewerFormat(Path("/x"), 9, 1),
    errors.NotWritable(Path("/x"), "permission denied"),
    errors.NotWritable(Path("/x"), "input/output error"),
    errors.Corrupt("segment 1", "why"),
    errors.Full(Path("/x")),
]


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_an_error_is_one_printable_line_with_a_hint(error):
    assert str(error) and str(error).isprintable()
    assert isinstance(error.hint(), str) and error.hint().isprintable()


def test_every_class_that_is_raised_has_an_example():
    groups = {"StoreError", "NotFound", "Conflict", "Refused"}
    assert {type(error).__name__ for error in EXAMPLES} == {one.__name__ for one in classes()} - groups


def test_what_is_not_found_is_a_lookup_error_as_well():
    assert issubclass(store.NotFound, LookupError)


def test_damage_to_the_database_as_a_whole_leads_to_a_copy_or_to_salvage():
    assert "pfs store salvage" in errors.Corrupt("data.mdb", "it was cut off").hint()
    assert "pfs store check" in errors.Corrupt("segment 1", "why").hint()


@pytest.mark.parametrize(
    ("why", "next_step"),
    [
        ("permission denied", "change its owner"),
        ("its file system is read-only", "copy the directory elsewhere"),
        ("its file would become larger than `ulimit -f` allows", "raise that limit"),
        ("input/output error", "`dmesg`"),
    ],
)
def test_what_helps_depends_on_why_a_store_cannot_be_written(why, next_step):
    assert next_step in errors.NotWritable(Path("/data"), why).hint()
