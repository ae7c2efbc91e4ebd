"""Every invariant of the format pages, checked on a whole store: what must hold after each step of any test.

The numbers are those of the pages beside `store/format`. Everything is read in one transaction, each object once.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from store import history, names, tree
from store.contents import ListWriter, iter_chunks
from store.engine import Environment, Reading, Refs
from store.engine.env import OBJECTS, SEGMENTS, TABLES
from store.errors import BadName, Corrupt
from store.format import chunklist, node, segment, tables
from store.format import commit as commits
from store.format.tables import BRANCH, DOWNSTREAM, FORMAT, HEADER_KEY, LOG, META, PINS, TAG
from store.ids import CommitId, ObjectId
from store.records import CommitRecord, Entry
from store.store import Store


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that does not hold."""

    invariant: str
    """Its number on the format pages; "" for bytes that cannot be read at all."""
    record: str
    why: str


def assert_sound(opened: Store) -> None:
    """Raise AssertionError with everything that is wrong with the store."""
    found = list(iter_violations(opened._env))
    assert not found, "\n".join(f"{one.invariant} {one.record}: {one.why}" for one in found)


def iter_violations(env: Environment) -> Iterator[Violation]:
    """All violations, in no particular order. A damaged record hides what lies behind it."""
    with env.read() as reading:
        try:
            yield from _iter_seals(reading)
            yield from _iter_segments(reading)
            yield from _iter_tables(reading)
            yield from _Histories(reading).iter_violations()
        except Corrupt as error:
            yield Violation("", error.record, error.why)


def _iter_seals(reading: Reading) -> Iterator[Violation]:
    for table in TABLES:
        for key, _ in () if table in (OBJECTS, SEGMENTS) else reading.iter_raw(table):
            try:
                reading.get(table, key)
            except Corrupt as error:
                yield Violation("I1", error.record, error.why)


def _iter_segments(reading: Reading) -> Iterator[Violation]:
    places = {ObjectId(key): segment.decode_place(value) for key, value in reading.iter_raw(OBJECTS)}
    lying: dict[tuple[int, int], tuple[ObjectId, int]] = {}
    for key, record in reading.iter_raw(SEGMENTS):
        number, offset, payload = int.from_bytes(key, "big"), 0, segment.decode(record)
        for name, length in segment.rows(record):
            lying[number, offset] = (name, length)
            if ObjectId.of(bytes(payload[offset : offset + length])) != name:
                yield Violation("I2", f"object {name}", f"other bytes in segment {number}")
            offset += length
        if offset != len(payload):
            yield Violation("I4", f"segment {number}", "its rows do not add up to its payload")
    for name, place in places.items():
        if lying.get((place.segment, place.offset)) != (name, place.length):
            yield Violation("I3", f"object {name}", f"segment {place.segment} does not hold it there")


def _iter_tables(reading: Reading) -> Iterator[Violation]:
    header = reading.get(META, HEADER_KEY)
    if header is None or tables.decode(tables.Header, header).format != FORMAT:
        yield Violation("I16", "header", "there is none of this format")
    refs = Refs(reading)
    repos = dict(refs.iter_repos())
    for repo, body in repos.items():
        branches, tags = dict(refs.iter_refs(repo, BRANCH)), dict(refs.iter_refs(repo, TAG))
        if body.default_branch not in branches:
            yield Violation("I18", f"repo {repo}", "its default branch is missing")
        for name, head in [*branches.items(), *tags.items()]:
            there = None if head is None else refs.find_commit(repo, head)
            if head is not None and there is None:
                yield Violation("I17", f"{repo}@{name}", f"there is no commit {head}")
            if name in branches and there is not None and there.state != "finished":
                yield Violation("I17", f"{repo}@{name}", "its head is a failed commit")
        if both := branches.keys() & tags.keys():
            yield Violation("I17", f"{repo}@{min(both)}", "it is a branch and a tag")
    for key, _ in reading.iter_raw(tables.REFS):
        if key.split(b"\0")[0].decode() not in repos:
            yield Violation("I18", f"ref {key!r}", "its repo does not exist")


