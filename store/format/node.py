"""Directory nodes.        store/format/node.md

A directory is a sorted map of names to entries, cut into nodes. A node is an object: msgpack of

    [level, items]
    level 0     items are entries, in the order of their names (bytes):
                [name, mode, mtime_ns, size, content, height, files, digest, target, xattrs]
    level n     items are children: [last, id, names, files, size, digest]
                last = greatest name below, id = the child node (level n-1), names = entries below in this directory,
                files and size = totals of everything below, digest = the child's identity without mtimes

A node's digest is the digest of (name, identity) of its entries, or of its children's digests.
"""

from __future__ import annotations

import msgspec

from store.errors import Corrupt
from store.ids import ObjectId, digest
from store.records import Entry


class Child(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an inner node says about one node below it."""

    last: bytes
    """The greatest name below."""
    id: bytes
    """The node's object id."""
    names: int
    """Entries of this directory below the node."""
    files: int
    """Files and symlinks below, in subdirectories too."""
    size: int
    """Their bytes."""
    digest: bytes
    """Identity of everything below, without mtimes."""


class Leaf(msgspec.Struct, frozen=True):
    """A node of level 0."""

    items: list[Entry]
    level: int = 0


class Inner(msgspec.Struct, frozen=True):
    """A node above others."""

    items: list[Child]
    level: int


Node = Leaf | Inner

_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format
_outline = msgspec.msgpack.Decoder(tuple[int, msgspec.Raw]).decode
_entries = msgspec.msgpack.Decoder(list[Entry]).decode
_children = msgspec.msgpack.Decoder(list[Child]).decode


def encode(level: int, items: list[Entry] | list[Child]) -> bytes:
    """The bytes of the node with these items."""
    return _encode((level, items))


def decode(plain: bytes) -> Node:
    """The node with these bytes. Raises only Corrupt."""
    try:
        level, raw = _outline(plain)
        found = Leaf(_entries(raw)) if level == 0 else Inner(_children(raw), level)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Corrupt("directory node", str(error)) from None
    if level < 0 or not found.items:
        raise Corrupt("directory node", "an impossible level, or no items")
    return found


def summary(level: int, items: list[Entry] | list[Child], name: ObjectId) -> Child:
    """What the node above says about the node `name` of `level` with these items (at least one)."""
    if level == 0:
        entries: list[Entry] = items  # type: ignore[assignment]  # the caller's level says which of the two it is
        parts: list[bytes] = []
        files = size = 0
        for entry in entries:
            parts += (entry.name, entry.identity())
            files += entry.files
            size += entry.size
        identity = digest(*parts)
        return Child(entries[-1].name, bytes(name), len(entries), files, size, identity)
    children: list[Child] = items  # type: ignore[assignment]  # as above
    identity = digest(*(child.digest for child in children))
    names, files = sum(child.names for child in children), sum(child.files for child in children)
    return Child(
        children[-1].last, bytes(name), names, files, sum(child.size for child in children), identity
    )
