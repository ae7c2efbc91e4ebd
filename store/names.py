"""Which names are allowed, each rule with its reason.

repo          1 to 100 of A-Z a-z 0-9 _ -; not starting with -   it becomes a directory under the mount, and an
                                                                 option must never be taken for a name
branch, tag   the same, and . inside or at the end               v1.2 is a natural tag; a leading dot hides files
              not 32 hex digits                                  those are commit ids
file          1 to 255 bytes, no / and no NUL, not . or ..       what every Linux file system takes
path          files' names joined by /; "" is the root           no leading slash inside the store
"""

from __future__ import annotations

import re

from store.errors import BadName

_REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\Z")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
_COMMIT = re.compile(r"[0-9a-fA-F]{32}\Z")
MAX_NAME = 255
"""Bytes in a file's name, as on ext4 and xfs."""


def repo(text: str) -> str:
    """`text`, if it can name a repo; BadName otherwise."""
    if not _REPO.match(text):
        raise BadName("repo", text, "1 to 100 letters, digits, _ and -, not starting with -")
    return text


def branch(text: str) -> str:
    """`text`, if it can name a branch; BadName otherwise."""
    return _ref("branch", text)


def tag(text: str) -> str:
    """`text`, if it can name a tag; BadName otherwise."""
    return _ref("tag", text)


def _ref(kind: str, text: str) -> str:
    if not _REF.match(text):
        raise BadName(kind, text, "1 to 100 letters, digits, _, - and ., not starting with - or .")
    if _COMMIT.match(text):
        raise BadName(kind, text, "32 hex digits are a commit id")
    return text


def file(name: bytes) -> bytes:
    """`name`, if it can name an entry of a directory; BadName otherwise."""
    if not name or name in (b".", b"..") or b"/" in name or b"\0" in name:
        raise BadName(
            "file", name.decode("utf-8", "backslashreplace"), "empty, ., .., / and NUL are not names"
        )
    if len(name) > MAX_NAME:
        raise BadName("file", name.decode("utf-8", "backslashreplace")[:40] + "…", f"over {MAX_NAME} bytes")
    return name


def path(text: str | bytes) -> bytes:
    """A path inside a commit as bytes: slashes at either end and doubled ones dropped, each name checked.

    The root is b"". Raises BadName for `.`, `..`, NUL and names over 255 bytes.
    """
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)
    return b"/".join(file(name) for name in raw.split(b"/") if name)
