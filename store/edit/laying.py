"""Laying a whole directory over another one: what the upper one names, and of the lower one what it does not.

Parts that are equal are skipped by identity, so putting a directory again costs what changed in it. A file that is
there already, with the same permissions and contents, stays as it is, mtime included.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from store import tree
from store.errors import IsADirectory, NotADirectory
from store.ids import ObjectId
from store.records import Entry
from store.tree import Load, Save

FEW = 16
"""Of so many times more files in the lower directory than in the upper one, only those that are named are looked at."""


def lay_over(load: Load, save: Save, upper: Entry, lower: Entry | None, path: bytes) -> Entry:
    """The directory `upper` over `lower` (None: nothing there); new nodes are written with `save`.

    Raises NotADirectory, IsADirectory when one of them has a directory where the other has none; `path` is theirs.
    """
    if lower is None or lower.content is None or lower.content == upper.content:
        return msgspec.structs.replace(upper, xattrs=None if lower is None else lower.xattrs)
    changes: dict[bytes, Entry | None] = {}
    for old, new in _pairs(load, lower, upper):
        below = path + b"/" + new.name if path else new.name
        if old is not None and old.is_dir != new.is_dir:
            raise IsADirectory(below) if old.is_dir else NotADirectory(below)
        if old is not None and old.is_dir:
            changes[new.name] = lay_over(load, save, new, old, below)
        elif old is None or not old.same_as(new):
            changes[new.name] = new
    root = tree.edit(ObjectId(lower.content), lower.height, changes, load, save)
    return Entry(
        name=upper.name,
        mode=upper.mode,
        mtime_ns=upper.mtime_ns,
        size=root.size,
        content=None if root.id is None else bytes(root.id),
        height=root.height,
        files=root.files,
        digest=root.digest,
        xattrs=lower.xattrs,
    )


def _pairs(load: Load, lower: Entry, upper: Entry) -> Iterator[tuple[Entry | None, Entry]]:
    """What `upper` names and `lower` has otherwise or not at all, in the order of names."""
    if upper.content is None or lower.content is None:
        return
    over, under = ObjectId(upper.content), ObjectId(lower.content)
    if lower.files > FEW * (upper.files + 1):
        for new in tree.iter_entries(load, over):
            old = tree.lookup(load, under, new.name)
            if old != new:
                yield old, new
        return
    for old, other in tree.diff_names(load, under, over):
        if other is not None:
            yield old, other
