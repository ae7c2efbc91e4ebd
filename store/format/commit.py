"""Commit records.        store/format/commit.md

Table `commits`, key: commit id (16 bytes), then the repo's name. A sealed value; its body is msgpack of

    [branch, depth, parent, jump, tree, started_ns, finished_ns, author, message,
     [[repo, branch, commit id]...], origin, state, reason, digest]

The digest covers the key, every field before it and the parent's digest.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from store.errors import Corrupt
from store.ids import CommitId, digest
from store.records import CommitRecord, Entry, Provenance

TABLE = b"commits"


class _Body(msgspec.Struct, frozen=True, array_like=True):
    branch: str
    depth: int
    parent: bytes | None
    jump: bytes | None
    tree: Entry
    started_ns: int
    finished_ns: int
    author: str
    message: str
    provenance: list[tuple[str, str, bytes]]
    origin: str
    state: str
    reason: str
    digest: bytes


USUAL = 1024
"""Bytes of a body that is worth remembering; some have long messages, or thousands of commits in their provenance."""
REMEMBERED = 1024
"""Commits, about 2 MB."""

_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format
_decode = msgspec.msgpack.Decoder(_Body).decode


def key(commit: CommitId, repo: str) -> bytes:
    """Where the commit of `repo` with this id is kept; the commits of one id lie together."""
    return bytes(commit) + repo.encode()


def split_key(raw: bytes) -> tuple[CommitId, str]:
    """The id and the repo of a key. Raises only Corrupt."""
    try:
        return CommitId(raw[:16]), raw[16:].decode()
    except UnicodeDecodeError as error:
        raise Corrupt(f"commit {raw[:16].hex()}", str(error)) from None


def encode(record: CommitRecord) -> bytes:
    """The body of `record`'s value."""
    return _encode(_body(record, record.digest))


def decode(raw_key: bytes, body: bytes) -> CommitRecord:
    """The commit with this key and body. Raises only Corrupt."""
    # Walks along a line come by the same few commits again and again: 11 of the 25 us that each step takes.
    return _remembered(raw_key, body) if len(body) <= USUAL else _decoded(raw_key, body)


def _decoded(raw_key: bytes, body: bytes) -> CommitRecord:
    try:
        found = _decode(body)
        commit, repo = split_key(raw_key)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Corrupt(f"commit {raw_key[:16].hex()}", str(error)) from None
    return CommitRecord(
        id=commit,
        repo=repo,
        branch=found.branch,
        depth=found.depth,
        parent=None if found.parent is None else CommitId(found.parent),
        jump=None if found.jump is None else CommitId(found.jump),
        tree=found.tree,
        started_ns=found.started_ns,
        finished_ns=found.finished_ns,
        author=found.author,
        message=found.message,
        provenance=tuple(Provenance(repo, branch, CommitId(name)) for repo, branch, name in found.provenance),
        origin=found.origin,
        state=found.state,
        reason=found.reason,
        digest=found.digest,
    )


_remembered = lru_cache(REMEMBERED)(_decoded)


def chained(record: CommitRecord, parent_digest: bytes) -> bytes:
    """The digest that `record` must carry, given its parent's (b"" without a parent)."""
    return digest(key(record.id, record.repo), _encode(_body(record, b"")), parent_digest)


def _body(record: CommitRecord, chain: bytes) -> _Body:
    return _Body(
        record.branch,
        record.depth,
        None if record.parent is None else bytes(record.parent),
        None if record.jump is None else bytes(record.jump),
        record.tree,
        record.started_ns,
        record.finished_ns,
        record.author,
        record.message,
        [(source.repo, source.branch, bytes(source.commit)) for source in record.provenance],
        record.origin,
        record.state,
        record.reason,
        chain,
    )
