"""The small tables: header, repos, branches and tags, the log, provenance, pins, shelves.    store/format/tables.md

table        key                                             value (all sealed; bodies are msgpack)
meta         b"header"                                       [format, created_ns, store id, chunker, features]
             b"sums"                                         the sums of repos, refs, pins, shelves
repos        name                                            [description, origin, created_ns, default branch]
refs         repo, NUL, b"b" or b"t", NUL, name               [commit id or nil]
log          repo, NUL, finished_ns (u64be), commit id        nothing: every commit of a repo in order of time
downstream   commit id, repo, NUL, commit id, repo            nothing: the second was computed from the first
pins         name                                            [tree entry, note]
             b"draft/", repo, b"@", branch: a draft          [tree entry, [base or nil, changed_ns]]
shelves      shelf, NUL, key                                  the program's own bytes
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from store.errors import Corrupt
from store.ids import CommitId
from store.records import Entry

PLAIN, FORMAT = 1, 2
"""The format of a store without features, which this version writes; and the newest it reads, where there are some."""
Cutting = tuple[str, int, int, int]
"""How files are cut: algorithm, minimum, average and maximum chunk in bytes."""
COARSE: Cutting = ("fastcdc-2020", 16 << 10, 64 << 10, 256 << 10)
"""Of every store of format 1."""
FINE: Cutting = ("fastcdc-2020-nc2", 8 << 10, 32 << 10, 128 << 10)
"""Of stores made from now on. A store keeps the way it was made with, or files put again would be stored again."""
FINE_CHUNKS = "fine-chunks"
SUMS = "sums"
FEATURES: dict[str, str] = {
    FINE_CHUNKS: "files are cut into chunks of 32 KiB, not 64",
    SUMS: "a sum is kept of each table whose records change in place",
}
"""What a store may have that format 1 did not, by name, with what it means; all that this version understands. A reader
refuses a store with any other.
"""

OF_CONTENTS = frozenset({FINE_CHUNKS})
"""Those of them that say what commits hold. A bundle names these; the others end with the store."""

META, REPOS, REFS, LOG = b"meta", b"repos", b"refs", b"log"
DOWNSTREAM, PINS, SHELVES = b"downstream", b"pins", b"shelves"
HEADER_KEY, SUMS_KEY = b"header", b"sums"
BRANCH, TAG = b"b", b"t"
DRAFTS = b"draft/"
"""What the names of those pins begin with that are drafts."""


class Header(msgspec.Struct, frozen=True, array_like=True):
    """What a store says about itself."""

    format: int
    created_ns: int
    id: bytes
    """16 random bytes that name the store."""
    chunker: Cutting = COARSE
    """All files of a store are cut alike."""
    features: tuple[str, ...] = ()
    """In order; not written where there are none."""


class RepoBody(msgspec.Struct, frozen=True, array_like=True):
    """What is kept about a repo."""

    description: str
    origin: str
    created_ns: int
    default_branch: str = "master"


class RefBody(msgspec.Struct, frozen=True, array_like=True):
    """Where a branch or a tag points."""

    commit: bytes | None


class PinBody(msgspec.Struct, frozen=True, array_like=True):
    """What a pin holds."""

    tree: Entry
    note: bytes


class DraftNote(msgspec.Struct, frozen=True, array_like=True):
    """The note of a pin that is a branch's draft; its tree is the draft's."""

    base: bytes | None
    changed_ns: int


class Sums(msgspec.Struct, frozen=True, array_like=True):
    """Of each table whose records change in place: the sum of the seals of its records, modulo 2^64."""

    repos: int = 0
    refs: int = 0
    pins: int = 0
    shelves: int = 0


Body = TypeVar("Body", Header, RepoBody, RefBody, PinBody, DraftNote, Sums)

_encode = msgspec.msgpack.Encoder(enc_hook=bytes).encode  # ids are bytes to the format


def encode(body: msgspec.Struct) -> bytes:
    """The body of a record's value."""
    if isinstance(body, Header) and not body.features:
        return _encode(msgspec.structs.astuple(body)[:-1])  # format 1, byte for byte
    return _encode(body)


def decode(kind: type[Body], body: bytes) -> Body:
    """The record of `kind` with this body. Raises only Corrupt."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Corrupt(f"{kind.__name__} record", str(error)) from None


def new_header() -> Header:
    """That of a store that is made now."""
    return with_features(Header(PLAIN, time.time_ns(), os.urandom(16), FINE), [FINE_CHUNKS, SUMS])


def with_features(header: Header, added: Iterable[str]) -> Header:
    """The header of the same store with these features too. A reader that knows no features refuses its format."""
    features = tuple(sorted({*header.features, *added}))
    return msgspec.structs.replace(header, format=FORMAT if features else header.format, features=features)


def ref_key(repo: str, kind: bytes, name: str) -> bytes:
    """The key of a branch or tag; with name "" the prefix of all of that kind."""
    return b"\0".join((repo.encode(), kind, name.encode()))


def draft_key(repo: str, branch: str = "") -> bytes:
    """The name of the pin that is a branch's draft; with branch "" the prefix of all of that repo."""
    return DRAFTS + repo.encode() + b"@" + branch.encode()


def split_draft_key(key: bytes) -> tuple[str, str]:
    """The repo and the branch of a draft's name. Raises only Corrupt."""
    repo, at, branch = key.removeprefix(DRAFTS).partition(b"@")
    if not (at and key.startswith(DRAFTS) and repo.isascii() and branch.isascii()):
        raise Corrupt(f"draft {key!r}", "it is of no branch")
    return repo.decode(), branch.decode()


def log_key(repo: str, finished_ns: int, commit: CommitId) -> bytes:
    """The key of a commit in its repo's log."""
    return repo.encode() + b"\0" + finished_ns.to_bytes(8, "big") + commit


def downstream_key(source: tuple[CommitId, str], result: tuple[CommitId, str] | None = None) -> bytes:
    """The key that says `result` was computed from `source`; without `result` the prefix of all such."""
    prefix = source[0] + source[1].encode() + b"\0"
    return prefix if result is None else prefix + result[0] + result[1].encode()
