"""One mount as the kernel sees it: numbers, names and handles. What changes anything is in writing.py.

Everything here runs on the event loop and never waits: between two requests it is a critical section. What a
request needs from disk leaves as an immutable plan (`read_plan`, `Refresh`) that a thread may carry out.

Errors are the system's own: `OSError` with an errno, or the store's, which `fuse/errno.py` translates.
If you make a method here wait, check: `lookup` and `read_directory` number a candidate and count it with nothing
between; `refresh` switches all directories in one go.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pfsfuse.vfs import attributes
from pfsfuse.vfs.branches import WritableBranch
from pfsfuse.vfs.copying import Copying
from pfsfuse.vfs.handles import Handles, OpenDirectory, OpenFile, OpenMessage, OpenText, OpenWritten
from pfsfuse.vfs.inodes import Inodes
from pfsfuse.vfs.listing import Listing
from pfsfuse.vfs.messages import MessageFile
from pfsfuse.vfs.meter import Meter
from pfsfuse.vfs.nodes import Directory, Known, Leaf, Link, Node, Text
from pfsfuse.vfs.refresh import Refresh
from pfsfuse.vfs.views import View
from pfsfuse.vfs.writable import WritableDirectory
from pfsfuse.vfs.writing import Writing
from pfsfuse.vfs.written import Written, WrittenLink
from pfsfuse.worktree.rules import refuse
from store import Extent, Standing, names

PUSH_BYTES = 128 * 1024
"""Files of one chunk up to this size go to the page cache when they are opened: 5,000 small files, cold, opened,
read and closed at 6,600 to 8,100/s instead of 4,000 to 4,100/s on the machine this was tried on."""
_DOTS = 2
"""Offsets 0 and 1 are `.` and `..`."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open file, as the kernel needs to know it."""

    fh: int
    direct: bool = False
    """Read past the page cache: the size is not known beforehand."""
    push: tuple[Extent, ...] = ()
    """The whole file, to be given to the page cache before the open is answered; (): wait to be asked.

    Safe on the event loop because nobody else has the file open: storing waits for pages that are being read,
    and a page is being read only through an open handle.
    """


@dataclass(frozen=True, slots=True)
class OpenedDirectory:
    """An open directory, as the kernel needs to know it."""

    fh: int
    cacheable: bool
    """The kernel may keep the names that it reads."""
    unchanged: bool
    """Names that the kernel kept from earlier are still right."""


class Committing(Protocol):
    """Who makes commits."""

    async def commit(self, repo: str, branch: str, message: str) -> object: ...


