"""Edits of branches that become commits together.

One operation of fsspec is worked out on the heads that it looks at; when somebody else moves one meanwhile, its commit
raises HeadMoved and it is worked out again (`filesystem.py`). The steps of a transaction come one by one and cannot be,
so they are laid over the new head: where both changed one file, the later commit holds the transaction's. A transaction
on one branch that appended to a file which somebody else changed meanwhile raises HeadMoved instead.
"""

from __future__ import annotations

import errno
import posixpath
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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
    steps: list[Callable[[store.TreeEdit], None]] = field(default_factory=list)
    """The same changes once more, to be made in another edit of the branch."""
    saved: store.Entry | None = None
    """The tree as it was looked at last; None: it has changed since."""

    def write(self, path: str, data: bytes | BinaryIO) -> None:
        """Make `path` a file. A file that is there keeps its permissions."""
        there = self.edit.find(path)
        self.edit.write(path, data, mode=there.mode if there is not None and there.is_file else 0o644)
        self._note_file(path)

    def append(self, path: str, data: bytes | BinaryIO) -> None:
        """Add to the end of a file, made if there is none."""
        self.edit.append(path, data)
        self._note_file(path)

    def graft(self, path: str, entry: store.Entry) -> None:
        """Make `path` what `entry` is."""
        self.edit.graft(path, entry)
        self._note(lambda edit: edit.graft(path, entry))

    def remove(self, path: str) -> None:
        """Remove `path` with everything below it. Raises PathNotFound."""
        self.edit.remove(path)
        self._note(lambda edit: edit.remove(path) if edit.find(path) is not None else None)

    def mkdir(self, path: str) -> None:
        """Make `path` a directory. Raises NotADirectory."""
        self.edit.mkdir(path)
        self._note(lambda edit: edit.mkdir(path))

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

    def _note_file(self, path: str) -> None:
        made = self.edit.find(path)
        assert made is not None, "it was written"
        self._note(lambda edit: edit.graft(path, made))

    def _note(self, step: Callable[[store.TreeEdit], None]) -> None:
        self.steps.append(step)
        self.saved = None


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
            line = self._lines[repo.name] = Line(repo, name, repo.edit(name, author=self._author, base=base))
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
            text = message or self._summary()
            if len(lines) == 1:
                lines[0].edit.message = text
                lines[0].edit.commit()
                return _made([lines[0].edit])
            for line in lines:
                line.tree()  # what the steps refer to has to be in the store
            refs = [f"{line.repo.name}@{line.branch}" for line in lines]
            with self.data.edit_together(*refs, message=text, author=self._author) as edits:
                for line, edit in zip(lines, edits, strict=True):
                    for step in line.steps:
                        step(edit)
            return _made(edits)

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


def _made(edits: Iterable[store.Edit]) -> list[store.Commit]:
    return [edit.result for edit in edits if edit.changed and edit.result is not None]
