"""A salvage, from the damaged store's file to a new store.        store/fsck/README.md

    1. find records and objects (engine/wreck.py), and choose what makes up the store (choose.py)
    2. in a directory beside the destination, make a store with its repos
    3. bring over the trees of all commits, ancestors first, and write the commits, some at a time
    4. branches, tags, pins, shelves
    5. check the new store, write down what is lost, and rename the directory

Nothing is written to the damaged store, and LMDB is not asked about it.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from store import fsck, header, sums
from store.engine import Environment, ObjectWriter, RefsWriting, Writing, acquire, release
from store.engine.wreck import Wreck
from store.errors import Corrupt, NewerFormat, NotAStore, Refused
from store.format import tables
from store.format.tables import (
    BRANCH,
    DRAFTS,
    PINS,
    REFS,
    REPOS,
    SHELVES,
    SUMS,
    DraftNote,
    Header,
    PinBody,
    RefBody,
)
from store.ids import CommitId
from store.placing import new_directory
from store.records import CommitRecord, Entry
from store.salvaging.choose import Chosen, choose
from store.salvaging.history import Line
from store.salvaging.records import Loss, Progress, Salvaged
from store.salvaging.trees import NAMED, Carrier

REPORT = "salvage.json"
"""In the new store's directory."""
BATCH = 500
"""Commits to write in one transaction."""


def salvage(
    source: str | Path, destination: str | Path, progress: Progress = lambda what, done, total: None
) -> Salvaged:
    """Make a store in the new or empty directory `destination` of what can be read of the one in `source`.

    What is lost is in the answer, and in `salvage.json` beside the new database. Everything else is what was written:
    objects are checked against their ids, records against their seals. Raises NotAStore, NewerFormat, Full,
    NotWritable; Refused also for a file that may not be read; Corrupt when no repo and no commit was found. Then there
    is nothing at `destination`.
    """
    data = Path(source).absolute() / "data.mdb"
    where = Path(destination).absolute()
    try:
        wreck = Wreck(data)
    except FileNotFoundError:
        raise NotAStore(data.parent, "there is no data.mdb in it") from None
    except OSError as error:
        raise Refused(f"{data} cannot be read: {(error.strerror or str(error)).lower()}") from None
    with wreck, new_directory(where, outside=data.parent) as made:
        wreck.read(lambda done, total: progress("bytes", done, total))
        chosen = choose(wreck)
        if not chosen.repos:
            raise Corrupt("data.mdb", "no repo and no commit was found in it")
        made_header = _header(chosen, data.parent)
        env = acquire(made, create=True)
        try:
            done = _Salvage(wreck, chosen, env, where, progress).run(made_header)
            report = fsck.check(env, progress=progress)
        finally:
            release(env)
        done = replace(done, problems=report.problems)
        _write_report(made / REPORT, data.parent, done)
    return done


def _header(chosen: Chosen, path: Path) -> Header:
    """The new store's, which has an id of its own, as a copy has. Raises NewerFormat."""
    found = chosen.header
    if found is None:
        chosen.losses.append(Loss("header", None, "it is gone, and with it when the store was made"))
        return tables.new_header()
    unknown = tuple(name for name in found.features if name not in tables.FEATURES)
    if unknown or found.format > tables.FORMAT:
        raise NewerFormat(path, found.format, tables.FORMAT, unknown)
    return Header(found.format, found.created_ns, os.urandom(16), found.chunker, found.features)


