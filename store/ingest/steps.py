"""What the walk over a directory of the host has found, in the order in which it is put together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from typing import NamedTuple

from store.engine import Packed
from store.ingest.listing import Row
from store.ingest.memory import Remembered
from store.ingest.reading import Failure, Read, Wanted
from store.records import Entry

Tell = Callable[[int, int], None]
"""Is told how many files and bytes more were dealt with."""


@dataclass(slots=True)
class Directory:
    """A directory of the host, from its opening until its entry is made."""

    path: bytes
    """On the host, as people know it."""
    key: bytes
    """On the host, absolute and without links."""
    place: bytes
    """In the repo."""
    name: bytes
    """In the directory above; b"" at the top."""
    descriptor: int
    row: Row
    base: Entry | None
    """The directory of the repo it is going to be laid over, if there is one."""
    depth: int
    """Names in its path in the repo."""
    digest: bytes = b""
    """Of its listing; b"" when that cannot be relied on."""
    rows: list[bytes] = field(default_factory=list)
    """Of its names but for directories."""
    kept: Remembered | None = None
    """What it was, if nothing but directories below can have changed."""
    whole: bool = True
    """Whether everything in it was put, and can be remembered."""


@dataclass(frozen=True, slots=True)
class Enter:
    """A directory begins."""

    directory: Directory


@dataclass(frozen=True, slots=True)
class Leave:
    """A directory ends; all in it has come."""

    directory: Directory


class Ready(NamedTuple):
    """A name of which everything is known: a link, or a file that did not change."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Missing:
    """A name that cannot be put."""

    path: bytes
    error: Failure


@dataclass(frozen=True, slots=True)
class Begin:
    """A large file begins, or begins again."""


@dataclass(frozen=True, slots=True)
class Piece:
    """The next chunks of a large file, which the window's `chunks` hold."""

    times: int
    """How often they come; more than once if it is one chunk, of zeros."""


@dataclass(frozen=True, slots=True)
class End:
    """A large file ends."""

    name: bytes
    row: Row


Step = Enter | Leave | Ready | Missing | Begin | Piece | End | Wanted


@dataclass(slots=True)
class Window:
    """Some steps, and what threads make of those among them that want it."""

    steps: list[Step]
    read: Future[list[Read | Failure]] | None = None
    """What the wanted files hold, in order."""
    chunks: Future[list[Packed]] | None = None

    def settle(self) -> None:
        """Let no thread be at work on it any more."""
        if self.read is not None and not self.read.cancel():
            wait([self.read])
        if self.chunks is not None and not self.chunks.cancel():
            wait([self.chunks])
