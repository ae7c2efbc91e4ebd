"""The branches of a view that can be written to, each with the working tree that holds what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from pfsfuse.errors import WorktreeError
from pfsfuse.vfs.keys import root_key
from pfsfuse.worktree.model import Folder
from pfsfuse.worktree.place import place
from pfsfuse.worktree.slow import Slow
from pfsfuse.worktree.worktree import Worktree
from store import Entry, InUse, Repo, Store


class Request(Protocol):
    """Something that could not be done when it was asked for."""

    def ask(self) -> None:
        """Try again."""


class Queue(Protocol):
    """Requests that wait for the end of something."""

    def join(self, request: Request) -> None: ...

    async def wait(self) -> None: ...


class Busy(Exception):
    """What was written on a branch is being moved into the store, or something long is done to the file: ask again when
    that has ended, after those who have joined `queue` before.
    """

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self.queue = queue


class TakesLong(Exception):
    """Something long must be done to a file of `branch` first. Nothing has been done yet; meanwhile `branch.slow` says
    who waits for that file.
    """

    def __init__(self, branch: WritableBranch, number: int, slow: Slow) -> None:
        super().__init__()
        self.branch, self.number, self.slow = branch, number, slow


class WritableBranch:
    """One branch: its tree in the store, with what is staged, and (once something was written) a working tree on it."""

    def __init__(
        self, store: Store, repo: Repo, branch: str, untidy: Callable[[], None] = lambda: None
    ) -> None:
        """`untidy` is called when a working tree was opened, of which a thread should remove what is left over."""
        self.store = store
        self._untidy = untidy
        self.repo, self.name = repo.name, branch
        self.key = root_key(b"branch", repo.name.encode(), branch.encode())
        self.below: Entry | None = repo.standing(branch).tree
        """The draft, or without one the head; None: there is neither."""
        self.busy: Queue | None = None
        """While its changes are moved into the store, nothing may be changed."""
        self.slow: dict[int, Queue] = {}
        """By number, the files to which something long is being done; they can be read and looked at alone."""
        self.worktree: Worktree | None = None
        self._editable = _is_editable(repo)
        self._trouble: WorktreeError | None = None
        if self._editable and (self.directory / "journal").exists():
            try:
                self.open()
            except WorktreeError as error:
                if not error.in_use:  # else whoever has it open lets go of it some time
                    self._trouble = error

    @property
    def directory(self) -> Path:
        return place(self.store.path, self.repo, self.name)

    @property
    def called(self) -> tuple[str, str]:
        """Its repo and its name."""
        return self.repo, self.name

    @property
    def root(self) -> Folder | None:
        """What is different from the tree below; None: nothing was written."""
        return None if self.worktree is None else self.worktree.model.root

    @property
    def writable(self) -> bool:
        """Whether people write to this branch; not what a pipeline computes."""
        return self._editable and self._trouble is None

    def open(self) -> Worktree:
        """The working tree, begun if there is none. Raises WorktreeError: it is damaged, or another mount has it."""
        if self._trouble is not None:
            raise self._trouble
        if self.worktree is None:
            self.worktree = Worktree(self.directory, self.store, self.repo, self.name, self.below)
            self._untidy()
        return self.worktree

    def rest_on(self, below: Entry | None) -> None:
        """The branch's head or draft is another one."""
        self.below = below
        if self.worktree is not None:
            self.worktree.model.rest_on(below)

    def check_free(self) -> None:
        """Raise Busy while nothing may be changed."""
        if self.busy is not None:
            raise Busy(self.busy)

    def check_file_free(self, number: int) -> None:
        """Raise Busy while nothing may be changed about that file."""
        if self.busy is not None:
            raise Busy(self.busy)
        if self.slow and number in self.slow:
            raise Busy(self.slow[number])

    def close(self) -> None:
        if self.worktree is not None:
            self.worktree.close()
            self.worktree = None


class Branches:
    """The writable branches that a view has shown so far."""

    def __init__(self, store: Store, only: Iterable[bytes] | None = None) -> None:
        """`only`: REPO[@BRANCH] of all that may be written to; None: every branch."""
        self._store = store
        self._only = None if only is None else frozenset(only)
        self._branches: dict[tuple[str, str], WritableBranch] = {}
        self.untidy: Callable[[], None] = lambda: None
        """Called whenever a working tree was opened: a thread should remove what is left over."""
        self.outcomes: dict[tuple[str, str], str] = {}
        """By repo and branch, how the last attempt to commit through the mount ended, on one line."""

    def get(self, repo: Repo, branch: str) -> WritableBranch:
        """The branch, which the repo may not have yet."""
        found = self._branches.get((repo.name, branch))
        if found is None:
            found = WritableBranch(self._store, repo, branch, lambda: self.untidy())
            self._branches[repo.name, branch] = found
        return found

    def includes(self, repo: Repo, branch: str) -> bool:
        """Whether it may be written to here."""
        names = {f"{repo.name}@{branch}"} | ({repo.name} if branch == repo.default_branch else set())
        return self._only is None or not self._only.isdisjoint(name.encode() for name in names)

    def all(self) -> list[WritableBranch]:
        return list(self._branches.values())

    def close(self) -> None:
        for branch in self._branches.values():
            branch.close()
        self._branches.clear()


def _is_editable(repo: Repo) -> bool:
    try:
        repo.check_editable()
    except InUse:
        return False
    return True