class _Salvage:
    """One run."""

    def __init__(
        self, wreck: Wreck, chosen: Chosen, env: Environment, where: Path, progress: Progress
    ) -> None:
        self._wreck, self._chosen, self._env, self._where, self._progress = (
            wreck,
            chosen,
            env,
            where,
            progress,
        )
        self._losses = chosen.losses
        self._lines = {repo: Line() for repo in chosen.repos}
        self._changed: dict[str, str] = {}
        self._relinked = self._kept = 0

    def run(self, made: Header) -> Salvaged:
        self._env.write(lambda writing: self._put_repos(writing, made))
        with ObjectWriter(self._env) as writer:
            carrier = Carrier(self._wreck, self._env, writer)
            for batch in _batches(self._commits(carrier)):
                writer.flush(lambda writing, batch=batch: _put_commits(writing, batch))  # type: ignore[misc]
                self._kept += len(batch)
            rest = {
                REFS: dict(self._refs()),
                PINS: dict(self._carried_pins(carrier)),
                SHELVES: self._chosen.shelves,
            }
            writer.flush(lambda writing: _put_all(writing, rest))
        return Salvaged(
            path=self._where,
            repos=len(self._chosen.repos),
            commits=self._kept,
            changed=self._changed,
            relinked=self._relinked,
            pins=len(rest[PINS]),
            problems=(),
            losses=tuple(self._losses),
        )

    def _put_repos(self, writing: Writing, made: Header) -> None:
        header.put(writing, made)
        if SUMS in made.features:
            sums.keep(writing)
        for repo, body in self._chosen.repos.items():
            writing.put(REPOS, repo.encode(), tables.encode(body))

    def _commits(self, carrier: Carrier) -> Iterator[CommitRecord]:
        """The commits to be kept, ancestors first; their trees are brought over."""
        chosen = sorted(self._chosen.commits.values(), key=lambda record: (record.depth, record.finished_ns))
        for done, record in enumerate(chosen):
            self._progress("commits", done, len(chosen))
            name = f"{record.repo}@{record.id}"
            tree = self._tree(carrier, name, record.tree)
            kept = self._lines[record.repo].add(record, tree)
            if kept.id != record.id:
                self._changed[name] = f"{kept.repo}@{kept.id}"
            elif kept.digest != record.digest:
                self._relinked += 1
                if (kept.parent is None) != (record.parent is None) or kept.depth != record.depth:
                    parent = "it has none now" if kept.parent is None else f"its parent is {kept.parent} now"
                    self._lose(name, None, f"commits before it are gone; {parent}")
            yield kept

    def _tree(self, carrier: Carrier, where: str, tree: Entry) -> Entry:
        if carrier.bring(tree):
            return tree
        count = 0

        def lost(path: bytes) -> None:
            nonlocal count
            count += 1
            if count <= NAMED:
                self._lose(where, path, "it cannot be read" if path else "a part of it cannot be read")

        return carrier.prune(tree, lost)

    def _carried_pins(self, carrier: Carrier) -> Iterator[tuple[bytes, bytes]]:
        """The pins to be kept, encoded. A datum's result counts as a whole only; of a draft what is left is kept."""
        for key, pin in self._chosen.pins.items():
            name = f"pin {key.decode('utf-8', 'backslashreplace')}"
            if not key.startswith(DRAFTS):
                if carrier.bring(pin.tree):
                    yield key, tables.encode(pin)
                else:
                    self._lose(name, None, "a part of its tree cannot be read")
                continue
            try:
                repo, branch = tables.split_draft_key(key)
                note = tables.decode(DraftNote, pin.note)
            except Corrupt as error:
                self._lose(name, None, error.why)
                continue
            if (repo, BRANCH, branch) not in self._chosen.refs:
                self._lose(name, None, "its branch is gone")
                continue
            tree = self._tree(carrier, name, pin.tree)
            base = None if note.base is None else self._lines[repo].find(CommitId(note.base))
            said = DraftNote(None if base is None else bytes(base.id), note.changed_ns)
            yield key, tables.encode(PinBody(tree, tables.encode(said)))

    def _refs(self) -> Iterator[tuple[bytes, bytes]]:
        """The branches and tags to be kept, encoded."""
        for (repo, kind, name), commit in self._chosen.refs.items():
            kept = None if commit is None else self._lines[repo].find(commit)
            if kept is None and kind == BRANCH:
                kept = (
                    self._lines[repo].last_on(name)
                    if commit is not None or self._is_new(repo, name)
                    else None
                )
                if kept is not None:
                    why = f"its head is gone; it is at the last commit that was made on it, {kept.id}"
                    self._lose(f"{repo}@{name}", None, why)
                elif commit is not None:
                    self._lose(f"{repo}@{name}", None, "its head is gone; it has no commit now")
            elif kept is None:
                self._lose(f"{repo}@{name}", None, "the commit that it names is gone, and so is the tag")
                continue
            body = tables.encode(RefBody(None if kept is None else bytes(kept.id)))
            yield tables.ref_key(repo, kind, name), body

    def _is_new(self, repo: str, branch: str) -> bool:
        """Whether nothing was found of the branch but that it must have been there."""
        return (repo, BRANCH, branch) in self._chosen.made

    def _lose(self, where: str, path: bytes | None, why: str) -> None:
        self._losses.append(Loss(where, path, why))


def _put_commits(writing: Writing, batch: list[CommitRecord]) -> None:
    refs = RefsWriting(writing)
    for record in batch:
        refs.add_commit(record)


def _put_all(writing: Writing, found: dict[bytes, dict[bytes, bytes]]) -> None:
    for table, records in found.items():
        for key, body in records.items():
            writing.put(table, key, body)


def _batches(records: Iterator[CommitRecord]) -> Iterator[list[CommitRecord]]:
    while batch := list(itertools.islice(records, BATCH)):
        yield batch


def _write_report(file: Path, source: Path, done: Salvaged) -> None:
    found = asdict(done) | {"path": str(done.path), "source": str(source), "complete": done.complete}
    found["problems"] = [f"{one.record}: {one.why}" for one in done.problems]
    found["losses"] = [
        asdict(loss) | {"path": None if loss.path is None else loss.path.decode("utf-8", "surrogateescape")}
        for loss in done.losses
    ]
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
        json.dump(found, out, indent=2)
        out.flush()
        os.fsync(out.fileno())
