"""What a spout has written: which files are complete, and how they become commits. Synchronous.

    <store>/scratch/spout-<name>/out      /pfs/out of the command
    <store>/scratch/spout-<name>/taken    files on their way into a commit
    <store>/scratch/spout-<name>/made     when the pipeline was made: what another of its name has left is not its own

A file is complete when no process has it open for writing. It is moved to `taken` first and looked at again there,
where nobody can open it any more; one that somebody has opened in between goes back.

    a crash after            leaves                                the next start
    1. some files moved      the rest in out, these in taken       commits these first
    2. the commit            the commit, and the files in taken    commits again, which changes nothing
    3. taken removed         the commit                            goes on
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pfsfuse.worker.debris import put_aside
from pfsfuse.worker.removal import remove_tree
from store import Commit, Edit, Store

MARKER = b".commit"
LIMIT = 16 << 10
"""Bytes of a message."""

Inode = tuple[int, int]
Hold = Callable[[Edit], None]
"""Says of an edit what must be so for it to become a commit."""


@dataclass(frozen=True, slots=True)
class Look:
    """What lies in /pfs/out at one moment. Two looks that are equal mean quiet."""

    files: tuple[tuple[bytes, Inode, int, int], ...]
    """Path, inode, size and time of each file or symlink that may be taken, in no useful order."""
    message: str | None
    """What is in the marker; None when there is none."""
    written: tuple[Inode, int] | None = None
    """Which marker it is, and its time: another text, or the same again, is another request."""


class Basin:
    """The directories of one spout. To be used by one process at a time, the one that supervises."""

    def __init__(self, store: Store, name: str) -> None:
        self._store, self._name = store, name
        self.top = store.path / "scratch" / f"spout-{name}"
        self.out, self._taken = self.top / "out", self.top / "taken"

    def prepare(self, made_ns: int) -> None:
        """Make the directories, with what is left in them from before: from the pipeline that was made then, or from a
        version of pfs that did not note when."""
        made = self.top / "made"
        if made.exists() and made.read_text() != str(made_ns):
            self.discard()
        for path in (self.top, self.out):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not made.exists():
            new = self.top / "made.new"
            new.write_text(str(made_ns))
            new.rename(made)

    def discard(self) -> None:
        """Remove all of it: in one step, or another pipeline would take what is half removed for its own."""
        remove_tree(put_aside(self.top, self.top.parent) or self.top)

    def look(self) -> Look:
        """Cheap, and never in the way of who writes."""
        files = tuple(
            (path, (found.st_dev, found.st_ino), found.st_size, found.st_mtime_ns)
            for path, found in _walk(os.fsencode(self.out))
        )
        return Look(files, *self._marker())

    def take(self, *, branch: str, message: str, hold: Hold = lambda edit: None) -> Iterator[Commit]:
        """Commit what is complete, and give each commit when it has been made: one, after another of what was left in
        `taken`; none when there was nothing, or nothing differs from the head. To be exhausted.

        Raises StoreError or OSError when it cannot be, and Conflict when what `hold` asks for is not so; what was moved
        is committed by the next call.
        """
        # What was left comes first: what is in `out` by now need not fit beside it.
        yield from self._commit(branch, message, hold)
        remove_tree(self._taken)
        self._move()
        yield from self._commit(branch, message, hold)
        remove_tree(self._taken)

    def acknowledge(self, seen: Look) -> None:
        """Remove the marker of this look: what was closed when it was written has been committed. One that was written
        since stays, and so is answered by the next commit."""
        if self._marker()[1] == seen.written:
            (self.out / os.fsdecode(MARKER)).unlink(missing_ok=True)

    def _marker(self) -> tuple[str | None, tuple[Inode, int] | None]:
        try:
            descriptor = os.open(self.out / os.fsdecode(MARKER), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None, None
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                return None, None  # a directory or a pipe of the command's says nothing
            text = os.read(descriptor, LIMIT).decode("utf-8", "replace").strip()
            return text, ((found.st_dev, found.st_ino), found.st_mtime_ns)
        finally:
            os.close(descriptor)

    def _move(self) -> None:
        """Step 1."""
        out, taken = os.fsencode(self.out), os.fsencode(self._taken)
        being_written = open_for_writing()
        moved: dict[Inode, bytes] = {}
        for path, found in list(_walk(out)):
            inode = (found.st_dev, found.st_ino)
            if inode in being_written:
                continue
            target = os.path.join(taken, path)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                os.replace(os.path.join(out, path), target)
            except FileNotFoundError:
                continue  # the command has renamed or removed it
            moved[inode] = path
        for inode in moved.keys() & open_for_writing():
            back = os.path.join(out, moved[inode])
            if not os.path.lexists(back):
                os.replace(os.path.join(taken, moved[inode]), back)

    def _commit(self, branch: str, message: str, hold: Hold) -> Iterator[Commit]:
        """Step 2."""
        top = os.fsencode(self._taken)
        if not any(True for _ in _walk(top)):
            return
        repo = self._store.repo(self._name)
        known = repo.find_branch(branch)
        before = None if known is None else known.head
        with repo.edit(branch, message=message, origin="pipeline") as edit:
            hold(edit)
            for path, found in _walk(top):
                _make_room(edit, path)
                if stat.S_ISLNK(found.st_mode):
                    edit.symlink(path, os.readlink(os.path.join(top, path)))
                else:
                    edit.put(Path(os.fsdecode(os.path.join(top, path))), path)
        if edit.result is not None and edit.result.id != before:
            yield edit.result


def _make_room(edit: Edit, path: bytes) -> None:
    """Remove what the head has as the other kind of thing: a file where a directory is to be, or the reverse."""
    parts = path.split(b"/")
    for depth in range(1, len(parts) + 1):
        here = b"/".join(parts[:depth])
        there = edit.find(here)
        if there is None:
            return
        if there.is_dir != (depth < len(parts)):
            edit.remove(here)
            return


def open_for_writing() -> set[Inode]:
    """The files that a process of this host has open for writing, as far as we may know: those of our own user, and as
    root all."""
    found: set[Inode] = set()
    for pid in filter(str.isdecimal, os.listdir("/proc")):
        try:
            descriptors = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue  # it has ended, or is not ours
        for descriptor in descriptors:
            link = f"/proc/{pid}/fd/{descriptor}"
            try:
                # The link's own mode says how it is open, which saves reading fdinfo.
                if os.lstat(link).st_mode & stat.S_IWUSR:
                    held = os.stat(link)
                    found.add((held.st_dev, held.st_ino))
            except OSError:
                continue
    return found


def _walk(top: bytes, prefix: bytes = b"") -> Iterator[tuple[bytes, os.stat_result]]:
    """The files and symlinks below `top` that may be taken: no name on the way begins with a dot."""
    try:
        entries = list(os.scandir(os.path.join(top, prefix)))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        if entry.name.startswith(b"."):
            continue
        path = prefix + entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(top, path + b"/")
            continue
        try:
            found = os.lstat(entry.path)
        except FileNotFoundError:
            continue  # renamed while we look
        if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            yield path, found
