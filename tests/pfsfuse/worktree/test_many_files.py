"""Very many files at once: told how far it is, and whole wherever it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import store
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.worktree.files import SPARE
from pfsfuse.worktree.model import File, Folder
from pfsfuse.worktree.progress import Staging
from pfsfuse.worktree.staging import stage, stage_leftovers
from pfsfuse.worktree.worktree import Worktree

MANY = 600
"""More than two windows of files."""
DIES = """
import os, signal, sys, store
from pathlib import Path
from pfsfuse.worktree.staging import stage_leftovers
from pfsfuse.worktree import files
def die(*progress):
    os.kill(os.getpid(), signal.SIGKILL)
with store.open(sys.argv[1]) as data:
    if sys.argv[2] == "sweeping":
        spare, left = files.Files._spare, [100]
        def some(self, number):
            left[0] -= 1
            return spare(self, number) if left[0] else die()
        files.Files._spare = some
    stage_leftovers(data, die if sys.argv[2] == "staging" else None)
"""


def contents() -> dict[bytes, bytes]:
    return {b"%d/%d" % (number % 3, number): b"%d" % number for number in range(MANY)}


def make_all(tree: Worktree) -> None:
    folders: dict[bytes, Folder] = {}
    for path, content in contents().items():
        above, _, name = path.partition(b"/")
        if above not in folders:
            made = tree.make(tree.model.root, above, 0o40755)
            assert isinstance(made, Folder)
            folders[above] = made
        file = tree.make(folders[above], name, 0o100640)
        assert isinstance(file, File)
        with tree.opened(file) as scratch:
            scratch.write(0, content)


def found(data: store.Store) -> dict[bytes, bytes]:
    draft = data.repo("trips").find_draft()
    assert draft is not None
    return {path: draft.read(path) for path, entry in draft.walk() if entry.is_file}


def test_who_waits_is_told_how_many_files_are_done_of_how_many(opened):
    tree, told = opened_tree(opened), []
    make_all(tree)
    stage(opened, tree, told.append)
    assert [each.files for each in told] == sorted({each.files for each in told})
    assert told[-1] == Staging("trips@master", MANY, MANY, sum(map(len, contents().values())))


def test_a_stage_that_is_given_up_half_way_has_staged_nothing_and_lost_nothing(opened):
    tree = opened_tree(opened)
    make_all(tree)

    def interrupted(progress: Staging) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage(opened, tree, interrupted)
    assert opened.repo("trips").find_draft() is None and tree.dirty
    stage(opened, tree)
    assert found(opened) == contents()


@pytest.mark.parametrize("when", ["staging", "sweeping"])
def test_whoever_is_killed_half_way_leaves_everything_to_the_next(tmp_path, when):
    with store.create(tmp_path / "store") as data:
        data.create_repo("trips")
        tree = opened_tree(data)
        make_all(tree)
        tree.close()
    died = subprocess.run([sys.executable, "-c", DIES, tmp_path / "store", when], check=False)
    assert died.returncode == -signal.SIGKILL
    with store.open(tmp_path / "store") as data:
        assert (data.repo("trips").find_draft() is None) == (when == "staging")
        assert stage_leftovers(data) == []
        assert found(data) == contents()
        again = opened_tree(data)
        again.files.sweep()
        again.close()
        assert {name for name in os.listdir(tree.directory / "files") if not name.startswith(SPARE)} == set()
