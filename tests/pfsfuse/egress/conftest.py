"""A commit to send out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import store as storage
from store import Commit, Store

Commits = Callable[[Mapping[str, bytes]], Commit]


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Store]:
    with storage.create(tmp_path / "store") as opened:
        opened.create_repo("sales")
        yield opened


@pytest.fixture
def commit_of(data: Store) -> Commits:
    """A commit of exactly these files."""

    def make(files: Mapping[str, bytes]) -> Commit:
        with data.edit_tree() as tree:
            for path, content in files.items():
                tree.write(path, content)
            top = tree.save()
        with data.repo("sales").edit(allow_empty=True) as edit:
            edit.graft("", top)
        assert edit.result is not None
        return edit.result

    return make
