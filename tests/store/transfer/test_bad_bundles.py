"""A bundle that is damaged, cut short or hostile imports nothing, and says which record it is."""

from __future__ import annotations

import io
import tracemalloc
from dataclasses import replace

import msgspec
import pytest
import zstandard
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

import store
from store.format import bundle, chunklist, node, segment
from store.format import commit as commits
from store.format.chunklist import Piece
from store.format.tables import Header
from store.ids import CommitId, ObjectId
from store.records import EMPTY_DIRECTORY, CommitRecord, Entry, Provenance

NOON = 1469966400_000000000


def forge(*bodies: tuple[bytes, bytes]) -> bytes:
    """A bundle of these records, sealed and with its digest."""
    made = bundle.MAGIC
    for number, (kind, body) in enumerate(bodies):
        made += bundle.record(kind, number, body)
    return made + bundle.record(bundle.DONE, len(bodies), blake3(made).digest())


def file(name: bytes = b"a", content: bytes = b"1", **changes: object) -> Entry:
    entry = Entry(name, 0o100644, NOON, len(content), ObjectId.of(content))
    return msgspec.structs.replace(entry, **changes)


def directory(name: bytes, *entries: Entry) -> tuple[Entry, bytes]:
    """A directory's entry, and its one node."""
    plain = node.encode(0, list(entries))
    made = node.summary(0, list(entries), ObjectId.of(plain))
    return Entry(name, 0o040755, NOON, made.size, made.id, 0, made.files, made.digest), plain


def record(
    tree: Entry, number: int = 1, parent: CommitRecord | None = None, **changes: object
) -> CommitRecord:
    made = CommitRecord(
        id=CommitId(bytes([number]) * 16),
        repo="trips",
        branch="master",
        depth=1 if parent is None else parent.depth + 1,
        parent=None if parent is None else parent.id,
        jump=None if parent is None else parent.id,
        tree=tree,
        started_ns=NOON,
        finished_ns=NOON + number,
        author="ada",
        message="",
        provenance=(),
        origin="user",
        state="finished",
        reason="",
        digest=b"",
    )
    made = replace(made, **changes)
    if "digest" in changes:
        return made
    return replace(made, digest=commits.chained(made, b"" if parent is None else parent.digest))


def sent(*records: CommitRecord, plains: list[bytes], **changes: object) -> bytes:
    """The bundle of these commits and objects, `master` at the last, with a header in which some things are changed."""
    header = bundle.BundleHeader(
        format=1,
        created_ns=NOON,
        chunker=Header(1, 0, b"").chunker,
        features=(),
        repos=(bundle.BundledRepo("trips", "", "user", NOON, "master"),),
        refs=(bundle.BundledRef("trips", bundle.BRANCH, "master", bytes(records[-1].id)),),
        needs=(),
        commits=len(records),
        objects=len(plains),
        size=sum(map(len, plains)),
    )
    lines = [
        (bundle.COMMIT, bundle.encode(bundle.BundledCommit(one.repo, bytes(one.id), commits.encode(one))))
        for one in records
    ]
    rows = [(ObjectId.of(plain), plain) for plain in plains]
    return forge(
        (bundle.HEAD, bundle.encode(msgspec.structs.replace(header, **changes))),
        *lines,
        *([(bundle.SEGMENT, segment.encode(rows, 3))] if rows else []),
    )


def refused(there: store.Store, raw: bytes, **options: object) -> str:
    """Import it, which must change nothing; what is said."""
    with pytest.raises(store.StoreError) as said:
        there.import_bundle(io.BytesIO(raw), **options)  # type: ignore[arg-type]
    assert isinstance(said.value, store.BadBundle | store.Refused), said.value
    assert str(said.value).isprintable() and said.value.__cause__ is None
    assert there.repos() == [] and there.check(read_data=True).sound
    return str(said.value)


ROOT, LEAF = directory(b"", file())
SOUND = sent(record(ROOT), plains=[LEAF, b"1"])


def test_what_the_other_tests_change_is_sound(there):
    there.import_bundle(io.BytesIO(SOUND))
    assert there.repo("trips").head().read("a") == b"1" and there.check(read_data=True).sound


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_no_flipped_bit_anywhere_gets_in(there, flip):
    for at in range(len(SOUND)):
        raw = bytearray(SOUND)
        raw[at] ^= flip
        with pytest.raises((store.BadBundle, store.Refused)):
            there.import_bundle(io.BytesIO(bytes(raw)))
        with pytest.raises((store.BadBundle, store.Refused)):
            store.verify_bundle(io.BytesIO(bytes(raw)))
    assert there.repos() == [] and there.check().sound


