"""Which names are allowed."""

from __future__ import annotations

import pytest

from store import BadName, names


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
