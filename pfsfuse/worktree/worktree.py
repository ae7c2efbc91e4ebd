"""What was written on one branch through a mount and is not in the store yet.

    <store>/worktrees/<id>/journal       what happened to names, modes and times (journal.py)
    <store>/worktrees/<id>/files/<n>     the bytes of file number n, where they were written (scratch.py)

Every change is in the journal before anybody is told that it happened, so killing the process loses nothing; `sync` and
`sync_file` make it survive the machine. Errors are the system's own, as a file system on disk would give them.

Not for use by several threads at once, except for what `Scratch` allows: names change on one thread, bytes in any.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

import msgspec

from pfsfuse.worktree.files import Files
from pfsfuse.worktree.journal import Attribute, Change, Drop, Make, Move, Swap, Take, Write
from pfsfuse.worktree.keeping import Keeping
from pfsfuse.worktree.model import File, Folder, Found, Item, Model, is_written
from pfsfuse.worktree.place import locked
from pfsfuse.worktree.room import KNOWN, PUNCH_HOLE, ZERO_RANGE
from pfsfuse.worktree.rules import check_new, check_not_below, check_removable, is_directory, refuse
from pfsfuse.worktree.scratch import Scratch
from pfsfuse.worktree.settling import settle
from store import CommitId, Entry, Store

NOREPLACE, EXCHANGE = 1, 2


class Worktree:
    """The working tree of one branch. One process at a time has it open."""

    def __init__(self, directory: Path, store: Store, repo: str, branch: str, below: Entry | None) -> None:
        """Open what is in `directory`, or begin anew; the tree `below` is what the branch shows without it.

        Raises InUse when another process has it open, WorktreeError when it is damaged; then it is left as it is.
        """
        self.repo, self.branch = repo, branch
        self.directory = directory
        self._store = store
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = locked(directory / "lock")
        try:
            self.files = Files(directory / "files", store)
            self._names = Keeping(directory, store, repo, branch, below)
            written = {item.number for item in self.model.items.values() if is_written(item)}
            self.files.keep_only(written)
        except BaseException:
            os.close(self._lock)
            raise
        self._settled = (0, 0) if self.model.begin is None else (-1, -1)
        """Changes of names, and of bytes, that the store has."""

    @property
    def model(self) -> Model:
        """Its names, as they are now."""
        return self._names.model

    def close(self) -> None:
        """End the use of it; what was written stays."""
        self.files.close()
        self._names.close()
        os.close(self._lock)

    def has(self, item: Item) -> bool:
        """Whether the item is part of it; not what was removed, nor what the store has since."""
        return self.model.items.get(item.number) is item

    @property
    def dirty(self) -> bool:
        """Whether anything was changed that the store does not have."""
        return self._settled != self.version

    @property
    def version(self) -> tuple[int, int]:
        """Changes so far, of names and of bytes: equal ones say that nothing was changed between."""
        return self._names.changes, self.files.all_writes()

    # ---- names

    def take(self, folder: Folder, name: bytes) -> Item:
        """The item called `name`, an entry of the store made one where nothing has happened to it yet. ENOENT."""
        found = self.model.find(folder, name)
        if found is None:
            refuse(errno.ENOENT)
        if isinstance(found, Item):
            return found
        self._names.do(Take(self.model.next_number(), folder.number, found))
        item = folder.names[name]
        assert item is not None, "it was taken just now"
        return item

    def make(
        self, folder: Folder, name: bytes, mode: int, *, target: bytes | None = None, hold: bool = False
    ) -> Item:
        """A new file, directory or symlink (by the kind in `mode`); with `hold` a file that somebody has open, as by
        `hold`. EEXIST, ENAMETOOLONG; EPERM for other kinds; ENOENT in a directory that was removed.
        """
        if stat.S_IFMT(mode) not in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
            refuse(errno.EPERM)
        check_new(self.model, folder, name)
        if self.model.find(folder, name) is not None:
            refuse(errno.EEXIST)
        number = self.model.next_number()
        if stat.S_ISDIR(mode):
            mode |= folder.mode & stat.S_ISGID  # as on Linux: what is below belongs to the group, too
        if stat.S_ISREG(mode):
            # Before the name, so that one without a scratch file is never met.
            self.files.make(number, None, hold=hold)
        try:
            self._names.do(Make(number, folder.number, name, mode, time.time_ns(), target))
        except OSError:
            if stat.S_ISREG(mode):
                if hold:
                    self.files.release(number)
                self.files.remove(number)
            raise
        return self.model.items[number]

    def remove(self, folder: Folder, name: bytes, *, directory: bool) -> Found:
        """Remove a file or symlink, or (`directory`) an empty directory; what it was.

        ENOENT, ENOTDIR, EISDIR, ENOTEMPTY.
        """
        found = self.model.find(folder, name)
        if found is None:
            refuse(errno.ENOENT)
        check_removable(self.model, found, directory=directory)
        self._names.do(Drop(folder.number, name, self._hides(folder, name), time.time_ns()))
        self._let_go(found)
        return found

    def rename(self, folder: Folder, name: bytes, to: Folder, to_name: bytes, flags: int = 0) -> None:
        """rename(2), with RENAME_NOREPLACE or RENAME_EXCHANGE. EEXIST, ENOENT, EINVAL, ENOTDIR, EISDIR, ENOTEMPTY."""
        if flags & ~(NOREPLACE | EXCHANGE) or flags == NOREPLACE | EXCHANGE:
            refuse(errno.EINVAL)
        check_new(self.model, to, to_name)
        source, target = self.model.find(folder, name), self.model.find(to, to_name)
        if source is None or (flags & EXCHANGE and target is None):
            refuse(errno.ENOENT)
        if flags & NOREPLACE and target is not None:
            refuse(errno.EEXIST)
        if folder is to and name == to_name:
            return
        check_not_below(self.take(folder, name), to)
        if flags & EXCHANGE:
            check_not_below(self.take(to, to_name), folder)
            self._names.do(Swap(folder.number, name, to.number, to_name, time.time_ns()))
            return
        if target is not None:
            moves_directory = is_directory(source)
            if not moves_directory and is_directory(target):
                refuse(errno.EISDIR)
            check_removable(self.model, target, directory=moves_directory)
        hide = folder.below is not None and self._hides(folder, name)
        self._names.do(Move(folder.number, name, to.number, to_name, hide, time.time_ns()))
        if target is not None:
            self._let_go(target)

    # ---- attributes and bytes

    def set_mode(self, item: Item, mode: int) -> None:
        self._names.do(Change(item.number, stat.S_IMODE(mode), None))

    def set_mtime(self, item: Item, mtime_ns: int) -> None:
        """Kept for a written file by its scratch file, for anything else in the journal."""
        if isinstance(item, File) and item.shown is not None:
            with self.opened(item) as scratch:
                scratch.set_mtime(mtime_ns)
        else:
            self._names.do(Change(item.number, None, mtime_ns))

    def set_xattr(self, item: Item, name: bytes, value: bytes | None) -> None:
        """Set or (None) remove an extended attribute. ENODATA when there is none to remove."""
        if value is None and name not in (item.xattrs or {}):
            refuse(errno.ENODATA)
        self._names.do(Attribute(item.number, name, value))

    def truncate(self, file: File, size: int) -> None:
        """Make the file `size` bytes long. To 0 costs nothing, whatever it was."""
        if size == 0 and file.shown is None:
            self._begin_writing(file, None)
            return
        with self.opened(file) as scratch:
            scratch.truncate(size)
            self.note_shown(file, scratch)

    def may_be_given(self, file: File) -> bool:
        """Whether `give` can be used: the file is empty, and has a name."""
        return file.folder is not None and file.shown is not None and self.size(file) == 0

    def give(self, file: File, entry: Entry, tree: Entry) -> None:
        """Make the empty `file` hold what `entry` does, a file in `tree` of this store, without copying any of it.

        It keeps its number, name, permissions and extended attributes. Scratch files of it that were given out by
        `open` are not its own any more. Raises Conflict when `tree` was collected meanwhile.
        """
        assert file.folder is not None, "it has a name"
        held = msgspec.structs.replace(
            entry, name=file.name, mode=file.mode, mtime_ns=time.time_ns(), xattrs=file.xattrs
        )
        self._names.take_from(tree, Take(file.number, file.folder.number, held))
        twin = self.model.items[file.number]
        file.entry, file.shown, file.mtime_ns = held, None, twin.mtime_ns
        assert twin.folder is not None, "it was put there just now"
        self.model.put(twin.folder, file)
        self.files.drop(file.number)

    def note_made(self, file: File, shown: int) -> None:
        """Have the journal say that the file has a scratch file, and how much of the store's file shows through."""
        self._names.do(Write(file.number, shown))

    def note_shown(self, file: File, scratch: Scratch) -> None:
        """Have the journal say it when less of the store's file shows through, before the file grows again."""
        if file.shown is not None and scratch.shown < file.shown:
            self._names.do(Write(file.number, scratch.shown))

    def allocate(self, file: File, mode: int, offset: int, length: int) -> None:
        """fallocate(2) with the flags `mode`. ENOSPC; EOPNOTSUPP for flags that nobody knows, or the disk does not."""
        if mode not in KNOWN:
            refuse(errno.EOPNOTSUPP)
        with self.opened(file) as scratch:
            if mode & (PUNCH_HOLE | ZERO_RANGE):
                scratch.clear(mode, offset, length)
            else:
                scratch.allocate(mode, offset, length)
                self.note_shown(file, scratch)

    def size(self, file: File) -> int:
        if file.shown is None:
            return 0 if file.entry is None else file.entry.size
        return self.files.stat(file.number).st_size

    def mtime_ns(self, item: Item) -> int:
        if isinstance(item, File) and item.shown is not None:
            return self.files.stat(item.number).st_mtime_ns
        if item.mtime_ns is not None:
            return item.mtime_ns
        below = item.below if isinstance(item, Folder) else None
        return 0 if below is None else below.mtime_ns

    def open(self, file: File) -> Scratch:
        """The bytes of `file`, ready to be written; to be given back with `release`. A file of the store is copied, or
        shows through, from here on. Raises OSError (ENOSPC), Corrupt.
        """
        if file.shown is None:
            self._begin_writing(file, file.entry)
        self.files.hold(file.number)
        return self.files.open(file)

    def hold(self, file: File) -> None:
        """Somebody has the file open: it stays, though it may lose its name. Given back with `release`."""
        self.files.hold(file.number)

    def release(self, file: File) -> None:
        """Somebody has closed it. After the last one, a file without a name is gone."""
        if self.files.release(file.number) and file.folder is None:
            self._discard(file)

    def opened(self, file: File) -> _Opened:
        """`open` and `release` as a context manager."""
        return _Opened(self, file)

    def _begin_writing(self, file: File, base: Entry | None) -> None:
        self.note_made(file, self.files.make(file.number, base))

    # ---- the store has it

    def settle(self, tree: Entry | None, commit: CommitId | None) -> None:
        """Everything is in `tree` now, which the branch shows: let go of it. Nothing was changed since it was laid.

        Files that somebody has open go on (`settling.py`); the scratch files of others are left to `files.sweep`.
        Raises OSError; then nothing was let go of.
        """
        settle(self._names, self.files, tree, commit)
        self._settled = self.version

    # ---- durability

    def sync_file(self, file: File) -> None:
        """What was written to `file`, and its name, survive the machine from here on."""
        if file.shown is not None:
            self.files.sync(file)
        self._names.sync()

    def sync_held(self) -> None:
        """What was written to files that are open survives the machine: or, once they were let go of, a power cut would
        show less of them than the store has. May take long; safe in a thread while nothing is changed.
        """
        for item in list(self.model.items.values()):
            if not isinstance(item, File) or item.shown is None or item.folder is None:
                continue
            if self.files.is_held(item.number):
                with self.opened(item):
                    self.files.sync(item)

    def sync(self) -> None:
        """All names survive the machine from here on."""
        self._names.sync()

    # ---- how it is done

    def begun_on(self) -> Entry | None:
        """The tree that the changes were made to; None: there was none."""
        return self._names.begun_on()

    def _hides(self, folder: Folder, name: bytes) -> bool:
        """Whether the store's directory has the name, too, which must not show through."""
        return folder.below is not None and self._store.lookup(folder.below, name) is not None

    def _let_go(self, found: Found) -> None:
        if isinstance(found, File):
            if not self.files.is_held(found.number):
                self._discard(found)
        elif isinstance(found, Item):
            self.model.forget(found)

    def _discard(self, file: File) -> None:
        self.model.forget(file)
        if file.shown is not None:
            self.files.remove(file.number)


class _Opened:
    def __init__(self, worktree: Worktree, file: File) -> None:
        self._worktree, self._file = worktree, file

    def __enter__(self) -> Scratch:
        return self._worktree.open(self._file)

    def __exit__(self, *exception: object) -> None:
        self._worktree.release(self._file)