def test_nothing_that_was_cut_short_gets_in(there):
    for size in range(len(SOUND)):
        with pytest.raises(store.BadBundle):
            there.import_bundle(io.BytesIO(SOUND[:size]))
    refused(there, SOUND + b"x")


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda raw: SOUND[: len(raw)] + raw))
def test_bytes_of_any_kind_are_refused(raw):
    with pytest.raises(store.BadBundle):
        store.verify_bundle(io.BytesIO(raw))


@given(st.lists(st.sampled_from(range(4)), max_size=6))
def test_records_in_any_other_order_are_refused(order):
    bodies = [(bundle.HEAD, b""), (bundle.COMMIT, b""), (bundle.SEGMENT, b""), (bundle.DONE, b"")]
    with pytest.raises(store.BadBundle):
        store.verify_bundle(io.BytesIO(forge(*(bodies[each] for each in order))))


def test_records_of_one_bundle_do_not_fit_into_another(there):
    first, second = sent(record(ROOT), plains=[LEAF, b"1"]), sent(record(ROOT, 2), plains=[LEAF, b"1"])
    at = first.index(b"SEGM")
    refused(there, first[:at] + second[at:])


@pytest.mark.parametrize("length", [0xFFFFFFFF, bundle.MAX_BODY, bundle.MAX_BODY + 1])
def test_a_record_that_announces_more_than_there_is_takes_no_memory(there, length):
    raw = bundle.MAGIC + bundle.RECORD.pack(bundle.HEAD, length, bytes(8)) + bytes(100)
    tracemalloc.start()
    try:
        refused(there, raw)
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


