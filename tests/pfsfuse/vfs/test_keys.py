"""What makes two nodes one."""

from __future__ import annotations

import stat

import pytest

from pfsfuse.vfs.keys import child_key, leaf_key, root_key
from store import Entry

FILE = Entry(b"a", stat.S_IFREG | 0o644, 5, 3, b"c" * 32)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Entry(b"b", stat.S_IFREG | 0o644, 5, 3, b"c" * 32), True),
        (Entry(b"a", stat.S_IFREG | 0o755, 5, 3, b"c" * 32), False),
        (Entry(b"a", stat.S_IFREG | 0o644, 6, 3, b"c" * 32), False),
        (Entry(b"a", stat.S_IFREG | 0o644, 5, 3, b"d" * 32), False),
        (Entry(b"a", stat.S_IFREG | 0o644, 5, 3, b"c" * 32, height=1), False),
        (Entry(b"a", stat.S_IFLNK | 0o777, 5, 3, target=b"ccc"), False),
    ],
)
def test_a_file_is_its_content_mode_and_mtime_whatever_its_name(other: Entry, same: bool) -> None:
    assert (leaf_key(other) == leaf_key(FILE)) is same


def test_a_version_on_a_branch_is_not_the_commits_file() -> None:
    assert leaf_key(FILE, root_key(b"branch")) != leaf_key(FILE)


def test_keys_do_not_collide_by_joining_names() -> None:
    assert root_key(b"ab", b"c") != root_key(b"a", b"bc")
    assert child_key(child_key(root_key(b""), b"a"), b"b") != child_key(root_key(b""), b"ab")
