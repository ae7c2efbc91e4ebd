"""Edits of branches that become commits together.

One operation of fsspec is worked out on the heads that it looks at; when somebody else moves one meanwhile, its commit
raises HeadMoved and it is worked out again (`base.py`). The steps of a transaction come one by one and cannot be, so
they are laid over the new head: where both changed one file, the later commit holds the transaction's. A transaction
that appended to a file which somebody else changed meanwhile raises HeadMoved instead, on however many branches it is.
"""

from __future__ import annotations

import errno
import posixpath
import threading
from dataclasses import dataclass
from types import EllipsisType
from typing import BinaryIO

import store
from pfsfuse.filesystem.address import Address
from pfsfuse.filesystem.errors import os_error
from pfsfuse.filesystem.place import Place, branch, look

SHOWN = 3
"""Steps in the message of a commit that was given none."""


@dataclass(slots=True)
class Line:
    """One branch, and what shall be different on it."""

    repo: store.Repo
    branch: str
    edit: store.Edit
    saved: store.Entry | None = None
    """The tree as it was looked at last; None: it has changed since."""

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        """Make `path` a file. A file that is there keeps its permissions."""
        there = self.edit.find(path)
        self.edit.write(path, data, mode=there.mode if there is not None and there.is_file else 0o644)
        self.saved = None

    def append(self, path: str, data: bytes | BinaryIO) -> None:
        """Add to the end of a file, made if there is none."""
        self.edit.append(path, data)
        self.saved = None

    def graft(self, path: str, entry: store.Entry) -> None:
        """Make `path` what `entry` is."""
        self.edit.graft(path, entry)
        self.saved = None

    def remove(self, path: str) -> None:
        """Remove `path` with everything below it. Raises PathNotFound."""
        self.edit.remove(path)
        self.saved = None

    def mkdir(self, path: str) -> None:
        """Make `path` a directory. Raises NotADirectory."""
        self.edit.mkdir(path)
        self.saved = None

    def is_missing(self, path: str) -> bool:
        """Whether there is nothing at `path` for sure: what is there of it are directories, and no symlinks. Raises
        NotADirectory.
        """
        while path:
            path = posixpath.dirname(path)
            above = self.edit.find(path)
            if above is not None and above.is_file:
                raise store.NotADirectory(path.encode("utf-8", "surrogateescape"))
            if above is not None:
                return above.is_dir
        return True

    def tree(self) -> store.Entry:
        """The branch's tree with the changes made, good for reading."""
        if self.saved is None:
            self.saved = self.edit.save()
        return self.saved


class Changes:
    """What shall be different, on at most one branch of each repo. Threads take turns by holding `lock`.

    Nothing of it is visible before `commit`, but to those who look through `place`.
    """

    def __init__(self, data: store.Store, *, author: str | None, is_transaction: bool) -> None:
        self.data, self._author, self._is_transaction = data, author, is_transaction
        self.lock = threading.RLock()
        self.unclosed: dict[object, Address] = {}
        """Files that are still being written, and what they will be."""
        self.is_over = False
        self._id = store.CommitId.new()
        """All the commits will carry it."""
        self._lines: dict[str, Line] = {}
        self._said: list[str] = []

    def line(self, address: Address, verb: str) -> Line:
        """The branch that `address` is on, for a step described by `verb`. Raises what `place.branch` raises."""
        if self.is_over:
            raise ValueError(f"{address} was not written: the transaction that it was opened in has ended")
        repo, name = branch(self.data, address)
        line = self._lines.get(repo.name)
        if line is None:
            base: store.Commit | EllipsisType | None = ... if self._is_transaction else repo.head(name)
            edit = repo.edit(name, author=self._author, commit_id=self._id, base=base)
            line = self._lines[repo.name] = Line(repo, name, edit)
        elif line.branch != name:
            why = f"{repo.name}@{line.branch} is being changed already, and only one branch of a repo can at a time"
            raise os_error(errno.EBUSY, why, address)
        self._said.append(f"{verb} {address.path or address.place}")
        return line

    def place(self, address: Address) -> Place:
        """What is at `address`, with these changes made. Raises what `place.look` raises."""
        with self.lock:
            line = self._lines.get(address.repo)
            if line is not None and self.data.resolve(address.place).branch == line.branch:
                return Place(self.data, address, line.tree())
            return look(self.data, address)

    def find(self, address: Address) -> store.Entry | None:
        """What is at `address` with these changes made, or None; a directory without its totals.

        Unlike `place`, which writes down what has changed for each look at it, this costs next to nothing.
        """
        with self.lock:
            line = self._lines.get(address.repo)
            if line is None or self.data.resolve(address.place).branch != line.branch:
                found = look(self.data, address).find()
            elif (there := line.edit.find(address.path)) is not None and not there.is_symlink:
                return there
            elif there is None and line.is_missing(address.path):
                return None
            else:
                found = self.place(address).find()
            return None if found is None else found.entry

    def commit(self, message: str = "") -> list[store.Commit]:
        """Make one commit for each branch that differs, all at once; the commits made.

        Raises HeadMoved, Full, and Refused for files that are still being written; then there is none.
        """
        with self.lock:
            if self.unclosed:
                one = next(iter(self.unclosed.values()))
                raise store.Refused(f"{one} is still being written; close it first. Nothing was committed")
            self.is_over = True
            lines = list(self._lines.values())
            if not lines:
                return []
            edits = [line.edit for line in lines]
            for edit in edits:
                edit.message = message or self._summary()
            store.Together(edits).commit()
            return [edit.result for edit in edits if edit.changed and edit.result is not None]

    def end(self) -> None:
        """Let go of everything; what was not committed is forgotten. To be called in any case."""
        with self.lock:
            self.is_over = True
            self.unclosed.clear()
            for line in self._lines.values():
                line.edit.__exit__(ValueError, ValueError(), None)  # an exit without one would commit

    def _summary(self) -> str:
        shown = ", ".join(self._said[:SHOWN])
        return shown + (f" and {len(self._said) - SHOWN} more" if len(self._said) > SHOWN else "")
