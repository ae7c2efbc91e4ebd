"""Tables that do not add up to their sum: whom that concerns, and keeping the sums anew.

A page that was not written is not to be had any more, so what it said is not mended. The commits that a branch pointed
to are there, though, and so the branches can be named that may have been ahead.
"""

from __future__ import annotations

from collections.abc import Iterator

from store import sums
from store.engine import Reading
from store.errors import Corrupt
from store.format import commit as commits
from store.format import sealed, tables
from store.format.tables import BRANCH, META, REFS, SUMS_KEY, RefBody
from store.fsck.checks import DAMAGE
from store.fsck.mend import Mend, seen
from store.fsck.records import Affected, Finding


def table_adds_up_to_its_sum(reading: Reading) -> Iterator[Finding]:
    if not sums.are_kept(reading):
        return
    kept = sums.find(reading)
    if kept is None:
        yield Finding("I20", "record of sums", "it is missing")
        return
    for table in sums.differing(kept, sums.count(reading)):
        affects = tuple(_overtaken(reading)) if table == REFS.decode() else ()
        yield Finding("I20", f"table {table}", sums.WRONG, affects=affects)


def mend_sums(reading: Reading) -> Iterator[Mend]:
    """Sums that are missing, unreadable or wrong are counted anew: the tables count as they are."""
    if not sums.are_kept(reading):
        return
    kept, counted = _find(reading), sums.count(reading)
    if kept == counted:
        return
    wrong = "the tables" if kept is None else " and ".join(sums.differing(kept, counted))
    yield Mend(
        META,
        SUMS_KEY,
        seen(reading.get_raw(META, SUMS_KEY)),
        sealed.seal(META, SUMS_KEY, tables.encode(counted)),
        f"take {wrong} as they are from now on: what a page of them lacks that was not written is gone",
    )


def _find(reading: Reading) -> tables.Sums | None:
    try:
        return sums.find(reading)
    except Corrupt:
        return None


def _overtaken(reading: Reading) -> Iterator[Affected]:
    """The branches on which a commit was made that follows the head."""
    heads: set[tuple[str, str, bytes]] = set()
    for key, value in reading.iter_raw(REFS):
        try:
            repo, kind, name = key.decode().split("\0")
            head = tables.decode(RefBody, sealed.unseal(REFS, key, value)).commit
        except DAMAGE:
            continue
        if kind.encode() == BRANCH and head is not None:
            heads.add((repo, name, head))
    found = set()
    for key, value in reading.iter_raw(commits.TABLE):
        try:
            record = commits.decode(key, sealed.unseal(commits.TABLE, key, value))
        except DAMAGE:
            continue
        follows = (record.repo, record.branch, bytes(record.parent or b"")) in heads
        if follows and record.state == "finished":
            found.add(f"{record.repo}@{record.branch}")
    return map(Affected, sorted(found))
