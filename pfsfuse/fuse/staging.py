"""Moving what was written through a mount into the store, as the drafts of its branches."""

from __future__ import annotations

import logging
from functools import partial

import trio

from pfsfuse.errors import WorktreeError
from pfsfuse.fuse.invalidate import Refresher
from pfsfuse.fuse.turns import Queue
from pfsfuse.vfs.branches import WritableBranch
from pfsfuse.vfs.vfs import Vfs
from pfsfuse.worktree.failures import NotStaged
from pfsfuse.worktree.progress import Staging
from pfsfuse.worktree.staging import not_staged, stage
from store import StoreError

log = logging.getLogger(__name__)


class Stager:
    """One mount's way into the store."""

    def __init__(self, vfs: Vfs, refresher: Refresher) -> None:
        self._vfs, self._refresher = vfs, refresher
        self._lock = trio.Lock()
        self.progress: Staging | None = None
        """How far it is; None: nothing is being moved."""
        self._untidy = trio.Event()
        """There may be scratch files that are left over."""
        if vfs.view.branches is not None:
            vfs.view.branches.untidy = self._note_untidy
        self._note_untidy()

    async def stage(self) -> list[NotStaged]:
        """Return when all that was written before the call is in the drafts of its branches; those of which it could
        not be moved there, which are as they were. None stops the others.

        What was written to a repo that was deleted stays in its working tree, and the log says where. Programs that
        write to such a branch meanwhile wait; those that read do not.
        """
        failed = []
        branches = self._vfs.view.branches
        for branch in [] if branches is None else branches.all():
            if branch.worktree is None or not branch.worktree.dirty:
                continue
            if self._vfs.store.find_repo(branch.repo) is None:
                log.warning(
                    "what was written to %s, which was deleted, stays in %s", branch.repo, branch.directory
                )
                continue
            try:
                await self._stage(branch)
            except (StoreError, WorktreeError, OSError) as error:
                log.exception("what was written to %s@%s cannot be staged", branch.repo, branch.name)
                failed.append(not_staged(f"{branch.repo}@{branch.name}", branch.directory, error))
        await self._refresher.refresh()
        return failed

    async def stage_branch(self, repo: str, name: str) -> None:
        """The same for one branch. Raises what the store raises (Full, Corrupt), WorktreeError, OSError; then it is as
        it was.
        """
        branches = self._vfs.view.branches
        for branch in [] if branches is None else branches.all():
            if branch.called == (repo, name) and branch.worktree is not None and branch.worktree.dirty:
                await self._stage(branch)
        await self._refresher.refresh()

    async def _stage(self, branch: WritableBranch) -> None:
        async with self._lock:
            while branch.slow:  # what was begun on a file is finished first
                await next(iter(branch.slow.values())).wait()
            changes = Queue()
            branch.busy = changes
            try:
                with trio.CancelScope(shield=True):
                    work = partial(stage, self._vfs.store, branch.open(), self._note)
                    standing = await trio.to_thread.run_sync(work)
                self._vfs.settle(branch, standing)
            finally:
                branch.busy = self.progress = None
                changes.end()
                self._note_untidy()

    def _note_untidy(self) -> None:
        self._untidy.set()

    def _note(self, progress: Staging) -> None:
        self.progress = progress

    async def tidy(self) -> None:
        """Remove the scratch files of what the store has, and what crashes have left; for ever. Nobody waits for it."""
        while True:
            await self._untidy.wait()
            self._untidy = trio.Event()
            branches = self._vfs.view.branches
            for branch in [] if branches is None else branches.all():
                if branch.worktree is not None:
                    # Whoever closes the working tree ends it.
                    sweep = branch.worktree.files.sweep
                    await trio.to_thread.run_sync(sweep, abandon_on_cancel=True)
