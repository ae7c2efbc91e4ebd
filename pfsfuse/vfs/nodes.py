"""What an inode number can stand for.

    Node            key, number, how often the kernel looked it up, the directory it was first found in
    ├── Leaf        a file or symlink of a commit or branch: an entry of the store
    ├── Text        a small file made when it is looked up (`.pfs/status`)
    ├── Link        a symlink whose target is worked out when it is read (`trips@/master.31`)
    └── Directory   finds names and lists them; subclasses say which (commits.py, live.py, namespace.py …)

A directory hands out *candidates*: nodes without a number, made on the spot. The inode table (`inodes.py`)
answers with the node the kernel already knows under the same key, or gives the candidate a number. So a node
lives exactly while the kernel knows it, and directories need no memory of their children.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

import msgspec

from store import Entry

FOREVER = 1e9
"""Seconds (31 years) that the kernel may keep what cannot change, or what it is told about when it does."""

DIRECTORY_SIZE = 4096
"""st_size of every directory, as on ext4, so that `du -b` of a commit and of its copy agree; st_blocks is 0.
Recursive sizes would be added up once per level by `du`."""

KEY = 16
"""Bytes of a key (`keys.SIZE`)."""

_pack = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes
_unpack = msgspec.msgpack.Decoder(Entry).decode

UNWRITABLE = ~0o222
"""Write bits are not shown: a tool that asks before it writes is told no at once."""


class Node:
    """One inode. `ino` is 0 until the inode table has given a number."""

    __slots__ = ("ino", "key", "lookups", "parent", "places")

    entry_timeout = FOREVER
    attr_timeout = FOREVER
    alias = 0
    """What programs are told instead of `ino`, unless 0: to them several nodes are versions of one file."""
    links = 1
    """st_nlink: 0 once it was removed, which is how programs tell that a file they have open is nowhere any more."""
    mode: int
    size: int
    mtime_ns: int

    def __init__(self, key: bytes, parent: Directory | None) -> None:
        self.key = key
        self.ino = 0
        self.lookups = 0
        self.parent = parent
        self.places: tuple[Known | bytes, ...] = ()
        """Where the kernel knows it in directories that can change: directory, name, and so on. Flat, and here: a table
        of lists took 190 bytes more for each.
        """

    @property
    def name(self) -> bytes:
        """What it is called in `parent`; a file shared by several commits has other names, too."""
        raise NotImplementedError

    def status(self) -> tuple[int, int, int]:
        """`mode`, `size` and `mtime_ns` of one moment."""
        return self.mode, self.size, self.mtime_ns

    def settle(self) -> None:
        """The kernel knows it from now on: keep it small."""

    def set_key(self, key: bytes) -> None:
        """Be what another key means."""
        self.key = key

    def meet(self, candidate: Node) -> None:
        """A candidate with this node's key was found just now: take from it what has moved on."""

    def path(self) -> bytes:
        """Where the kernel found it first, from the mount's root: for messages."""
        names = []
        node: Node | None = self
        while node is not None and node.parent is not None:
            names.append(node.name)
            node = node.parent
        return b"/" + b"/".join(reversed(names))


class Leaf(Node):
    """A file or symlink of the store. Its content never changes: another version is another node.

    After a `find` over a million files a million of these are alive, so what the kernel knows is kept packed: 330
    bytes for each, table and all, where objects took 610.
    """

    __slots__ = ("_held", "opens", "pushed")

    def __init__(self, key: bytes, parent: Directory | None, entry: Entry) -> None:
        self.ino = 0
        self.lookups = 0
        self.parent = parent
        self.places = ()
        self._held: tuple[bytes, Entry] | bytes = (key, entry)
        self.opens = 0
        """Handles open now."""
        self.pushed = False
        """Whether its bytes were given to the kernel unasked."""

    @property
    def key(self) -> bytes:  # type: ignore[override]
        held = self._held
        return held[0] if isinstance(held, tuple) else held[:KEY]

    @property
    def entry(self) -> Entry:
        held = self._held
        return held[1] if isinstance(held, tuple) else _unpack(memoryview(held)[KEY:])

    def settle(self) -> None:
        if isinstance(self._held, tuple):
            key, entry = self._held
            self._held = key + _pack(entry)

    def set_key(self, key: bytes) -> None:
        held = self._held
        self._held = (key, held[1]) if isinstance(held, tuple) else key + held[KEY:]

    @property
    def name(self) -> bytes:
        return self.entry.name

    def mode_of(self, entry: Entry) -> int:
        """The mode that the file of `entry` is shown with."""
        return entry.mode if entry.target is not None else entry.mode & UNWRITABLE

    def status(self) -> tuple[int, int, int]:
        entry = self.entry
        return self.mode_of(entry), entry.size, entry.mtime_ns

    @property
    def mode(self) -> int:  # type: ignore[override]
        return self.mode_of(self.entry)

    @property
    def size(self) -> int:  # type: ignore[override]
        return self.entry.size

    @property
    def mtime_ns(self) -> int:  # type: ignore[override]
        return self.entry.mtime_ns

    def target(self) -> bytes:
        """Where the symlink points."""
        target = self.entry.target
        if target is None:
            raise OSError(22, "not a symlink")
        return target


