"""Committing what is staged without `pfs commit`: by a message that is written to the mount, or after a quiet time."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice

import trio

from pfsfuse.errors import PfsError
from pfsfuse.fuse.staging import Stager
from pfsfuse.vfs.branches import Branches
from pfsfuse.worktree.staging import left_behind
from store import Change, Commit, MergeConflict, Standing, Store, StoreError

log = logging.getLogger(__name__)

LATEST = 10
"""A branch that never is quiet is committed after so many quiet times; so is one tried again that would not commit."""
LOOKS = 4
"""How often to look within a quiet time, which is exact to this part of it."""
NAMED = 3
"""Files named in a message that nobody gave."""


@dataclass(slots=True)
class _Seen:
    """A branch with something to commit."""

    state: object
    first: float
    """When there was something to commit."""
    last: float
    """When it was seen to change."""
    tried: bool = False
    """It would not commit, and has not changed since."""


class Quiet:
    """Which branches have been quiet for long enough. Pure: told what there is and what time it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._seen: dict[tuple[str, str], _Seen] = {}

    def due(self, states: dict[tuple[str, str], object], now: float) -> list[tuple[str, str]]:
        """Those to be committed, of all that have something to commit, each with a state that any change changes."""
        before, self._seen = self._seen, {}
        found = []
        for branch, state in states.items():
            seen = self._seen[branch] = before.get(branch) or _Seen(state, now, now)
            if seen.state != state:
                seen.state, seen.last, seen.tried = state, now, False
            quiet = not seen.tried and now - seen.last >= self._seconds
            if quiet or now - seen.first >= LATEST * self._seconds:
                found.append(branch)
        return found

    def note_tried(self, branch: tuple[str, str], now: float) -> None:
        """It was tried just now: from here on it counts anew, and it waits for a change or for the latest time."""
        if (seen := self._seen.get(branch)) is not None:
            seen.first, seen.last, seen.tried = now, now, True


class Committer:
    """One mount's way to commits."""

    def __init__(
        self, store: Store, branches: Branches, stager: Stager, tell: Callable[[], Awaitable[None]]
    ) -> None:
        """`tell` is awaited after each commit: everybody who shows heads or waits for them should look."""
        self._store, self._branches, self._stager, self._tell = store, branches, stager, tell

    async def commit(self, repo: str, branch: str, message: str = "", *, prefix: str = "") -> Commit | None:
        """Commit what is staged for a branch, and what was written to it before the call; None: there was nothing.

        Without a message it names what has changed, after `prefix`. How it ended is in `Branches.outcomes` as well.
        Raises what the store raises (MergeConflict), OSError; then what was written is where it was, or staged.
        """
        try:
            await self._stager.stage_branch(repo, branch)
            done = await trio.to_thread.run_sync(self._commit, repo, branch, message, prefix)
        except (PfsError, StoreError, OSError) as error:
            self._note(repo, branch, f"failed: {error}")
            raise
        if done is None:
            self._note(repo, branch, "nothing to commit")
            return None
        self._note(repo, branch, f"committed {done.id}: {done.message}")
        await self._tell()
        return done

    def _commit(self, repo: str, branch: str, message: str, prefix: str) -> Commit | None:
        standing = self._store.repo(repo).standing(branch)
        given = message or prefix + described(self._store, standing)
        (done,) = self._store.commit_drafts(f"{repo}@{branch}", message=given)
        if done.conflicts:
            raise MergeConflict(f"committing what is staged for {repo}@{branch}", len(done.conflicts))
        return done.commit if done.changed else None

    def _note(self, repo: str, branch: str, ended: str) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._branches.outcomes[repo, branch] = f"{at} {_one_line(ended)}"

    # ---- after a quiet time

    async def watch(self, seconds: float) -> None:
        """Commit every branch once nothing was written to it for so long; for ever.

        What cannot be committed is logged, stays as it is and is tried again.
        """
        quiet = Quiet(seconds)
        for repo, name in await trio.to_thread.run_sync(left_behind, self._store):
            if self._branches.includes(self._store.repo(repo), name):
                self._branches.get(self._store.repo(repo), name)
        while True:
            try:
                due = quiet.due(self._states(), trio.current_time())
            except StoreError as error:
                log.error("what is staged cannot be listed: %s", error)
                due = []
            for branch in due:
                await self._try(*branch)
                quiet.note_tried(branch, trio.current_time())
            await trio.sleep(seconds / LOOKS)

    async def _try(self, repo: str, branch: str) -> None:
        try:
            await self.commit(repo, branch, prefix="autocommit: ")
        except (PfsError, StoreError, OSError) as error:
            log.error("%s@%s cannot be committed, and will be tried again: %s", repo, branch, error)

    def _states(self) -> dict[tuple[str, str], object]:
        """All branches with something to commit."""
        states: dict[tuple[str, str], object] = {}
        for draft in self._store.drafts():
            if self._branches.includes(self._store.repo(draft.repo), draft.branch):
                states[draft.repo, draft.branch] = draft.changed_ns
        for each in self._branches.all():
            worktree = each.worktree
            if worktree is not None and worktree.dirty and self._store.find_repo(each.repo) is not None:
                states[each.repo, each.name] = states.get((each.repo, each.name)), worktree.version
        return states


def described(store: Store, standing: Standing) -> str:
    """`change a.csv, b.csv and more`."""
    draft = standing.draft
    changes = iter(()) if draft is None else store.diff(standing.base_tree, draft.tree)
    paths = [
        _one_line(change.path.decode("utf-8", "backslashreplace"))
        for change in islice((each for each in changes if not _of_directory(each)), NAMED + 1)
    ]
    return f"change {', '.join(paths[:NAMED])}" + (" and more" if len(paths) > NAMED else "")


def _of_directory(change: Change) -> bool:
    return all(each is None or each.is_dir for each in (change.old, change.new))


def _one_line(text: str) -> str:
    return text if text.isprintable() else ascii(text)[1:-1]
