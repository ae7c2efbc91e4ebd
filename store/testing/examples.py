"""One of each record, with fixed values: what the format pages show and `tests/format/golden` pins."""

from __future__ import annotations

from dataclasses import replace

from blake3 import blake3

from store.engine.sums import Changes
from store.format import bundle, chunklist, node, sealed, segment, tables
from store.format import commit as commits
from store.format.chunklist import Piece
from store.format.tables import BRANCH, DraftNote, Header, PinBody, RefBody, RepoBody, Sums
from store.ids import CommitId, ObjectId
from store.records import CommitRecord, Entry, Provenance

NOON = 1469966400_000000000
"""2016-07-31T12:00 UTC, in ns since 1970."""
HELLO, TABLE = b"hello, /pfs\n", b"date,trips\n"
CAUSE = CommitId.parse("00112233445566778899aabbccddeeff")
RESULT = CommitId.parse("ffeeddccbbaa99887766554433221100")

HEADER = Header(1, NOON, bytes(range(16)))
FILE = Entry(b"7-31-16", 0o100644, NOON, 12, ObjectId.of(HELLO))
EMPTY = Entry(b"empty", 0o040755, NOON, 0, files=0, digest=Entry(b"", 0o040755, 0, 0, files=0).identity())
LINK = Entry(b"latest", 0o120777, NOON, 7, target=b"7-31-16")
LEAF = [FILE, EMPTY, LINK]
CHILD_ID = ObjectId.of(node.encode(0, LEAF))
CHILD = node.summary(0, LEAF, CHILD_ID)
PIECES = [Piece(ObjectId.of(HELLO), 12), Piece(ObjectId.of(TABLE), 11)]
ROOT = Entry(b"", 0o040755, NOON, CHILD.size, CHILD.id, 0, CHILD.files, CHILD.digest)
FIRST = CommitRecord(
    id=CommitId((1).to_bytes(16, "big")),
    repo="trips",
    branch="master",
    depth=1,
    parent=None,
    jump=None,
    tree=Entry(b"", 0o040755, 0, 0),
    started_ns=0,
    finished_ns=10,
    author="",
    message="",
    provenance=(),
    origin="user",
    state="finished",
    reason="",
    digest=b"",
)
"""A commit without a parent, on no chain: for tests that look at ancestry alone to begin from."""
_UNCHAINED = replace(
    FIRST,
    id=RESULT,
    repo="sales",
    tree=ROOT,
    started_ns=NOON,
    finished_ns=NOON + 1,
    author="ada",
    message="31 July",
    provenance=(Provenance("trips", "master", CAUSE),),
    origin="pipeline",
)
COMMIT = replace(_UNCHAINED, digest=commits.chained(_UNCHAINED, b""))


def records() -> dict[str, bytes]:
    """The bytes of each example, by its name on the pages and in `tests/format/golden`."""
    objects = [(ObjectId.of(plain), plain) for plain in (HELLO, TABLE)]
    return {
        "sealed": sealed.seal(b"shelves", b"notes\0today", b"rain\n"),
        "segment": segment.encode(objects, 3),
        "place": segment.encode_place(segment.Place(7, 12, 11)),
        "node-leaf": node.encode(0, LEAF),
        "node-inner": node.encode(1, [CHILD]),
        "chunklist": chunklist.encode(1, PIECES),
        "commit-key": commits.key(RESULT, "sales"),
        "commit": commits.encode(COMMIT),
        "header": tables.encode(HEADER),
        "header-new": tables.encode(
            tables.with_features(Header(1, NOON, bytes(range(16)), tables.FINE), tables.FEATURES)
        ),
        "header-features": tables.encode(tables.with_features(HEADER, ["other", "example"])),
        "repo": tables.encode(RepoBody("rides of a day", "user", NOON)),
        "ref-key": tables.ref_key("sales", BRANCH, "master"),
        "ref": tables.encode(RefBody(bytes(RESULT))),
        "log-key": tables.log_key("sales", NOON + 1, RESULT),
        "downstream-key": tables.downstream_key((CAUSE, "trips"), (RESULT, "sales")),
        "bundle": a_bundle(),
        "pin": tables.encode(PinBody(ROOT, b"note")),
        "draft-key": tables.draft_key("trips", "dev"),
        "draft": tables.encode(DraftNote(bytes(CAUSE), NOON)),
        "sums": tables.encode(a_sum()),
    }


def a_sum() -> Sums:
    """Of a store with the branch `master` of `sales`, and one record on a shelf."""
    ref = tables.encode(RefBody(bytes(RESULT)))
    changes = Changes()
    changes.note(b"refs", None, sealed.seal(b"refs", tables.ref_key("sales", BRANCH, "master"), ref))
    changes.note(b"shelves", None, sealed.seal(b"shelves", b"notes\0today", b"rain\n"))
    return changes.applied(Sums())


def a_bundle() -> bytes:
    """The bundle of the commit `sales@ffee…`, of which `master` is the only branch."""
    segments = segment.encode([(ObjectId.of(HELLO), HELLO), (CHILD_ID, node.encode(0, LEAF))], 3)
    header = bundle.BundleHeader(
        format=1,
        created_ns=NOON,
        chunker=Header(1, 0, b"").chunker,
        features=(),
        repos=(bundle.BundledRepo("sales", "", "pipeline", NOON, "master"),),
        refs=(bundle.BundledRef("sales", bundle.BRANCH, "master", bytes(RESULT)),),
        needs=(),
        commits=1,
        objects=2,
        size=len(HELLO) + len(node.encode(0, LEAF)),
    )
    bodies = [
        (bundle.HEAD, bundle.encode(header)),
        (bundle.COMMIT, bundle.encode(bundle.BundledCommit("sales", bytes(RESULT), commits.encode(COMMIT)))),
        (bundle.SEGMENT, segments),
    ]
    made = bundle.MAGIC
    for number, (kind, body) in enumerate(bodies):
        made += bundle.record(kind, number, body)
    return made + bundle.record(bundle.DONE, len(bodies), blake3(made).digest())


def identities() -> dict[str, ObjectId]:
    """The ids of those examples that are objects."""
    made = records()
    return {name: ObjectId.of(made[name]) for name in ("node-leaf", "node-inner", "chunklist")}
