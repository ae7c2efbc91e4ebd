"""Working trees without a mount."""

from __future__ import annotations

from pfsfuse.worktree.place import place
from pfsfuse.worktree.worktree import Worktree
from store import Store


def opened_tree(opened: Store, repo: str = "trips") -> Worktree:
    """The working tree of the repo's `master`, over what that shows now; whoever opens it closes it."""
    tree = opened.repo(repo).standing("master").tree
    return Worktree(place(opened.path, repo, "master"), opened, repo, "master", tree)