class Vfs:
    """What a view means, request by request."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.store = view.store
        self.inodes = Inodes(view.root({b"status": self.status, b"stats": self.stats}))
        self.handles = Handles()
        self.writing = Writing(self.inodes, self.handles)
        self.copying = Copying(self.store, self.handles, self.writing, self.read_plan)
        self.meter = Meter()
        self.committing: Committing | None = None
        """Who commits when a message is written; None: nobody does."""

    # ---- names

    def lookup(self, parent: int, name: bytes) -> Node | None:
        """What `name` is in the directory `parent`, counted as known to the kernel.

        None: it is not there and never will be. ENOENT: it is not there now.
        """
        if len(name) > names.MAX_NAME:
            refuse(errno.ENAMETOOLONG)
        directory = self._directory(parent)
        candidate = directory.find(name)
        if candidate is None:
            return None if directory.absence_lasts else refuse(errno.ENOENT)
        node = self.inodes.number(candidate)
        if node is not candidate:
            node.meet(candidate)
        self.inodes.count(node, directory, name)
        return node

    def get(self, ino: int) -> Node:
        """The node with this number, for its attributes."""
        return self.inodes.get(ino)

    def forget(self, forgotten: Sequence[tuple[int, int]]) -> None:
        """The kernel gives back references: pairs of a number and how many."""
        for ino, count in forgotten:
            self.inodes.forget(ino, count)
        if self.inodes.shrink():
            self.store.trim()

    def target(self, ino: int) -> bytes:
        """Where a symlink points."""
        node = self.inodes.get(ino)
        return node.target() if isinstance(node, Leaf | Link | WrittenLink) else refuse(errno.EINVAL)

    # ---- directories

    def open_directory(self, ino: int) -> OpenedDirectory:
        """A handle that lists what the directory holds now, however it changes meanwhile."""
        directory = self._directory(ino)
        cacheable, unchanged = directory.listing_lasts, directory.note_listing()
        if not all(each.contents.lasting() for each in self.handles.listings(directory)):
            # Whoever lists old names may not have put the answer away yet. The kernel does not tell listings apart,
            # and would take them in among the names that it keeps for this one.
            directory.forget_listing()
            cacheable = unchanged = False
        fh = self.handles.add(OpenDirectory(directory, Listing(directory.contents())))
        return OpenedDirectory(fh, cacheable, unchanged)

    def read_directory(self, fh: int, offset: int) -> Iterator[tuple[bytes, Node, int, bool]]:
        """Names from `offset` on: name, node, the offset after it, and whether the kernel may keep it.

        Asking for the next name says that the kernel has taken the last one: it is counted then. Whoever has no
        room for a name stops without asking.
        """
        handle = self.handles.get(fh)
        if not isinstance(handle, OpenDirectory):
            refuse(errno.ENOTDIR)
        directory = handle.node
        if offset < 1:
            yield b".", directory, 1, True
        if offset < _DOTS:
            yield b"..", directory.parent or directory, _DOTS, True
        lasting = handle.listing.contents.lasting()
        if not lasting:
            directory.forget_listing()  # the kernel may be keeping these old names for the directory's new ones
        for number, name, candidate in handle.listing.start(max(offset - _DOTS, 0)):
            renewed = candidate if lasting else directory.renew(name, candidate)
            if renewed is None:
                continue
            node = self.inodes.number(renewed)
            if lasting and node is not renewed:
                node.meet(renewed)
            yield name, node, number + _DOTS + 1, lasting
            self.inodes.count(node, directory, name)

    def make_ready(self, fh: int) -> None:
        """Get what a directory's next names are, which whoever lists it will ask for."""
        handle = self.handles.get(fh)
        if isinstance(handle, OpenDirectory):
            handle.listing.make_ready()

    # ---- files

    def open(self, ino: int, flags: int) -> Opened:
        """Open a file; EROFS to change one that cannot be written to. Busy."""
        node = self.inodes.get(ino)
        if isinstance(node, MessageFile):
            return Opened(self.handles.add(OpenMessage(node.text(), node)), direct=True)
        if self.writing.opens_for_change(flags) or isinstance(node, Written):
            return Opened(self.writing.open(ino, flags))
        if isinstance(node, Leaf):
            push = self._push(node)
            node.opens += 1
            return Opened(self.handles.add(OpenFile(node)), push=push)
        if isinstance(node, Text):
            return Opened(self.handles.add(OpenText(node.text)))
        return refuse(errno.EISDIR)

    def _push(self, node: Leaf) -> tuple[Extent, ...]:
        if node.opens or node.pushed:
            return ()
        entry = node.entry
        if entry.height or not 0 < entry.size <= PUSH_BYTES:
            return ()
        node.pushed = True
        return self.store.extents(entry, 0, entry.size)

    def read_plan(self, fh: int, offset: int, size: int) -> bytes | tuple[Extent, ...] | Callable[[], bytes]:
        """The bytes, when they are at hand; what to fetch from the store, in a thread or here; or what to call."""
        handle = self.handles.get(fh)
        if isinstance(handle, OpenWritten):
            return self.writing.read(handle, offset, size)
        if isinstance(handle, OpenFile):
            return self.store.extents(handle.node.entry, offset, size)
        if isinstance(handle, OpenText):
            return handle.text[offset : offset + size]
        return refuse(errno.EISDIR)

    def read_node(self, ino: int, offset: int, size: int) -> bytes | tuple[Extent, ...]:
        """The same for a file that nobody has opened."""
        node = self.inodes.get(ino)
        if isinstance(node, Leaf):
            return self.store.extents(node.entry, offset, size)
        if isinstance(node, Text):
            return node.text[offset : offset + size]
        return refuse(errno.EISDIR)

    def close(self, fh: int) -> None:
        """A handle of either kind is no longer used."""
        handle = self.handles.close(fh)
        if isinstance(handle, OpenFile):
            handle.node.opens -= 1
        elif isinstance(handle, OpenWritten):
            self.writing.close(handle)

    def describe(self, node: Node) -> str:
        """A node for messages: its path as the kernel first found it, and its content's id."""
        content = f" ({(node.entry.content or b'').hex()[:16]})" if isinstance(node, Leaf) else ""
        return f"{os.fsdecode(node.path())!r}{content}"

    # ---- extended attributes

    def attribute(self, ino: int, name: bytes) -> bytes:
        """The value. ENODATA, EOPNOTSUPP."""
        return attributes.get(self.inodes.get(ino), name)

    def attribute_names(self, ino: int) -> list[bytes]:
        """Those that were set."""
        return attributes.names(self.inodes.get(ino))

    # ---- the rest

    def statfs(self) -> os.statvfs_result:
        """Room on the file system that holds the store."""
        return os.statvfs(self.store.path)

    def refresh(self) -> Refresh:
        """Show what the store holds now; the plan of what the kernel must be told (refresh.py)."""
        refresh, self.writing.names.elsewhere = (
            self.writing.names.elsewhere,
            Refresh(self.inodes.rekey, self.inodes.replace),
        )
        self.view.review(refresh)
        return refresh

    def settle(self, branch: WritableBranch, standing: Standing) -> None:
        """All that was written on `branch` is in its draft in the store now; who has a file open goes on."""
        tree, base = standing.tree, standing.base
        shown = self.inodes.root.known.values() if isinstance(self.inodes.root, Known) else ()
        roots = [root for root in shown if isinstance(root, WritableDirectory) and root.branch is branch]
        for root in roots:
            root.expect_settling()
        branch.open().settle(tree, None if base is None else base.id)
        branch.rest_on(tree)
        for root in roots:
            root.switch(tree, self.writing.names.elsewhere)

    @property
    def has_news(self) -> bool:
        """Whether there is something to tell the kernel though nobody has written to the store."""
        return not self.writing.names.elsewhere.is_empty

    def status(self) -> dict[str, object]:
        """What `.pfs/status` shows."""
        return {
            "store": os.fsencode(self.store.path).decode("utf-8", "backslashreplace"),
            "pid": os.getpid(),
            "transaction": self.store.last_txnid(),
            "inodes": len(self.inodes),
            "handles": len(self.handles),
            "requests": dict(sorted(self.meter.counts().items())),
            "commits": {f"{repo}@{branch}": ended for (repo, branch), ended in self._outcomes()},
        }

    def _outcomes(self) -> list[tuple[tuple[str, str], str]]:
        return [] if self.view.branches is None else sorted(self.view.branches.outcomes.items())

    def stats(self) -> dict[str, object]:
        """What `.pfs/stats` shows: requests by kind with their latencies."""
        return {
            "pid": os.getpid(),
            "inodes": len(self.inodes),
            "handles": len(self.handles),
            "requests": self.meter.figures(),
        }

    def _directory(self, ino: int) -> Directory:
        node = self.inodes.get(ino)
        return node if isinstance(node, Directory) else refuse(errno.ENOTDIR)
