"""The frozen things modules exchange.

They are msgspec's, as are those of all modules that every command imports: to define a dataclass that is frozen and has
slots takes 1.2 ms, and one of these 0.1. What is compared without one of its fields is a dataclass (`commit.py`).
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from store.ids import CommitId, ObjectId, digest, digest_framed, framed

EMPTY_DIRECTORY = digest(b"directory")
"""The digest of a directory with nothing in it."""
SYMLINK_MODE = stat.S_IFLNK | 0o777
"""The st_mode of every symlink: nobody asks for its permissions."""
_KINDS = {False: b"file", True: b"program"}
_EMPTY_FILES = {is_program: digest(kind, b"\0", b"") for is_program, kind in _KINDS.items()}
_ID = 32
_OF_ONE_CHUNK = {is_program: framed((kind, b"\0", bytes(_ID)))[:-_ID] for is_program, kind in _KINDS.items()}
"""What the identity of a file of one chunk is the digest of, but for the chunk's id: joined once, since every name that
is put asks for it.
"""

_LAST_NS = (1 << 63) - 1


def clamped(time_ns: int) -> int:
    """A time within 64 bits, which is what an entry holds."""
    return max(-_LAST_NS, min(time_ns, _LAST_NS))


class Entry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One name in a directory, or a root. The order of fields is the order on disk (`format/node.md`)."""

    name: bytes
    """1 to 255 bytes; b"" for a root."""
    mode: int
    """The whole st_mode: the kind, and the permission bits with setuid, setgid and sticky."""
    mtime_ns: int
    """Nanoseconds since 1970."""
    size: int
    """Bytes of a file, bytes of a symlink's target, or all files' and symlinks' bytes below a directory."""
    content: bytes | None = None
    """A file: the id of its one chunk, or of the root of its chunk list. A directory: the id of its root node.
    None: empty."""
    height: int = 0
    """Levels of nodes between `content` and the chunks or entries; 0: `content` is a chunk (file)."""
    files: int = 1
    """Files and symlinks: 1 for each of those, the number below for a directory."""
    digest: bytes | None = None
    """A directory's identity: names, kinds, exec bits and contents of everything below, without mtimes."""
    target: bytes | None = None
    """A symlink's target, as given."""
    xattrs: dict[bytes, bytes] | None = None
    """User extended attributes, or None."""

    @property
    def is_dir(self) -> bool:
        return stat.S_ISDIR(self.mode)

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.mode)

    @property
    def is_symlink(self) -> bool:
        return stat.S_ISLNK(self.mode)

    def renamed(self, name: bytes) -> Entry:
        """The same thing under another name."""
        return self if name == self.name else msgspec.structs.replace(self, name=name)

    def identity(self) -> bytes:
        """32 bytes, equal exactly when kind, exec bit and contents are equal, whatever name, mtime and mode say."""
        mode, content = self.mode, self.content
        if stat.S_ISDIR(mode):
            return self.digest or EMPTY_DIRECTORY
        if stat.S_ISLNK(mode):
            return digest(b"symlink", self.target or b"")
        is_program = mode & stat.S_IXUSR != 0
        if content is None:
            return _EMPTY_FILES[is_program]
        if not self.height and len(content) == _ID:
            return digest_framed(_OF_ONE_CHUNK[is_program] + content)
        return digest(_KINDS[is_program], self.height.to_bytes(1, "big"), content)

    def same_as(self, new: Entry) -> bool:
        """Whether a file or symlink `new` put over this one leaves it as it is, mtime included: the permissions and
        everything that counts for the identity are equal.
        """
        return (
            not new.is_dir
            and self.mode == new.mode
            and self.xattrs == new.xattrs
            and (self.content == new.content if self.is_file else True)
            and self.identity() == new.identity()
        )


class HostFile(NamedTuple):
    """A file of a directory of the host, and what it is going to be in an edit."""

    name: bytes
    """In that directory."""
    path: bytes
    """In the edit."""
    mode: int = 0o644
    """The permission bits that it gets, whatever it has on the host."""
    xattrs: dict[bytes, bytes] | None = None
    """The extended attributes that it gets."""


class Extent(NamedTuple):
    """A stretch of one chunk: what a read of a file turns into."""

    chunk: ObjectId
    """The chunk that holds the bytes."""
    start: int
    """First byte within the chunk."""
    size: int
    """Number of bytes, at least 1."""


class Provenance(msgspec.Struct, frozen=True):
    """One input that a commit was computed from."""

    repo: str
    branch: str
    commit: CommitId


MAKERS = ("user", "pipeline", "service", "cron")
"""Who makes repos, and commits of them; "cron" is the clock of a pipeline."""


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """What is stored about a commit, in the order on disk (`format/commit.md`)."""

    id: CommitId
    repo: str
    branch: str
    """The branch it was made on."""
    depth: int
    """1 at the root of the ancestry."""
    parent: CommitId | None
    jump: CommitId | None
    """An ancestor further back, so that any ancestor is found in O(log depth) steps (`history.py`)."""
    tree: Entry
    started_ns: int
    finished_ns: int
    """Nanoseconds since 1970; always later than the parent's."""
    author: str
    message: str
    provenance: tuple[Provenance, ...]
    origin: str
    """Who made it: one of `MAKERS`, or "fsck" for what a repair has made."""
    state: str
    """"finished", or "failed" for a job's commit that no branch points to."""
    reason: str
    """Why it failed; "" otherwise."""
    digest: bytes
    """32 bytes over everything above and the parent's digest: tampering with history shows."""


class Branch(msgspec.Struct, frozen=True):
    """A movable name in a repo."""

    name: str
    head: CommitId | None
    """None: no commit yet."""


class Tag(msgspec.Struct, frozen=True):
    """A name that never moves."""

    name: str
    commit: CommitId


@dataclass(frozen=True, slots=True)
class DraftRecord:
    """What is stored about a draft (`format/tables.md`)."""

    repo: str
    branch: str
    base: CommitId | None
    """The head that the changes were made on; None: the branch had no commit."""
    tree: Entry
    """The root as it shall be: the base's, with the changes."""
    changed_ns: int
    """When it was last changed, in nanoseconds since 1970."""


class Change(msgspec.Struct, frozen=True):
    """One path that differs between two trees; `old` or `new` is None when it exists on one side only."""

    path: bytes
    old: Entry | None
    new: Entry | None

    @property
    def kind(self) -> str:
        """ "A" added, "D" deleted, "M" modified."""
        return "A" if self.old is None else "D" if self.new is None else "M"


class PathConflict(msgspec.Struct, frozen=True):
    """One path that both sides of a merge changed, each in its own way; a side without it is None."""

    path: bytes
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None
    kind: str
    """"both modified", "both added", "deleted by ours", "deleted by theirs", "kinds differ" (a file here, a directory
    there) or "modes differ" (a directory's)."""


class Pin(msgspec.Struct, frozen=True):
    """A name that keeps a tree alive, with a note for whoever set it."""

    name: bytes
    tree: Entry
    note: bytes
