"""Small trees for tests: a dict of paths put as one commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from store import Commit, Repo

Tree: TypeAlias = Mapping[str | bytes, bytes | str | None]
"""Path to a file's bytes, a symlink's target (str), or an empty directory (None)."""

MTIME_NS = 1_470_000_000_123_456_789


def put_tree(repo: Repo, tree: Tree, *, branch: str = "master", mtime_ns: int = MTIME_NS) -> Commit:
    """Make `tree` the whole content of the branch's head, in one commit."""
    head = repo.find_head(branch)
    with repo.edit(branch, allow_empty=True) as edit:
        for entry in () if head is None else head.list():
            edit.remove(entry.name)
        for path, value in tree.items():
            if value is None:
                edit.mkdir(path, mtime_ns=mtime_ns)
            elif isinstance(value, str):
                edit.symlink(path, value, mtime_ns=mtime_ns)
            else:
                edit.write(path, value, mtime_ns=mtime_ns)
    assert edit.result is not None
    return edit.result
