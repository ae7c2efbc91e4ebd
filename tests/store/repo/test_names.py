"""Which names are allowed."""

from __future__ import annotations

import pytest

from store import BadName, names
from store.format.tables import BRANCH


@pytest.mark.parametrize("text", ["trips", "_x", "9", "a-b", "A" * 100])
def test_a_repo_may_be_called_this(text):
    assert names.repo(text) == text


@pytest.mark.parametrize(
    "text", ["", "-x", ".x", "a.b", "a/b", "a@b", "a b", "a\n", "é", "a\0", "A" * 101, "\udcff", "a:b"]
)
def test_a_repo_may_not_be_called_this(text):
    with pytest.raises(BadName) as caught:
        names.repo(text)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["master", "v1.2", "a.", "1", "x" * 100, "0" * 31, "0" * 33])
def test_a_branch_or_tag_may_be_called_this(text):
    assert names.branch(text) == names.tag(text) == text


@pytest.mark.parametrize(
    "text", ["", ".x", "-x", "a/b", "a^", "a~1", "a@b", "a:b", "a\n", "0" * 32, "A" * 32]
)
def test_a_branch_or_tag_may_not_be_called_this(text):
    for check in (names.branch, names.tag):
        with pytest.raises(BadName):
            check(text)


@pytest.mark.parametrize("text", ["a..b", "a..", "v1...v2"])
def test_a_new_branch_or_tag_may_not_be_called_like_a_range(text):
    for check in (names.branch, names.tag):
        assert check(text) == text
        with pytest.raises(BadName, match=r"cannot name a (branch|tag): A\.\.B is what"):
            check(text, new=True)


def test_nothing_makes_a_branch_that_is_called_like_a_range(data, trips):
    with trips.edit() as edit:
        edit.write("a", b"1")
    makers = {
        "create": lambda: trips.create_branch("a..b"),
        "tag": lambda: trips.create_tag("a..b", edit.result),
        "edit": lambda: trips.edit("a..b"),
        "stage": lambda: trips.stage("a..b"),
        "advance": lambda: trips.advance("a..b", expect=None, to=edit.result.id),
        "edit together": lambda: data.edit_together("trips@a..b"),
        "commit drafts": lambda: data.commit_drafts("trips@a..b"),
    }
    for make in makers.values():
        with pytest.raises(BadName, match=r"A\.\.B is what came from A to B"):
            make()
    assert [branch.name for branch in trips.branches()] == ["master"] and not trips.tags()


def test_a_branch_that_an_earlier_version_called_like_a_range_goes_on(data, trips):
    with trips.edit() as edit:
        edit.write("a", b"1")
    trips._create_ref(BRANCH, "a..b", edit.result.id)
    with trips.edit("a..b") as more:
        more.write("b", b"2")
    assert data.resolve_commit("trips@a..b") == more.result
    assert data.resolve_commit("trips@a..b.1") == edit.result
    trips.create_branch("other", data.resolve_commit("trips@a..b"))
    trips.delete_branch("a..b")


@pytest.mark.parametrize("name", [b"a", b" ", b"-rf", b"...", b".git", b"\n", b"\xff", b"@:^", b"x" * 255])
def test_a_file_may_be_called_this(name):
    assert names.file(name) == name


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0b", b"x" * 256])
def test_a_file_may_not_be_called_this(name):
    with pytest.raises(BadName):
        names.file(name)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("", b""),
        ("/", b""),
        ("a", b"a"),
        ("/a//b/", b"a/b"),
        (b"\xff/a", b"\xff/a"),
        ("\udcff", b"\xff"),
        ("é", "é".encode()),
        ("/".join("a" * 255), b"/".join([b"a"] * 255)),
    ],
)
def test_a_path_is_names_joined_by_slashes(text, path):
    assert names.path(text) == path


@pytest.mark.parametrize("text", ["..", "a/../b", "./a", "a\0", "x" * 256, "\ud800", "/".join("a" * 256)])
def test_a_path_that_climbs_or_cannot_be_written_is_refused(text):
    with pytest.raises(BadName) as caught:
        names.path(text)
    assert str(caught.value).isprintable()


def test_prose_keeps_every_byte_of_a_command_line_readable():
    assert names.prose("1 July, 5 €") == "1 July, 5 €"
    assert names.prose("bad \udcff byte") == "bad \\xff byte"