class Text(Node):
    """A small read-only file as it was when somebody looked for its name: another text is another node.

    So whoever has it open reads one text to the end, however slowly, and no page cache mixes two.
    """

    __slots__ = ("_name", "alias", "mtime_ns", "text")

    entry_timeout = 0.0
    mode = stat.S_IFREG | 0o444

    def __init__(
        self, key: bytes, parent: Directory, name: bytes, text: bytes, *, alias: int, mtime_ns: int
    ) -> None:
        super().__init__(key, parent)
        self._name = name
        self.text = text
        self.alias = alias
        self.mtime_ns = mtime_ns

    @property
    def name(self) -> bytes:
        return self._name

    @property
    def size(self) -> int:  # type: ignore[override]
        return len(self.text)


class Link(Node):
    """A symlink that is worked out when read; nothing about it is kept, for refs move."""

    __slots__ = ("_name", "mtime_ns", "resolve", "size")

    entry_timeout = 0.0
    attr_timeout = 0.0
    mode = stat.S_IFLNK | 0o777

    def __init__(
        self,
        key: bytes,
        parent: Directory,
        name: bytes,
        *,
        size: int,
        mtime_ns: int,
        resolve: Callable[[], bytes],
    ) -> None:
        super().__init__(key, parent)
        self._name = name
        self.size = size
        self.mtime_ns = mtime_ns
        self.resolve = resolve

    @property
    def name(self) -> bytes:
        return self._name

    def target(self) -> bytes:
        """Where the symlink points now. Raises the store's NotFound when the ref is gone."""
        return self.resolve()


class Contents(Protocol):
    """The names of a directory at one moment: what an open directory goes on listing, whatever happens."""

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        """Names greater than `name` (None: all) in byte order, each with a candidate."""

    def lasting(self) -> bool:
        """Whether the kernel may keep these entries; False once the directory has moved on."""


class Directory(Node):
    """A directory: `find` is what the kernel's lookup asks, `contents` what opendir takes."""

    __slots__ = ("_name",)

    mode = stat.S_IFDIR | 0o555
    size = DIRECTORY_SIZE
    mtime_ns = 0
    absence_lasts = True
    """Whether a name that is not there now never will be, so that the kernel may remember it."""

    def __init__(self, key: bytes, parent: Directory | None, name: bytes) -> None:
        super().__init__(key, parent)
        self._name = name

    @property
    def name(self) -> bytes:
        return self._name

    def find(self, name: bytes) -> Node | None:
        """A candidate for `name`, or None."""
        raise NotImplementedError

    def contents(self) -> Contents:
        """What the directory holds now."""
        raise NotImplementedError

    listing_lasts = False
    """Whether the kernel may keep the names of a listing, because it is told when they change."""

    def note_listing(self) -> bool:
        """The directory is about to be listed; whether its names are what they were the last time."""
        return False

    def forget_listing(self) -> None:
        """Names the kernel has kept may be wrong."""

    def renew(self, name: bytes, candidate: Node) -> Node | None:
        """What to list in place of a candidate from contents that are no longer `lasting`; None: nothing."""
        return candidate


class Known(Directory):
    """A directory that can change: it remembers which of its names the kernel knows, so that it can be told."""

    __slots__ = ("known",)

    absence_lasts = False

    def __init__(self, key: bytes, parent: Directory | None, name: bytes) -> None:
        super().__init__(key, parent, name)
        self.known: dict[bytes, Node] = {}


class Fixed(Directory):
    """A directory with a handful of names that never change: a job's view, its empty `out`."""

    __slots__ = ("children",)

    def __init__(self, key: bytes, parent: Directory | None, name: bytes) -> None:
        super().__init__(key, parent, name)
        self.children: dict[bytes, Node] = {}

    def fill(self, children: Iterable[Node]) -> Fixed:
        """Give the directory its names, once."""
        self.children = {child.name: child for child in children}
        return self

    def find(self, name: bytes) -> Node | None:
        return self.children.get(name)

    def contents(self) -> Contents:
        return WholeContents(self.children)


class WholeContents:
    """Contents that were written down whole: for directories of few names."""

    def __init__(self, children: Mapping[bytes, Node]) -> None:
        self._children = dict(sorted(children.items()))

    def iter_after(self, name: bytes | None) -> Iterator[tuple[bytes, Node]]:
        return ((key, node) for key, node in self._children.items() if name is None or key > name)

    def lasting(self) -> bool:
        return True
