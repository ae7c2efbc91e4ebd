"""From a working tree into the draft of its branch, with a mount or without."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pfsfuse.errors import WorktreeError
from pfsfuse.worktree.fold import lay
from pfsfuse.worktree.journal import Begin, read
from pfsfuse.worktree.worktree import DIRECTORY, Worktree
from store import CommitId, Repo, Standing, Store


def stage(store: Store, worktree: Worktree) -> Standing:
    """Put what the working tree changed into its branch's draft; how the branch stands then. Changes nothing else.

    Durable on return. Where the branch has moved since, what was written is merged with it; if that meets a conflict,
    it becomes a draft on the head that it was written on, and the commit says what stands against it. Raises what the
    store raises; then the draft is as it was.
    """
    repo, tree = store.repo(worktree.repo), worktree.begun_on()
    standing = repo.standing(worktree.branch)
    if tree == standing.tree:
        _lay_over(repo, worktree, None)
    elif not _merged(store, repo, worktree, standing):
        # What was staged otherwise is the same person's, and older: it gives way.
        _lay_over(repo, worktree, None if standing.draft is not None else worktree.model.begin)
    worktree.sync_held()
    return repo.standing(worktree.branch)


def _lay_over(repo: Repo, worktree: Worktree, begin: Begin | None) -> None:
    """Stage on top of what the branch has, or of what it had at `begin`."""
    since = ... if begin is None else None if begin.commit is None else repo.get(CommitId(begin.commit))
    with repo.stage(worktree.branch, since=since) as staged:
        lay(worktree, staged)


def _merged(store: Store, repo: Repo, worktree: Worktree, standing: Standing) -> bool:
    """Stage on top of what the branch has become since; False, and nothing is staged, when both changed one path."""
    tree = worktree.begun_on()
    with store.edit_tree(tree) as edit:
        lay(worktree, edit)
        written = edit.save()
    with repo.stage(worktree.branch, base=standing.draft or standing.head) as staged:
        return not staged.replay(tree, written)


def stage_leftovers(store: Store) -> int:
    """Stage what mounts that are gone have left behind; how many working trees that were.

    Those that a running mount has open are left to it. Raises WorktreeError for one that is damaged, and what the store
    raises.
    """
    staged = 0
    for directory in _directories(store.path):
        begin = _begin_of(directory)
        repo = None if begin is None else store.find_repo(begin.repo)
        if begin is None or repo is None:
            continue
        try:
            tree = repo.standing(begin.branch).tree
            worktree = Worktree(directory, store, begin.repo, begin.branch, tree)
        except WorktreeError as error:
            if error.in_use:
                continue
            raise
        try:
            if worktree.dirty:
                standing = stage(store, worktree)
                worktree.settle(standing.tree, None if standing.base is None else standing.base.id)
                staged += 1
        finally:
            worktree.close()
    return staged


def _directories(store_path: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(Path(each.path) for each in os.scandir(store_path / DIRECTORY) if each.is_dir())
    return []


def _begin_of(directory: Path) -> Begin | None:
    """What the working tree in `directory` was begun on; None: nothing was written in it."""
    try:
        records, _ = read((directory / "journal").read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise WorktreeError(f"{directory / 'journal'} is damaged: {error}") from None
    return records[0] if records and isinstance(records[0], Begin) else None
