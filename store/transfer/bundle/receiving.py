"""Importing a bundle: everything is written and checked first, then one transaction makes it visible.

    1. the commits are kept aside, checked, and compared with what is here: what would be refused is refused now
    2. the objects are written; nothing refers to them
    3. every tree that arrives is checked
    4. in one transaction the comparison is made again, the commits are added, and branches and tags made and moved

A bundle that turns out to be damaged at 2 or 3 leaves objects that nothing names, for the next sweep. Importing one
again changes nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from store import history, names
from store.engine import Environment, ObjectWriter, Reading, Refs, RefsWriting, Writing
from store.errors import BadBundle, Diverged, Exists, PrerequisiteMissing, Refused
from store.format import bundle
from store.format.bundle import BundledRef, BundleHeader
from store.format.tables import BRANCH, TAG, RepoBody
from store.ids import CommitId, ObjectId
from store.records import CommitRecord
from store.transfer.bundle.arriving import Arriving
from store.transfer.bundle.reading import BundleReader
from store.transfer.bundle.whole import Wholeness

Progress = Callable[[int, int], None]
"""Told how many bytes more, before compression, of how many in all."""


@dataclass(frozen=True, slots=True)
class Move:
    """What an import does to one ref."""

    repo: str
    """As it is called here."""
    kind: str
    """"branch", "tag", or "commit" for one that nothing points to."""
    name: str
    """"" for a commit alone."""
    old: CommitId | None
    new: CommitId | None
    what: str
    """"create", "forward", "force", or "keep" where it holds all of that already."""


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import does."""

    repos: tuple[str, ...]
    """Those that are made."""
    moves: tuple[Move, ...]
    commits: int
    """Those that are new here."""
    header: BundleHeader


def import_bundle(
    env: Environment,
    stream: BinaryIO,
    *,
    rename: Mapping[str, str] | None = None,
    force: bool = False,
    dry_run: bool = False,
    progress: Progress = lambda size, total: None,
) -> ImportPlan:
    """Import the bundle `stream`; what was done. Durable on return. With `dry_run` only what would be done: the bundle
    is read to its end and checked, but for its trees.

    `rename` gives repos other names here. Branches move forward only, unless `force`; tags never move. Raises
    BadBundle, Refused, PrerequisiteMissing; Diverged and Exists where what is here stands in the way; Full. Then no
    repo, commit or ref has changed.
    """
    reader = BundleReader(stream)
    renames = _checked(rename or {}, reader.header)
    with env.read() as reading:
        _require_needs(Refs(reading), reader.header, renames)
    with Arriving(reader.header, renames) as arriving:
        for number, commit in reader.commits():
            arriving.take(number, commit)
        with env.read() as reading:
            arriving.check(Refs(reading))
            plan = _plan(Refs(reading), reader.header, renames, arriving, force)
        if dry_run:
            for name, plain in reader.objects():
                if ObjectId.of(plain) != name:
                    raise BadBundle(f"object {name}", "its bytes are others")
                progress(len(plain), reader.header.size)
            return plan
        with ObjectWriter(env) as writer:
            _take_objects(writer, reader, progress)
            writer.flush()
            with env.read() as reading:
                _require_whole(reading, arriving)
            done = writer.flush(lambda writing: _commit(writing, reader.header, renames, arriving, force))
            assert done is not None, "flush gives what its last step gave"
            return done


def _checked(rename: Mapping[str, str], header: BundleHeader) -> dict[str, str]:
    """Raise Refused, BadName for names that cannot be given."""
    known = {repo.name for repo in header.repos}
    for old, new in rename.items():
        if old not in known:
            raise Refused(f"the bundle has no repo {old!r}")
        names.repo(new)
    here = [rename.get(name, name) for name in known]
    if len(set(here)) < len(here):
        raise Refused("two repos of the bundle would have one name")
    return {old: new for old, new in rename.items() if old != new}


def _take_objects(writer: ObjectWriter, reader: BundleReader, progress: Progress) -> None:
    expected: deque[ObjectId] = deque()

    def chunks() -> Iterator[bytes]:
        for name, plain in reader.objects():
            expected.append(name)
            progress(len(plain), reader.header.size)
            yield bytes(plain)

    for name, _ in writer.put_chunks(chunks()):
        if name != (wanted := expected.popleft()):
            raise BadBundle(f"object {wanted}", "its bytes are others")


def _require_whole(reading: Reading, arriving: Arriving) -> None:
    whole, refs = Wholeness(reading), Refs(reading)
    for record in arriving:
        before = record.parent
        inside = before is None or arriving.find(record.repo, before) is not None
        whole.require(record, None if before is None or inside else refs.find_commit(record.repo, before))


