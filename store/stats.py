"""How much is kept, and in how little: logical, unique and stored bytes."""

from __future__ import annotations

from dataclasses import dataclass

from store.engine import Environment, Reading, Refs
from store.engine.loader import Loader
from store.engine.marks import Marks
from store.engine.txn import OBJECTS, SEGMENTS
from store.format import segment
from store.format.tables import BRANCH
from store.ids import CommitId, ObjectId
from store.reach import Role, visit
from store.records import Entry


@dataclass(frozen=True, slots=True)
class RepoStats:
    """What one repo holds."""

    repo: str
    commits: int
    """Failed ones too."""
    files: int
    """Files and symlinks at the head of the default branch."""
    head: int
    """Their bytes."""
    logical: int
    """Bytes of all files of all commits, as if each commit were a copy."""
    unique: int
    """Bytes of the different objects that these commits lead to; other repos may lead to them as well."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What the store holds, all in bytes unless it says otherwise."""

    repos: tuple[RepoStats, ...]
    """In the order of their names."""
    objects: int
    """Number of objects, garbage included."""
    segments: int
    """Number of segments."""
    logical: int
    """All files of all commits of all repos, as if each commit were a copy."""
    unique: int
    """All objects before compression, each once; garbage included."""
    stored: int
    """All segments, as they are on the disk."""
    database: int
    """What the database's file takes on the disk: with indexes, and with pages that wait to be used again."""

    @property
    def deduplication(self) -> float:
        """How many times larger the files of all commits are than the different objects among them; 0 when empty."""
        return self.logical / self.unique if self.unique else 0.0

    @property
    def compression(self) -> float:
        """How many times larger the objects are than what is stored of them; 0 when empty."""
        return self.unique / self.stored if self.stored else 0.0


def measure(env: Environment) -> Stats:
    """The figures, from one read transaction that meets each object once for each repo. Raises Corrupt."""
    with env.read() as reading:
        refs = Refs(reading)
        marks, load = Marks(reading), Loader(reading)
        repos = tuple(_of_repo(reading, refs, repo, marks, load) for repo, _ in refs.iter_repos())
        unique = sum(segment.decode_place(value).length for _, value in reading.iter_raw(OBJECTS))
        stored = sum(len(record) for _, record in reading.iter_raw(SEGMENTS))
        return Stats(
            repos=repos,
            objects=reading.count(OBJECTS),
            segments=reading.count(SEGMENTS),
            logical=sum(repo.logical for repo in repos),
            unique=unique,
            stored=stored,
            database=(env.path / "data.mdb").stat().st_blocks * 512,
        )


def _of_repo(reading: Reading, refs: Refs, repo: str, marks: Marks, load: Loader) -> RepoStats:
    marks.clear()
    number = logical = unique = 0

    def enter(name: ObjectId, role: Role) -> bool:
        nonlocal unique
        if marks.get(name) == 0 and (value := reading.get_raw(OBJECTS, name)) is not None:
            unique += segment.decode_place(value).length
        return bool(marks.add(name, role))

    for commit in refs.iter_log(repo):
        tree = refs.get_link(repo, commit).tree
        number, logical = number + 1, logical + tree.size
        visit(tree, load, enter)
    head = _head(refs, repo)
    return RepoStats(repo, number, head.files if head else 0, head.size if head else 0, logical, unique)


def _head(refs: Refs, repo: str) -> Entry | None:
    found = refs.find_ref(repo, BRANCH, refs.get_repo(repo).default_branch)
    return None if found is None or found.commit is None else refs.get_link(repo, CommitId(found.commit)).tree
