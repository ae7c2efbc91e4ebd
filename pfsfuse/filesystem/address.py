"""What a URL says: `pfs://REPO[@REF]/PATH`.

    pfs://                       all repos
    pfs://trips@                 the branches and tags of trips
    pfs://trips/7-31-16          a file at the head of the default branch
    pfs://trips@master.31/2016   a directory of a commit

A REF has no slash, so it ends at the first one. To a parser of URLs `trips` would be a user and `master.31` a host, and
`#` and `?` would end the path: none is asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PROTOCOL = "pfs"
_SCHEME = re.compile(rf"{PROTOCOL}:(//)?")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL; nothing is looked up."""

    repo: str
    """"" when it is the list of all repos."""
    ref: str | None
    """None: the default branch. "": the list of branches and tags."""
    path: str
    """"" is the root."""

    @property
    def place(self) -> str:
        """The first part: `trips@master.31`."""
        return self.repo if self.ref is None else f"{self.repo}@{self.ref}"

    def __str__(self) -> str:
        return f"{self.place}/{self.path}" if self.path else self.place


def strip(url: str) -> str:
    """`url` without its scheme, with single slashes between names: what fsspec calls a path."""
    found = _SCHEME.match(url)
    return "/".join(name for name in url[found.end() if found else 0 :].split("/") if name)


def parse(url: str) -> Address:
    """The address that `url` is, with its scheme or without it."""
    place, _, path = strip(url).partition("/")
    repo, at, ref = place.partition("@")
    return Address(repo, ref if at else None, path)
