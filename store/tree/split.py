"""Where a node ends.

A node ends after an item whose name says so, and the name alone: neither what the entry holds nor what stands around
it moves a boundary, so changing one entry rewrites one node of each level. Two bounds keep a node's size sane against
names chosen to be hostile: at least 2 items (each level then has at most half the items of the one below, and trees
stay low) and at most LIMIT. Both count from the last boundary, so equal contents still split equally.
"""

from __future__ import annotations

from store.ids import digest_name

TARGET = 128
"""Items in a node, on average. A node of 128 entries is about 10 KB: a lookup decodes little, a listing reads few."""
LIMIT = 1024
"""Items in a node at most."""


def ends_after(name: bytes, level: int, count: int) -> bool:
    """Whether a node of `level` ends after the item called `name`, its `count`-th."""
    if count < 2:
        return False
    if count >= LIMIT:
        return True
    # Two fresh bytes of the name's digest for each level: independent boundaries. 16 levels are 128**16 names. The
    # lower of the two says it all, TARGET being a divisor of 256.
    return digest_name(name)[2 * (level % 16) + 1] % TARGET == 0