def bomb(announced: int, real: int, rows: int) -> bytes:
    head = segment.HEADER.pack(segment.MAGIC, segment.ZSTD, rows, announced)
    body = zstandard.ZstdCompressor().compress(bytes(real))
    return head + segment.ROW.pack(bytes(32), announced // max(rows, 1)) * rows + body


SEGMENTS = {
    "more rows than there are": segment.HEADER.pack(segment.MAGIC, 0, 0xFFFFFFFF, 0),
    "a row of nothing": segment.HEADER.pack(segment.MAGIC, 0, 1, 0) + segment.ROW.pack(bytes(32), 0),
    "no segment": b"hello",
    "a codec of its own": segment.HEADER.pack(segment.MAGIC, 7, 0, 0),
    "more than it announces": bomb(100, 10_000_000, 1),
    "more than the bundle announces": bomb(60 << 20, 60 << 20, 1),
    "a frame without an end": bomb(100_000, 100_000, 1)[:-3],
}


@pytest.mark.parametrize("what", SEGMENTS)
def test_a_segment_that_cannot_be_is_refused_by_its_record(there, what):
    raw = sent(record(ROOT), plains=[LEAF, b"1"])
    head = raw[8 : raw.index(b"SEGM")]
    bodies = []
    while head:
        kind, length, _ = bundle.RECORD.unpack(head[:16])
        bodies.append((kind, head[16 : 16 + length]))
        head = head[16 + length :]
    assert "record 2" in refused(there, forge(*bodies, (bundle.SEGMENT, SEGMENTS[what])))


def tree_of(*entries: Entry) -> tuple[CommitRecord, list[bytes]]:
    root, leaf = directory(b"", *entries)
    return record(root), [leaf, b"1"]


def lists(*pieces: Piece, level: int = 1) -> tuple[bytes, int]:
    return chunklist.encode(level, list(pieces)), sum(piece.size for piece in pieces)


ONE = ObjectId.of(b"1")
SHORT_LIST, _ = lists(Piece(ONE, 1), Piece(ONE, 1))
SUB, SUBLEAF = directory(b"sub", file())
TREES = {
    "..": tree_of(file(b"..")),
    "a slash in a name": tree_of(file(b"a/b")),
    "a NUL in a name": tree_of(file(b"a\0")),
    "an empty name": tree_of(file(b"")),
    "a name of 256 bytes": tree_of(file(b"n" * 256)),
    "names out of order": tree_of(file(b"b"), file(b"a")),
    "a name twice": tree_of(file(b"a"), file(b"a")),
    "a chunk that is not there": tree_of(file(content=b"22")),
    "a size that is not the chunk's": tree_of(file(size=2)),
    "a size of nothing": tree_of(Entry(b"a", 0o100644, NOON, 5)),
    "a negative size": tree_of(file(size=-1)),
    "a device": tree_of(file(mode=0o020644)),
    "a symlink without target": tree_of(Entry(b"l", 0o120777, NOON, 3)),
    "a file that is many": tree_of(file(files=7)),
    "a node that is a chunk": tree_of(file(), Entry(b"d", 0o040755, NOON, 1, ONE, 0, 1, EMPTY_DIRECTORY)),
    "a directory that says it is empty": tree_of(msgspec.structs.replace(SUB, digest=EMPTY_DIRECTORY)),
    "a directory with other totals": (
        record(directory(b"", msgspec.structs.replace(SUB, files=9))[0]),
        [directory(b"", msgspec.structs.replace(SUB, files=9))[1], SUBLEAF, b"1"],
    ),
    "a directory with another digest": (
        record(directory(b"", msgspec.structs.replace(SUB, digest=bytes(32)))[0]),
        [directory(b"", msgspec.structs.replace(SUB, digest=bytes(32)))[1], SUBLEAF, b"1"],
    ),
    "a directory without its node": (record(directory(b"", SUB)[0]), [directory(b"", SUB)[1], b"1"]),
    "a list with sizes of its own": (
        record(
            directory(
                b"", Entry(b"a", 0o100644, NOON, 6, ObjectId.of(lists(Piece(ONE, 3), Piece(ONE, 3))[0]), 1)
            )[0]
        ),
        [
            directory(
                b"", Entry(b"a", 0o100644, NOON, 6, ObjectId.of(lists(Piece(ONE, 3), Piece(ONE, 3))[0]), 1)
            )[1],
            lists(Piece(ONE, 3), Piece(ONE, 3))[0],
            b"1",
        ],
    ),
    "a file longer than its list": (
        record(directory(b"", Entry(b"a", 0o100644, NOON, 9, ObjectId.of(SHORT_LIST), 1))[0]),
        [directory(b"", Entry(b"a", 0o100644, NOON, 9, ObjectId.of(SHORT_LIST), 1))[1], SHORT_LIST, b"1"],
    ),
    "a root that is a file": (record(file(b"")), [b"1"]),
    "a root with a name": (record(directory(b"x", file())[0]), [LEAF, b"1"]),
    "no root node": (record(ROOT), [b"1"]),
}


@pytest.mark.parametrize("what", TREES)
def test_a_tree_that_is_not_whole_is_refused_by_its_commit(there, what):
    made, objects = TREES[what]
    assert str(made.id) in refused(there, sent(made, plains=objects))


def test_a_tree_deeper_than_any_path_is_refused(there):
    entry, leaf = directory(b"d", file())
    objects = [leaf, b"1"]
    for level in range(300):
        entry, plain = directory(b"" if level == 299 else b"d", entry)
        objects.append(plain)
    assert "more than 255 names" in refused(there, sent(record(entry), plains=objects))


def test_a_bad_node_that_came_as_a_chunk_is_no_better_as_a_node(there):
    evil_root, evil = directory(b"", file(b".."))
    first, leaf = directory(b"", file(content=evil))
    there.import_bundle(io.BytesIO(sent(record(first), plains=[leaf, evil])))
    second = sent(record(evil_root, 2, record(first)), plains=[b"1"])
    with pytest.raises(store.BadBundle):
        there.import_bundle(io.BytesIO(second))
    assert there.repo("trips").head().depth == 1 and there.check(read_data=True).sound


PARENT = record(ROOT)
COMMITS = {
    "a digest of its own": [record(ROOT, digest=bytes(32))],
    "a depth of its own": [record(ROOT, depth=2)],
    "a parent that is nowhere": [record(ROOT, 2, PARENT)],
    "a parent that comes later": [record(ROOT, 2, PARENT), PARENT],
    "a jump to nowhere": [PARENT, record(ROOT, 2, PARENT, jump=CommitId(bytes(16)))],
    "no jump": [PARENT, record(ROOT, 2, PARENT, jump=None)],
    "a time before its parent's": [PARENT, record(ROOT, 2, PARENT, finished_ns=NOON)],
    "a time before 1970": [record(ROOT, finished_ns=-1)],
    "a time that no key holds": [record(ROOT, finished_ns=1 << 63)],
    "the digest of another history": [
        PARENT,
        replace(record(ROOT, 2), parent=PARENT.id, depth=2, jump=PARENT.id),
    ],
    "a branch that is a path": [record(ROOT, branch="../x")],
    "a repo that is a path": [record(ROOT, repo="..")],
    "a repo that is not announced": [record(ROOT, repo="sales")],
    "provenance in a path": [record(ROOT, provenance=(Provenance("a\0b", "m", CommitId(bytes(16))),))],
    "provenance in half an id": [record(ROOT, provenance=(Provenance("a", "m", CommitId(b"1")),))],
    "an origin of its own": [record(ROOT, origin="root")],
    "a state of its own": [record(ROOT, state="open")],
    "itself twice": [PARENT, PARENT],
    "a branch at a failed commit": [record(ROOT, state="failed", reason="rain")],
}


@pytest.mark.parametrize("what", COMMITS)
def test_a_commit_that_cannot_be_is_refused(there, what):
    refused(there, sent(*COMMITS[what], plains=[LEAF, b"1"]))


def ref(name: str = "master", kind: str = "b", commit: bytes | None = bytes([1]) * 16, repo: str = "trips"):
    return bundle.BundledRef(repo, kind, name, commit)


def repo(name: str = "trips", **changes: object) -> bundle.BundledRepo:
    return msgspec.structs.replace(bundle.BundledRepo(name, "", "user", NOON, "master"), **changes)


HEADERS = {
    "a newer format": {"format": 2},
    "a feature that nobody knows": {"features": ("x",)},
    "another chunker": {"chunker": ("other", 1, 2, 3)},
    "a repo that is a path": {"repos": (repo("../x"),)},
    "a repo twice": {"repos": (repo(), repo())},
    "a default branch that is a path": {"repos": (repo(default_branch="a/b"),)},
    "an origin of its own": {"repos": (repo(origin="root"),)},
    "a branch that is a path": {"refs": (ref("../x"),)},
    "a branch that hides": {"refs": (ref(".x"),)},
    "a branch like an option": {"refs": (ref("-x"),)},
    "a branch like an id": {"refs": (ref("0" * 32),)},
    "a tag that points to nothing": {"refs": (ref("t", "t", None),)},
    "a kind of its own": {"refs": (ref("x", "x"),)},
    "a bare commit with a name": {"refs": (ref("x", "c"),)},
    "half an id": {"refs": (ref(commit=b"1"),)},
    "a commit that is nowhere": {"refs": (ref(commit=bytes(16)),)},
    "a ref of no repo": {"refs": (ref(repo="sales"),)},
    "a branch and a tag of one name": {"refs": (ref("x"), ref("x", "t"))},
    "fewer commits": {"commits": 0},
    "more commits": {"commits": 9},
    "fewer objects": {"objects": 1},
    "more objects": {"objects": 9},
    "fewer bytes": {"size": 1},
}


@pytest.mark.parametrize("what", HEADERS)
def test_a_header_that_cannot_be_is_refused(there, what):
    refused(there, sent(record(ROOT), plains=[LEAF, b"1"], **HEADERS[what]))


def test_an_object_under_another_id_is_refused_by_that(there):
    rows = segment.ROW.pack(ObjectId.of(LEAF), len(LEAF)) + segment.ROW.pack(ONE, 1)
    body = segment.HEADER.pack(segment.MAGIC, segment.RAW, 2, len(LEAF) + 1) + rows + LEAF + b"2"
    good = segment.encode([(ObjectId.of(plain), plain) for plain in (LEAF, b"1")], 3)
    assert len(body) == len(good)
    raw = SOUND.replace(good, body)
    bodies, rest = [], raw[8:]
    while not rest.startswith(b"DONE"):
        kind, length, _ = bundle.RECORD.unpack(rest[:16])
        bodies.append((kind, rest[16 : 16 + length]))
        rest = rest[16 + length :]
    assert str(ONE) in refused(there, forge(*bodies))
    with pytest.raises(store.BadBundle, match=str(ONE)):
        store.verify_bundle(io.BytesIO(forge(*bodies)))


def test_another_commit_under_an_id_that_is_here_is_refused(there):
    there.import_bundle(io.BytesIO(SOUND))
    other = sent(record(ROOT, message="not the same"), plains=[LEAF, b"1"])
    for force in (False, True):
        with pytest.raises(store.Diverged, match="another commit has this id"):
            there.import_bundle(io.BytesIO(other), force=force)
    assert there.repo("trips").head().message == ""


def test_what_it_builds_on_must_be_the_very_commit(there):
    there.import_bundle(io.BytesIO(SOUND))
    child = record(ROOT, 2, PARENT)
    for digest, error in ((bytes(32), store.Diverged), (PARENT.digest, None)):
        raw = sent(child, plains=[], needs=(bundle.Need("trips", bytes(PARENT.id), digest),))
        if error is None:
            there.import_bundle(io.BytesIO(raw))
        else:
            with pytest.raises(error):
                there.import_bundle(io.BytesIO(raw))
    assert there.repo("trips").head().depth == 2
