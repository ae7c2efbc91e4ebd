"""`.pfs/commit`: a file for each branch; what is written to one is the message of a commit of what is staged for it.

    echo "31 July" > /pfs/.pfs/commit/trips        echo fix > /pfs/.pfs/commit/trips@dev

Each write is one message, and returns when the commit is there or has failed. Reading such a file tells how the last
one ended. A repo's default branch is listed; every other one answers to its name.
"""

from __future__ import annotations

import errno
import stat
import time
from functools import partial

from pfsfuse.vfs.branches import Branches
from pfsfuse.vfs.keys import child_key, root_key
from pfsfuse.vfs.nodes import Contents, Directory, Node, WholeContents
from pfsfuse.worktree.rules import refuse
from store import Store

NAME = b"commit"
LONGEST = 1 << 16
"""Bytes of a message: far more than anybody types, far less than a file that was copied here by mistake."""


class MessageFile(Node):
    """Where a message for one branch is written; reading it says how to, in a text made when it is opened."""

    __slots__ = ("_name", "branch", "repo", "text")

    entry_timeout = 0.0
    attr_timeout = 0.0
    mode = stat.S_IFREG | 0o644

    def __init__(
        self, key: bytes, parent: Directory, name: bytes, branches: Branches, repo: str, branch: str
    ) -> None:
        super().__init__(key, parent)
        self._name = name
        self.text = partial(_told, branches, name.decode(), repo, branch)
        self.repo, self.branch = repo, branch

    @property
    def name(self) -> bytes:
        return self._name

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.text())

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return time.time_ns()


def _told(branches: Branches, name: str, repo: str, branch: str) -> bytes:
    last = branches.outcomes.get((repo, branch))
    how = f'echo "what has changed" > .pfs/commit/{name}\n'
    return (how if last is None else f"{how}{last}\n").encode()


def message_of(data: bytes) -> str:
    """The message in what was written. EFBIG, EILSEQ: it is none."""
    if len(data) > LONGEST:
        refuse(errno.EFBIG)
    try:
        return data.decode().strip()
    except UnicodeDecodeError:
        refuse(errno.EILSEQ)


class MessageDirectory(Directory):
    """The files of all branches."""

    __slots__ = ("_branches", "_store")

    absence_lasts = False

    def __init__(self, parent: Directory, store: Store, branches: Branches) -> None:
        super().__init__(root_key(b"messages"), parent, NAME)
        self._store, self._branches = store, branches

    def find(self, name: bytes) -> Node | None:
        repo_name, at, branch = name.decode("utf-8", "replace").partition("@")
        repo = self._store.find_repo(repo_name) if repo_name else None
        if repo is None or (at and branch != repo.default_branch and repo.find_branch(branch) is None):
            return None
        branch = branch or repo.default_branch
        if not self._branches.includes(repo, branch):
            return None
        return MessageFile(child_key(self.key, name), self, name, self._branches, repo.name, branch)

    def contents(self) -> Contents:
        names = [repo.name.encode() for repo in self._store.repos()]
        found = {name: self.find(name) for name in names}
        return WholeContents({name: node for name, node in found.items() if node is not None})
