"""Mending the log and the lines of provenance, both of which follow from the commits."""

from __future__ import annotations

from collections.abc import Iterator

from store.engine import Reading
from store.format import commit as commits
from store.format import sealed, tables
from store.format.tables import DOWNSTREAM, LOG
from store.fsck.checks import DAMAGE
from store.fsck.mend import Mend, seen
from store.records import CommitRecord


def mend_lines(reading: Reading) -> Iterator[Mend]:
    """Lines that are missing or unreadable are written; those that no commit says, removed.

    Not those of a commit whose record is there and cannot be read: it may have said them.
    """
    for key, _ in reading.iter_raw(commits.TABLE):
        record = _find(reading, key)
        if record is None:
            continue
        name = f"{record.repo}@{record.id}"
        line = tables.log_key(record.repo, record.finished_ns, record.id)
        yield from _line(reading, LOG, line, f"list {name} in the log of its repo")
        for source in record.provenance:
            line = tables.downstream_key((source.commit, source.repo), (record.id, record.repo))
            yield from _line(
                reading, DOWNSTREAM, line, f"list {name} downstream of {source.repo}@{source.commit}"
            )
    for table in (LOG, DOWNSTREAM):
        for key, value in reading.iter_raw(table):
            commit = _commit_of(table, key)
            if commit is None or not _may_say(reading, table, key, commit):
                yield Mend(
                    table,
                    key,
                    seen(value),
                    None,
                    f"remove {table.decode()} line {key.hex()}: no commit says so",
                )


def _line(reading: Reading, table: bytes, key: bytes, what: str) -> Iterator[Mend]:
    value = reading.get_raw(table, key)
    try:
        if value is not None and sealed.unseal(table, key, value) == b"":
            return
    except DAMAGE:
        pass
    yield Mend(table, key, seen(value), sealed.seal(table, key, b""), what)


def _commit_of(table: bytes, key: bytes) -> bytes | None:
    """The key of the commit that the line is about; None when it is no line."""
    if table == LOG:
        return key[-16:] + key[:-25] if len(key) > 25 else None
    _, _, result = key[16:].partition(b"\0")
    return result or None


def _may_say(reading: Reading, table: bytes, key: bytes, commit: bytes) -> bool:
    if reading.get_raw(commits.TABLE, commit) is None:
        return False
    record = _find(reading, commit)
    if record is None:
        return True
    if table == LOG:
        return key == tables.log_key(record.repo, record.finished_ns, record.id)
    made = (record.id, record.repo)
    return any(key == tables.downstream_key((each.commit, each.repo), made) for each in record.provenance)


def _find(reading: Reading, key: bytes) -> CommitRecord | None:
    try:
        body = reading.get(commits.TABLE, key)
        return None if body is None else commits.decode(key, body)
    except DAMAGE:
        return None