def _commit(
    writing: Writing, header: BundleHeader, rename: Mapping[str, str], arriving: Arriving, force: bool
) -> ImportPlan:
    refs = RefsWriting(writing)
    plan = _plan(refs, header, rename, arriving, force)
    for repo in header.repos:
        name = rename.get(repo.name, repo.name)
        if name in plan.repos:
            body = RepoBody(repo.description, repo.origin, repo.created_ns, repo.default_branch)
            refs.create_repo(name, body)
    for record in arriving:
        there = refs.find_commit(record.repo, record.id)
        if there is None:
            refs.add_commit(record)
        elif there != record:
            raise Diverged(f"{record.repo}@{record.id}", "another commit has this id here")
    for move in plan.moves:
        if move.what == "keep" or move.kind == "commit":
            continue
        if move.kind == "tag":
            refs.create_ref(move.repo, TAG, move.name, move.new)
            continue
        if move.new is not None:
            refs.check_head(move.repo, move.new)
        refs.advance(move.repo, move.name, expect=move.old, to=move.new)
    return plan


def _plan(
    refs: Refs, header: BundleHeader, rename: Mapping[str, str], arriving: Arriving, force: bool
) -> ImportPlan:
    """What the import does to what `refs` shows. Raises PrerequisiteMissing, Diverged, Exists."""
    _require_needs(refs, header, rename)
    here = [rename.get(repo.name, repo.name) for repo in header.repos]
    new = sum(refs.find_commit(record.repo, record.id) is None for record in arriving)
    moves = tuple(_move(refs, ref, rename.get(ref.repo, ref.repo), arriving, force) for ref in header.refs)
    repos = tuple(name for name in here if refs.find_repo(name) is None)
    return ImportPlan(repos, moves, new, header)


def _require_needs(refs: Refs, header: BundleHeader, rename: Mapping[str, str]) -> None:
    """Raise PrerequisiteMissing, Diverged unless what the bundle builds on is here."""
    for need in header.needs:
        repo = rename.get(need.repo, need.repo)
        there = refs.find_commit(repo, CommitId(need.commit))
        if there is None:
            raise PrerequisiteMissing(repo, need.commit.hex())
        if not rename and there.digest != need.digest:
            raise Diverged(f"{repo}@{there.id}", "it is not the commit here that the bundle builds on")


def _move(refs: Refs, ref: BundledRef, repo: str, arriving: Arriving, force: bool) -> Move:
    tip = None if ref.commit is None else CommitId(ref.commit)
    if tip is not None and arriving.find(repo, tip) is None and refs.find_commit(repo, tip) is None:
        raise BadBundle(bundle.where(0), f"{repo}@{tip} is neither in the bundle nor here")
    if ref.kind == bundle.BARE:
        return Move(repo, "commit", "", None, tip, "keep")
    kind, other, noun = (TAG, BRANCH, "tag") if ref.kind == bundle.TAG else (BRANCH, TAG, "branch")
    if refs.find_ref(repo, other, ref.name) is not None:
        raise Exists("branch" if other == BRANCH else "tag", f"{repo}@{ref.name}")
    there = refs.find_ref(repo, kind, ref.name)
    old = None if there is None or there.commit is None else CommitId(there.commit)
    if there is not None and (old == tip or tip is None):
        return Move(repo, noun, ref.name, old, old, "keep")
    if kind == TAG:
        if there is not None:
            how = f"`pfs tag delete {repo}@{ref.name}` makes room"
            raise Diverged(f"{repo}@{ref.name}", "it is a tag of another commit here", how)
        return Move(repo, noun, ref.name, None, tip, "create")
    if old is None or tip is None:
        return Move(repo, noun, ref.name, None, tip, "create")
    ours, theirs = arriving.load(refs, repo, old), arriving.load(refs, repo, tip)

    def load(commit: CommitId) -> CommitRecord:
        return arriving.load(refs, repo, commit)

    if history.is_ancestor(load, ours, theirs):
        return Move(repo, noun, ref.name, old, tip, "forward")
    if history.is_ancestor(load, theirs, ours):
        return Move(repo, noun, ref.name, old, old, "keep")
    if force:
        return Move(repo, noun, ref.name, old, tip, "force")
    roots = {history.at_depth(load, each, 1).id for each in (ours, theirs)}
    if len(roots) > 1:
        why = f"the repo {repo!r} that is here has another history"
        raise Diverged(f"{repo}@{ref.name}", why, f"`--as {ref.repo}=NAME` imports it under another name")
    why = "the branch here has commits that the bundle's has not"
    raise Diverged(f"{repo}@{ref.name}", why, "`--force` moves it there; its commits stay readable by id")
