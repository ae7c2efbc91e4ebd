"""From a working tree into the draft of its branch, with a mount or without."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from pfsfuse.errors import WorktreeError
from pfsfuse.worktree import journal
from pfsfuse.worktree.bases import let_go_of_removed
from pfsfuse.worktree.failures import NotStaged
from pfsfuse.worktree.fold import Tell, count_whole, lay
from pfsfuse.worktree.journal import Begin
from pfsfuse.worktree.place import DIRECTORY
from pfsfuse.worktree.progress import Staging, TellStaging
from pfsfuse.worktree.worktree import Worktree
from store import Commit, CommitId, CommitNotFound, Repo, Standing, Store, StoreError


def stage(store: Store, worktree: Worktree, progress: TellStaging | None = None) -> Standing:
    """Put what the working tree changed into its branch's draft; how the branch stands then. Changes nothing else.

    Durable on return; `progress` is told how far it is. Where the branch has moved since, what
    was written is merged with it; if that meets a conflict, it becomes a draft on the head that it was written on, and
    the commit says what stands against it. Raises what the store raises; then the draft is as it was.
    """
    repo, tree = store.repo(worktree.repo), worktree.begun_on()
    tell = None if progress is None else _counting(worktree, progress)
    standing = repo.standing(worktree.branch)
    if tree == standing.tree:
        _lay_over(repo, worktree, None, tell)
    elif not _merged(store, repo, worktree, standing, tell):
        # What was staged otherwise is the same person's, and older: it gives way.
        _lay_over(repo, worktree, None if standing.draft is not None else worktree.model.begin, None)
    worktree.sync_held()
    return repo.standing(worktree.branch)


def _lay_over(repo: Repo, worktree: Worktree, begin: Begin | None, tell: Tell | None) -> None:
    """Stage on top of what the branch has, or of what it had at `begin`."""
    since = ... if begin is None else _begun_on(repo, worktree, begin)
    with repo.stage(worktree.branch, since=since) as staged:
        lay(worktree, staged, tell)


def _counting(worktree: Worktree, progress: TellStaging) -> Tell:
    """Counts what was done, for `progress`."""
    branch, total = f"{worktree.repo}@{worktree.branch}", count_whole(worktree)
    done = [0, 0]

    def tell(files: int, size: int) -> None:
        done[0] += files
        done[1] += size
        progress(Staging(branch, done[0], total, done[1]))

    return tell


def _begun_on(repo: Repo, worktree: Worktree, begin: Begin) -> Commit | None:
    """The commit that the changes were made on. Where a squash has replaced it: the last one with its tree, or, when
    that is gone too, the one before the head, so that what the head has since is met as somebody else's.
    """
    if begin.commit is None:
        return None
    try:
        return repo.get(CommitId(begin.commit))
    except CommitNotFound:
        log, tree = list(repo.log(worktree.branch)), worktree.begun_on()
        return next((each for each in log if each.tree == tree), log[1] if len(log) > 1 else None)


def _merged(store: Store, repo: Repo, worktree: Worktree, standing: Standing, tell: Tell | None) -> bool:
    """Stage on top of what the branch has become since; False, and nothing is staged, when both changed one path."""
    tree = worktree.begun_on()
    with store.edit_tree(tree) as edit:
        lay(worktree, edit, tell)
        written = edit.save()
    with repo.stage(worktree.branch, base=standing.draft or standing.head) as staged:
        return not staged.replay(tree, written)


def stage_leftovers(store: Store, progress: TellStaging | None = None) -> list[NotStaged]:
    """Stage what mounts that are gone have left behind; those working trees of which that could not be done, which are
    as they were. None stops the others, and those that a running mount has open are left to it.
    """
    failed = []
    for directory in _directories(store.path):
        branch = ""
        try:
            begin = journal.begin(directory / "journal")
            repo = None if begin is None else store.find_repo(begin.repo)
            if begin is None or repo is None:
                continue
            branch = f"{begin.repo}@{begin.branch}"
            _stage_leftover(store, directory, begin, repo, progress)
        except (WorktreeError, StoreError, OSError) as error:
            if not (isinstance(error, WorktreeError) and error.in_use):
                failed.append(not_staged(branch, directory, error))
    let_go_of_removed(store)
    return failed


def _stage_leftover(
    store: Store, directory: Path, begin: Begin, repo: Repo, progress: TellStaging | None
) -> None:
    worktree = Worktree(directory, store, begin.repo, begin.branch, repo.standing(begin.branch).tree)
    try:
        if worktree.dirty:
            standing = stage(store, worktree, progress)
            worktree.settle(standing.tree, None if standing.base is None else standing.base.id)
        worktree.files.sweep()
    finally:
        worktree.close()


def not_staged(branch: str, directory: Path, error: Exception) -> NotStaged:
    """The branch whose working tree is in `directory` could not be staged, because of `error`."""
    hint = error.hint() if isinstance(error, WorktreeError | StoreError) else ""
    what = f"{error.filename or directory}: {error.strerror}" if isinstance(error, OSError) else str(error)
    return NotStaged(branch, os.fspath(directory), " ".join(what.splitlines()), hint)


def left_behind(store: Store) -> list[tuple[str, str]]:
    """The repos and branches of all working trees in which something was written, open or not; not of damaged ones."""
    found = []
    for directory in _directories(store.path):
        with suppress(WorktreeError):
            begin = journal.begin(directory / "journal")
            if begin is not None and store.find_repo(begin.repo) is not None:
                found.append((begin.repo, begin.branch))
    return found


def _directories(store_path: Path) -> list[Path]:
    with suppress(FileNotFoundError):
        return sorted(Path(each.path) for each in os.scandir(store_path / DIRECTORY) if each.is_dir())
    return []
