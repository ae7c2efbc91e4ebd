"""A working tree plays against a real directory: the same calls, the same answers, the same tree; through reopening,
and through having everything moved into the store.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import store
from pfsfuse.worktree.fold import lay
from pfsfuse.worktree.model import File, Folder, Item, Symlink
from pfsfuse.worktree.place import place
from pfsfuse.worktree.room import KNOWN, fallocate
from pfsfuse.worktree.worktree import Worktree

LARGE = bytes(range(256)) * 6000
"""Over a megabyte: shows through instead of being copied."""
NAMES = st.sampled_from([b"a", b"b", b"c", b"large"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
OFFSETS = st.sampled_from([0, 1, 4095, 4096, 10_000, 1_000_000, 1_535_999, 1_536_000, 1_540_000])
DATA = st.sampled_from([b"x", b"hello", b"y" * 4096, b"z" * 9000])
LENGTHS = st.sampled_from([1, 100, 4096, 10_000, 600_000])


def is_known(mode: int) -> bool:
    """Whether the disk here knows these flags of fallocate(2)."""
    with tempfile.TemporaryFile() as tried:
        try:
            fallocate(tried.fileno(), mode, 0, 1)
        except OSError:
            return False
        return True


MODES = st.sampled_from([mode for mode in sorted(KNOWN) if is_known(mode)])
ZEROS_AND_MORE = st.sampled_from([0, 1, 100, 4096, 5000, 1_000_001, 1_536_000, 2_000_000])


class Against(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.top = Path(tempfile.mkdtemp())
        self.plain = os.fsencode(self.top / "plain")
        os.mkdir(self.plain)
        self.data = store.create(self.top / "store")
        self.trips = self.data.create_repo("trips")
        self.held: dict[File, int] = {}
        self.attributes: dict[int, bytes] = {}
        """By the numbers of files and directories."""

    @initialize()
    def lay_out(self) -> None:
        with self.trips.edit(message="first") as edit:
            edit.write("large", LARGE, mtime_ns=1)
            edit.write("a/a", b"small", mtime_ns=1)
            edit.write("a/b/large", LARGE, mtime_ns=1)
        os.makedirs(os.path.join(self.plain, b"a/b"))
        for path, content in ((b"large", LARGE), (b"a/a", b"small"), (b"a/b/large", LARGE)):
            with open(os.path.join(self.plain, path), "wb") as file:
                file.write(content)
        self.open()

    def open(self) -> None:
        directory = place(self.data.path, "trips", "master")
        self.tree = Worktree(directory, self.data, "trips", "master", self.trips.standing("master").tree)

    def teardown(self) -> None:
        if hasattr(self, "tree"):
            self.tree.close()
        for descriptor in self.held.values():
            os.close(descriptor)
        self.data.close()
        shutil.rmtree(self.top)

    # ---- the same call on both

    def folder_of(self, path: bytes) -> tuple[Folder, bytes]:
        *above, name = path.split(b"/")
        folder = self.tree.model.root
        for part in above:
            found = self.tree.model.find(folder, part)
            if found is None:
                raise OSError(errno.ENOENT, "")
            if stat.S_ISLNK(found.mode):
                raise OSError(errno.ENOENT, "")  # what it leads to is not there
            if not stat.S_ISDIR(found.mode):
                raise OSError(errno.ENOTDIR, "")
            item = self.tree.take(folder, part)
            assert isinstance(item, Folder)
            folder = item
        return folder, name

    def file_at(self, path: bytes) -> File:
        folder, name = self.folder_of(path)
        found = self.tree.model.find(folder, name)
        if found is None:
            raise OSError(errno.ENOENT, "")
        if stat.S_ISDIR(found.mode):
            raise OSError(errno.EISDIR, "")
        if stat.S_ISLNK(found.mode):
            raise OSError(errno.ELOOP, "")
        item = self.tree.take(folder, name)
        assert isinstance(item, File)
        return item

    def both(self, real: Callable[[], object], ours: Callable[[], object]) -> None:
        answers = []
        for call in (real, ours):
            try:
                call()
                answers.append("")
            except OSError as error:
                answers.append(errno.errorcode[error.errno or 0])
        assert answers[0] == answers[1]

    def real(self, path: bytes) -> bytes:
        return os.path.join(self.plain, path)

    @rule(path=PATHS, data=DATA)
    def make(self, path: bytes, data: bytes) -> None:
        def real() -> None:
            descriptor = os.open(self.real(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            os.write(descriptor, data)
            os.close(descriptor)

        def ours() -> None:
            item = self.tree.make(*self.folder_of(path), stat.S_IFREG | 0o644)
            assert isinstance(item, File)
            with self.tree.opened(item) as scratch:
                scratch.write(0, data)

        self.both(real, ours)

    @rule(path=PATHS, offset=OFFSETS, data=DATA)
    def write(self, path: bytes, offset: int, data: bytes) -> None:
        def real() -> None:
            descriptor = os.open(self.real(path), os.O_RDWR | os.O_NOFOLLOW)
            os.pwrite(descriptor, data, offset)
            os.close(descriptor)

        def ours() -> None:
            with self.tree.opened(self.file_at(path)) as scratch:
                scratch.write(offset, data)

        self.both(real, ours)

    @rule(path=PATHS, size=ZEROS_AND_MORE)
    def truncate(self, path: bytes, size: int) -> None:
        def real() -> None:
            descriptor = os.open(self.real(path), os.O_RDWR | os.O_NOFOLLOW)
            os.ftruncate(descriptor, size)
            os.close(descriptor)

        self.both(real, lambda: self.tree.truncate(self.file_at(path), size))

    @rule(path=PATHS, mode=MODES, offset=OFFSETS, length=LENGTHS)
    def fallocate(self, path: bytes, mode: int, offset: int, length: int) -> None:
        def real() -> None:
            descriptor = os.open(self.real(path), os.O_RDWR | os.O_NOFOLLOW)
            try:
                fallocate(descriptor, mode, offset, length)
            finally:
                os.close(descriptor)

        self.both(real, lambda: self.tree.allocate(self.file_at(path), mode, offset, length))

    @rule(path=PATHS)
    def mkdir(self, path: bytes) -> None:
        self.both(
            lambda: os.mkdir(self.real(path)),
            lambda: self.tree.make(*self.folder_of(path), stat.S_IFDIR | 0o755),
        )

    @rule(path=PATHS)
    def symlink(self, path: bytes) -> None:
        self.both(
            lambda: os.symlink(b"somewhere", self.real(path)),
            lambda: self.tree.make(*self.folder_of(path), stat.S_IFLNK | 0o777, target=b"somewhere"),
        )

    @rule(path=PATHS, directory=st.booleans())
    def remove(self, path: bytes, directory: bool) -> None:
        self.both(
            lambda: (os.rmdir if directory else os.unlink)(self.real(path)),
            lambda: self.tree.remove(*self.folder_of(path), directory=directory),
        )

    @rule(path=PATHS, to=PATHS)
    def rename(self, path: bytes, to: bytes) -> None:
        if to.startswith(path + b"/") or path.startswith(to + b"/"):
            return  # which of several errors is the kernel's to say: it looks before it asks us
        self.both(
            lambda: os.rename(self.real(path), self.real(to)),
            lambda: self.tree.rename(*self.folder_of(path), *self.folder_of(to)),
        )

    @rule(path=PATHS, value=st.sampled_from([b"1", b"2", None]))
    def set_attribute(self, path: bytes, value: bytes | None) -> None:
        """Plain directories have no extended attributes everywhere, so a dictionary plays their part."""
        if os.path.islink(self.real(path)):
            return

        def real() -> None:
            number = os.stat(self.real(path)).st_ino
            if value is None:
                if self.attributes.pop(number, None) is None:
                    raise OSError(errno.ENODATA, "")
            else:
                self.attributes[number] = value

        def ours() -> None:
            folder, name = self.folder_of(path)
            self.tree.set_xattr(self.tree.take(folder, name), b"user.a", value)

        self.both(real, ours)

    @rule(path=PATHS, to=PATHS)
    def copy_of_the_store(self, path: bytes, to: bytes) -> None:
        """A new file that is given what the store has, whatever has become of that in the working tree."""
        tree = found = self.trips.standing("master").tree
        for name in path.split(b"/"):
            found = None if found is None or not found.is_dir else self.data.lookup(found, name)
        if tree is None or found is None or not found.is_file:
            return
        entry, content = found, self.data.fetch(self.data.extents(found, 0, found.size))

        def real() -> None:
            descriptor = os.open(self.real(to), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            with open(descriptor, "wb") as file:
                file.write(content)

        def ours() -> None:
            item = self.tree.make(*self.folder_of(to), stat.S_IFREG | 0o644)
            assert isinstance(item, File)
            self.tree.give(item, entry, tree)

        self.both(real, ours)

    @rule(path=PATHS)
    def hold(self, path: bytes) -> None:
        """Keep a file open on both sides, to be written to when it may have another name or none."""
        try:
            file = self.file_at(path)
        except OSError:
            return
        if file not in self.held:
            self.tree.open(file)
            self.held[file] = os.open(self.real(path), os.O_RDWR | os.O_NOFOLLOW)

    @precondition(lambda self: self.held)
    @rule(choice=st.integers(0, 100), offset=OFFSETS, data=DATA)
    def write_to_held(self, choice: int, offset: int, data: bytes) -> None:
        file, descriptor = list(self.held.items())[choice % len(self.held)]
        os.pwrite(descriptor, data, offset)
        self.tree.files.open(file).write(offset, data)

    @precondition(lambda self: self.held)
    @rule()
    def let_go(self) -> None:
        self.close_held()

    def close_held(self) -> None:
        for file, descriptor in self.held.items():
            size = os.fstat(descriptor).st_size
            assert self.tree.files.open(file).read(0, size + 1) == os.pread(descriptor, size, 0)
            self.tree.release(file)
            os.close(descriptor)
        self.held.clear()

    # ---- what must change nothing

    @rule()
    def reopen(self) -> None:
        self.close_held()
        self.tree.close()
        self.open()

    @rule()
    def stage(self) -> None:
        with self.trips.stage("master") as stage:
            lay(self.tree, stage)
        standing = self.trips.standing("master")
        self.tree.settle(standing.tree, None if standing.base is None else standing.base.id)
        assert not self.tree.dirty

    @invariant()
    def the_trees_are_equal(self) -> None:
        if hasattr(self, "tree"):
            self.found: dict[int, bytes] = {}
            assert self.ours(self.tree.model.root) == self.theirs(self.plain)
            self.attributes = self.found  # a number whose file is gone may come back

    def ours(self, folder: Folder | store.Entry) -> dict[bytes, object]:
        found: dict[bytes, object] = {}
        if isinstance(folder, Folder):
            for name, item in self.tree.model.iter_names(folder):
                found[name] = self.content(item), (item.xattrs or {}).get(b"user.a")
        else:
            for entry in self.data.iter_directory(folder):
                found[entry.name] = self.content(entry), (entry.xattrs or {}).get(b"user.a")
        return found

    def content(self, item: Item | store.Entry) -> object:
        if stat.S_ISDIR(item.mode):
            assert isinstance(item, Folder | store.Entry)
            return self.ours(item)
        if isinstance(item, store.Entry):
            whole = self.data.fetch(self.data.extents(item, 0, item.size))
            return ("link", item.target) if item.is_symlink else whole
        if isinstance(item, Symlink):
            return ("link", item.target)
        assert isinstance(item, File)
        if item.shown is None:
            assert item.entry is not None
            return self.content(item.entry)
        size = self.tree.size(item)
        with self.tree.opened(item) as scratch:
            return scratch.read(0, size + 10)

    def theirs(self, directory: bytes) -> dict[bytes, object]:
        found: dict[bytes, object] = {}
        with os.scandir(directory) as items:
            for item in items:
                value = self.attributes.get(item.inode())
                self.found |= {} if value is None else {item.inode(): value}
                found[item.name] = self.their_content(item), value
        return found

    def their_content(self, item: os.DirEntry[bytes]) -> object:
        if item.is_symlink():
            return ("link", os.readlink(item.path))
        return self.theirs(item.path) if item.is_dir() else Path(os.fsdecode(item.path)).read_bytes()


Against.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAgainstADirectory = Against.TestCase
