"""What a bundle has to hold: everything that its refs lead to and the receiver does not have.

Pure but for reading the store: no side is asked anything. What the receiver has is what `since` says: those commits,
all before them, and all that these lead to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from store import history
from store.engine import Reading, Refs
from store.engine.marks import Marks
from store.engine.objects import read_object
from store.engine.txn import OBJECTS
from store.errors import Corrupt
from store.format.bundle import BundledRef, Need
from store.format.segment import PLACE, decode_place
from store.ids import CommitId, ObjectId
from store.reach import Role, visit
from store.records import CommitRecord

Named = tuple[str, CommitId]
"""A commit: its repo and its id."""
SENT, HAD = 64, 8
"""In an object's marks: that it goes into the bundle; what a role's bit is multiplied by when the receiver has it."""


@dataclass(frozen=True, slots=True)
class BundlePlan:
    """What a bundle will hold."""

    refs: tuple[BundledRef, ...]
    needs: tuple[Need, ...]
    """The commits of `since`."""
    commits: tuple[Named, ...]
    """Parents before children."""
    objects: int
    size: int
    """Bytes of the objects, before compression."""
    places: tuple[bytes, ...]
    """For each object its place and its id, in the order of places."""


def missing(reading: Reading, refs: Sequence[BundledRef], since: Sequence[Named]) -> BundlePlan:
    """What has to be sent so that a receiver that has `since` has `refs`. Raises CommitNotFound, Corrupt."""
    look = Refs(reading)
    needs = tuple(Need(repo, bytes(commit), look.get_commit(repo, commit).digest) for repo, commit in since)
    had = _closure(look, since, set())
    wanted = [(ref.repo, CommitId(ref.commit)) for ref in refs if ref.commit is not None]
    new = _closure(look, wanted, had.keys())
    marks = Marks(reading)
    for record in _records(look, had):
        _mark(reading, marks, record, HAD)
    commits = [name for name, _ in sorted(new.items(), key=lambda item: (item[1], item[0]))]
    for record in _records(look, commits):
        _mark(reading, marks, record, 1)
    places = sorted(_places(reading, marks))
    size = sum(decode_place(place[: PLACE.size]).length for place in places)
    return BundlePlan(tuple(refs), needs, tuple(commits), len(places), size, tuple(places))


def _closure(refs: Refs, starts: Iterable[Named], stop: Iterable[Named]) -> dict[Named, int]:
    """The commits that `starts` and their histories are made of, merged ones included, and their depths; those of
    `stop` left out.
    """
    known = set(stop)
    found: dict[Named, int] = {}
    todo = list(starts)
    while todo:
        name = todo.pop()
        if name in known or name in found:
            continue
        repo, commit = name
        record = refs.get_link(repo, commit)
        found[name] = record.depth
        if record.parent is not None:
            todo.append((repo, record.parent))
        # What was merged may be gone: provenance outlives its commits.
        todo += [(repo, each) for each in history.merged(record) if refs.find_commit(repo, each) is not None]
    return found


def _records(refs: Refs, names: Iterable[Named]) -> Iterator[CommitRecord]:
    return (refs.get_link(repo, commit) for repo, commit in names)


def _mark(reading: Reading, marks: Marks, record: CommitRecord, unit: int) -> None:
    """Note everything that the commit leads to, as had or as sent."""

    def enter(name: ObjectId, role: Role) -> bool:
        before = marks.get(name)
        if before & role * HAD:
            return False
        fresh = marks.add(name, role * unit)
        if fresh is None:
            raise Corrupt(f"object {name}", "it is missing")
        if unit != HAD and not before & 7 * HAD:
            marks.add(name, SENT)
        return fresh

    visit(record.tree, lambda name: read_object(reading, name), enter)


def _places(reading: Reading, marks: Marks) -> Iterator[bytes]:
    for name in marks.iter_with(SENT):
        value = reading.get_raw(OBJECTS, name)
        if value is None or len(value) != PLACE.size:
            raise Corrupt(f"object {name}", "its place cannot be read")
        yield bytes(value) + name
