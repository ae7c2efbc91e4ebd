"""Which names are allowed, each rule with its reason.

repo          1 to 100 of A-Z a-z 0-9 _ -; not starting with -   it becomes a directory under the mount, and an
                                                                 option must never be taken for a name
branch, tag   the same, and . inside or at the end               v1.2 is a natural tag; a leading dot hides files
              not 32 hex digits                                  those are commit ids
              a new one without ..                               A..B is a range; earlier versions made such names
file          1 to 255 bytes, no / and no NUL, not . or ..       what every Linux file system takes
path          up to 255 files' names joined by /                 what walks a tree goes down by recursion
              "" is the root                                     no leading slash inside the store
"""

from __future__ import annotations

import re

from store.errors import BadName

_REPO = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\Z")
_REF = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\Z")
_COMMIT = re.compile(r"[0-9a-fA-F]{32}\Z")
RANGE = ".."
"""What stands between the ends of a range."""
MAX_NAME = 255
"""Bytes in a file's name, as on ext4 and xfs."""
MAX_DEPTH = 255
"""Names in a path."""


def repo(text: str) -> str:
    """`text`, if it can name a repo; BadName otherwise."""
    if not may_be_repo(text):
        raise BadName("repo", text, "1 to 100 letters, digits, _ and -, not starting with -")
    return text


def may_be_repo(text: str) -> bool:
    """Whether a repo could be called `text`; what could not exist need not be looked for."""
    return _REPO.match(text) is not None


def may_be_ref(text: str) -> bool:
    """Whether a branch or tag could be called `text`."""
    return _REF.match(text) is not None


def branch(text: str, *, new: bool = False) -> str:
    """`text`, if it can name a branch, or a `new` one; BadName otherwise."""
    return _ref("branch", text, new)


def tag(text: str, *, new: bool = False) -> str:
    """`text`, if it can name a tag, or a `new` one; BadName otherwise."""
    return _ref("tag", text, new)


def _ref(kind: str, text: str, new: bool) -> str:
    if not may_be_ref(text):
        raise BadName(kind, text, "1 to 100 letters, digits, _, - and ., not starting with - or .")
    if _COMMIT.match(text):
        raise BadName(kind, text, "32 hex digits are a commit id")
    if new and RANGE in text:
        raise BadName(kind, text, f"A{RANGE}B is what came from A to B")
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

    The root is b"". Raises BadName for `.`, `..`, NUL, names over 255 bytes and more than 255 names.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else bytes(text)
    except UnicodeEncodeError:
        raise BadName("file", str(text), "half of a surrogate pair is no character") from None
    parts = [file(name) for name in raw.split(b"/") if name]
    if len(parts) > MAX_DEPTH:
        last = parts[-1].decode("utf-8", "backslashreplace")
        raise BadName("file", last, f"it is more than {MAX_DEPTH} names deep")
    return b"/".join(parts)


def prose(text: str) -> str:
    """`text` (a message, an author, a description) as it can be stored: bytes that were not UTF-8 on a command line
    are written out, as `\\xff`.
    """
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
