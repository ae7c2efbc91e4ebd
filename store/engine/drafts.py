"""The drafts of branches: the only place where one changes.

A draft is a pin with a name of its own (`draft/trips@master`), so that whatever collects garbage keeps its tree. It
moves by compare-and-set, as a head does: whoever has worked something out from one draft never writes over another.
"""

from __future__ import annotations

from collections.abc import Iterator

from store.engine import presence
from store.engine.txn import Reading, Writing
from store.errors import DraftMoved
from store.format import tables
from store.format.tables import PINS, DraftNote, PinBody
from store.ids import CommitId
from store.records import DraftRecord


def find_draft(reading: Reading, repo: str, branch: str) -> DraftRecord | None:
    """What is staged for the branch, or None. Raises Corrupt."""
    key = tables.draft_key(repo, branch)
    body = reading.get(PINS, key)
    return None if body is None else decode_draft(key, body)


def iter_drafts(reading: Reading, repo: str | None = None) -> Iterator[DraftRecord]:
    """The drafts of one repo, or of all, in the order of their names. Raises Corrupt."""
    prefix = tables.DRAFTS if repo is None else tables.draft_key(repo)
    for key, body in reading.iter(PINS, prefix):
        yield decode_draft(key, body)


def move_draft(
    writing: Writing, repo: str, branch: str, *, expect: DraftRecord | None, to: DraftRecord | None
) -> None:
    """Make `to` the branch's draft (None: it has none), provided it is still `expect`.

    Raises DraftMoved when someone was faster; Conflict when part of the tree was collected meanwhile.
    """
    if find_draft(writing, repo, branch) != expect:
        raise DraftMoved(repo, branch)
    key = tables.draft_key(repo, branch)
    if to is None:
        writing.delete(PINS, key)
        return
    presence.require(writing, to.tree)
    note = tables.encode(DraftNote(to.base, to.changed_ns))
    writing.put(PINS, key, tables.encode(PinBody(to.tree, note)))


def decode_draft(key: bytes, body: bytes) -> DraftRecord:
    """The draft that the pin with this key and body is. Raises only Corrupt."""
    repo, branch = tables.split_draft_key(key)
    pin = tables.decode(PinBody, body)
    note = tables.decode(DraftNote, pin.note)
    base = None if note.base is None else CommitId(note.base)
    return DraftRecord(repo, branch, base, pin.tree, note.changed_ns)
