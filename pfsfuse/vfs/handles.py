"""What is open: files by their immutable entry, texts by what they said when opened, directories by a listing.

A file of a working tree is open by its node, whatever becomes of its name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

from pfsfuse.vfs.listing import Listing
from pfsfuse.vfs.messages import MessageFile
from pfsfuse.vfs.nodes import Directory, Leaf
from pfsfuse.vfs.written import Written
from pfsfuse.worktree.scratch import Scratch


@dataclass(slots=True)
class OpenFile:
    """A file of the store."""

    node: Leaf


@dataclass(slots=True)
class OpenWritten:
    """A file of a working tree."""

    node: Written
    scratch: Scratch | None = None
    """Its bytes, once something was asked of them."""


@dataclass(slots=True)
class OpenText:
    """A text, as it was when it was opened."""

    text: bytes


@dataclass(slots=True)
class OpenMessage(OpenText):
    """A text that says how to commit, and takes the message."""

    node: MessageFile


@dataclass(slots=True)
class OpenDirectory:
    """A directory, listing what it held when it was opened."""

    node: Directory
    listing: Listing


Handle: TypeAlias = OpenFile | OpenWritten | OpenText | OpenDirectory


class Handles:
    """Numbers to open things; a number is not used again while the mount lives."""

    def __init__(self) -> None:
        self._open: dict[int, Handle] = {}
        self._listings: dict[Directory, list[Listing]] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, handle: Handle) -> int:
        fh = next(self._numbers)
        self._open[fh] = handle
        if isinstance(handle, OpenDirectory):
            self._listings.setdefault(handle.node, []).append(handle.listing)
        return fh

    def listings(self, directory: Directory) -> Sequence[Listing]:
        """Those of `directory` that are open."""
        return self._listings.get(directory, ())

    def get(self, fh: int) -> Handle:
        """EBADF when it is not open."""
        try:
            return self._open[fh]
        except KeyError:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from None

    def items(self) -> list[tuple[int, Handle]]:
        return list(self._open.items())

    def put(self, fh: int, handle: Handle) -> None:
        """Have an open number stand for another handle."""
        self._open[fh] = handle

    def close(self, fh: int) -> Handle | None:
        """What was open under the number, which means nothing from here on."""
        handle = self._open.pop(fh, None)
        if isinstance(handle, OpenDirectory):
            listings = self._listings[handle.node]
            listings.remove(handle.listing)
            if not listings:
                del self._listings[handle.node]
        return handle