class _Histories:
    """Checks commits, pins and everything they lead to."""

    def __init__(self, reading: Reading) -> None:
        self._reading, self._refs = reading, Refs(reading)
        self._checked: set[bytes] = set()

    def iter_violations(self) -> Iterator[Violation]:
        """All there are."""
        found = [self._refs.get_link(repo, name) for name, repo in self._refs.iter_commit_set(b"")]
        for record in found:
            yield from self._iter_commit(record)
            yield from self._iter_entry(f"{record.repo}@{record.id.short()}:", record.tree)
        yield from self._iter_indexes(found)
        for key, body in self._reading.iter(PINS):
            yield from self._iter_entry(f"pin {key!r}:", tables.decode(tables.PinBody, body).tree)

    def _iter_commit(self, record: CommitRecord) -> Iterator[Violation]:
        what = f"commit {record.repo}@{record.id}"
        if self._refs.find_repo(record.repo) is None:
            yield Violation("I18", what, "its repo does not exist")

        def load(commit: CommitId) -> CommitRecord:
            return self._refs.get_link(record.repo, commit)

        parent = None if record.parent is None else load(record.parent)
        if record.depth != (1 if parent is None else parent.depth + 1):
            yield Violation("I10", what, f"its depth is {record.depth}")
        if record.jump != (None if parent is None else history.jump_of(load, parent)):
            yield Violation("I11", what, f"its jump is {record.jump}")
        if parent is not None and record.finished_ns <= parent.finished_ns:
            yield Violation("I12", what, "it is not later than its parent")
        if record.digest != commits.chained(record, b"" if parent is None else parent.digest):
            yield Violation("I13", what, "its digest does not follow from what it says")

    def _iter_indexes(self, found: list[CommitRecord]) -> Iterator[Violation]:
        lines = {tables.log_key(record.repo, record.finished_ns, record.id) for record in found}
        for key in lines ^ {key for key, _ in self._reading.iter_raw(LOG)}:
            yield Violation("I14", f"log line {key!r}", "the log and the commits differ")
        links = {
            tables.downstream_key((source.commit, source.repo), (record.id, record.repo))
            for record in found
            for source in record.provenance
        }
        for key in links ^ {key for key, _ in self._reading.iter_raw(DOWNSTREAM)}:
            yield Violation("I15", f"downstream {key!r}", "the table and the commits' provenance differ")

    def _iter_entry(self, where: str, entry: Entry) -> Iterator[Violation]:
        """What is wrong with `entry` and everything below."""
        name = where + "/" + entry.name.decode("utf-8", "backslashreplace")
        identity = (
            b"" if entry.content is None else entry.content + stat.S_IFMT(entry.mode).to_bytes(4, "big")
        )
        if entry.is_dir:
            listed = list(tree.iter_entries(self._load_node, _id(entry)))
            root = tree.Root(
                _id(entry), entry.height, len(listed), entry.files, entry.size, entry.digest or b""
            )
            if tree.build(listed, ObjectId.of) != root:
                yield Violation("I8", name, "its nodes or totals are not what its entries make")
            yield from self._iter_names(name, [below.name for below in listed])
            if identity not in self._checked:
                self._checked.add(identity)
                for below in listed:
                    yield from self._iter_entry(name, below)
        elif entry.is_file:
            lists = ListWriter(ObjectId.of)
            for chunk, size in iter_chunks(self._load_list, entry):
                if len(self._object(chunk)) != size:
                    yield Violation("I5", name, f"chunk {chunk} does not have {size} bytes")
                lists.push(chunk, size)
            if (*lists.finish(), lists.size) != (_id(entry), entry.height, entry.size):
                yield Violation("I6", name, "its lists or size are not what its chunks make")
        elif not entry.is_symlink or entry.target is None or entry.size != len(entry.target):
            yield Violation("I9", name, "it is neither a file nor a directory nor a whole symlink")
        if not entry.is_dir and entry.files != 1:
            yield Violation("I9", name, f"it counts as {entry.files} files")

    @staticmethod
    def _iter_names(where: str, listed: list[bytes]) -> Iterator[Violation]:
        if listed != sorted(set(listed)):
            yield Violation("I7", where, "its names are not in order, each once")
        for name in listed:
            try:
                names.file(name)
            except BadName as error:
                yield Violation("I7", where, str(error))

    def _load_node(self, name: ObjectId) -> node.Node:
        return node.decode(self._object(name))

    def _load_list(self, name: ObjectId) -> chunklist.ChunkList:
        return chunklist.decode(self._object(name))

    def _object(self, name: ObjectId) -> bytes:
        value = self._reading.get_raw(OBJECTS, name)
        if value is None:
            raise Corrupt(f"object {name}", "it is missing")
        place = segment.decode_place(value)
        record = self._reading.get_raw(SEGMENTS, place.segment.to_bytes(8, "big"))
        if record is None:
            raise Corrupt(f"object {name}", f"segment {place.segment} is missing")
        plain = bytes(segment.decode(record)[place.offset : place.offset + place.length])
        if ObjectId.of(plain) != name:
            raise Corrupt(f"object {name}", "its bytes are not what its id says")
        return plain


def _id(entry: Entry) -> ObjectId | None:
    return None if entry.content is None else ObjectId(entry.content)
