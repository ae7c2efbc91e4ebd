"""The commits of a bundle on their way in: each checked, under the name its repo shall have here, in a temporary file.

A repo's name is part of what a commit's digest covers. A commit that comes under another name, or that names such a
repo in its provenance, keeps its id and its tree and gets the digest that belongs to it here; all others stay bit for
bit.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import IO, Self

from store import history, names
from store.engine import Refs
from store.errors import BadBundle, Corrupt, Diverged
from store.format import bundle
from store.format import commit as commits
from store.format.bundle import BundledCommit, BundleHeader
from store.ids import CommitId
from store.records import MAKERS, CommitRecord, Provenance

IN_MEMORY = 16 << 20
"""Bytes of commits in memory; more are in a temporary file."""
Named = tuple[str, CommitId]


class Arriving:
    """A context manager; what it keeps is gone at its end."""

    def __init__(self, header: BundleHeader, rename: Mapping[str, str]) -> None:
        self._rename = rename
        self._repos = {repo.name for repo in header.repos}
        self._raw: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed in __exit__
        self._ready: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed in __exit__
        self._numbers: list[int] = []
        self._index: dict[Named, tuple[int, int]] = {}
        """Where the body of each commit lies in `_ready`, in order."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._raw.close()
        self._ready.close()

    def __len__(self) -> int:
        return len(self._index)

    def take(self, number: int, commit: BundledCommit) -> None:
        """Keep a commit as it comes; `number` is its record's."""
        raw = bundle.encode(commit)
        self._raw.write(len(raw).to_bytes(4, "big") + raw)
        self._numbers.append(number)

    def check(self, refs: Refs) -> None:
        """Check all that were taken, against each other and what `refs` has.

        Raises BadBundle for what cannot be; Diverged when the store has another commit under the same id.
        """
        self._raw.seek(0)
        original: dict[Named, bytes] = {}
        for number in self._numbers:
            raw = self._raw.read(int.from_bytes(self._raw.read(4), "big"))
            came = bundle.decode_commit(raw, number)
            record, digest = self._one(came, number, refs, original)
            if self._rename:
                original[record.repo, record.id] = digest
            self._keep(record)

    def find(self, repo: str, commit: CommitId) -> CommitRecord | None:
        """The commit, as it will be here."""
        at = self._index.get((repo, commit))
        if at is None:
            return None
        self._ready.seek(at[0])
        return commits.decode(commits.key(commit, repo), self._ready.read(at[1]))

    def load(self, refs: Refs, repo: str, commit: CommitId) -> CommitRecord:
        """The commit, from the bundle or the store. Raises Corrupt."""
        return self.find(repo, commit) or refs.get_link(repo, commit)

    def __iter__(self) -> Iterator[CommitRecord]:
        """All, parents before children."""
        for repo, commit in self._index:
            found = self.find(repo, commit)
            assert found is not None, "it was kept"
            yield found

    def _keep(self, record: CommitRecord) -> None:
        body = commits.encode(record)
        end = self._ready.seek(0, 2)
        self._ready.write(body)
        self._index[record.repo, record.id] = end, len(body)

    def _one(
        self, came: BundledCommit, number: int, refs: Refs, original: Mapping[Named, bytes]
    ) -> tuple[CommitRecord, bytes]:
        """The commit as it will be here, and the digest with which it came."""
        what = f"{bundle.where(number)}, commit {came.repo}@{came.id.hex()}"
        if came.repo not in self._repos or len(came.id) != 16:
            raise BadBundle(what, "it belongs to no repo of the bundle")
        try:
            came_as = commits.decode(commits.key(CommitId(came.id), came.repo), came.body)
        except Corrupt as error:
            raise BadBundle(what, error.why) from None
        _require_sane(came_as, what)
        record = self._renamed(came_as)
        if (record.repo, record.id) in self._index:
            raise BadBundle(what, "it is there twice")
        parent: CommitRecord | None = None
        if record.parent is not None:
            parent = self.find(record.repo, record.parent) or refs.find_commit(record.repo, record.parent)
            if parent is None:
                raise BadBundle(what, "its parent is neither before it nor here")
        before = b""
        if parent is not None:
            # Of a renamed repo, the digests that the store has are not those with which its commits once came.
            before = original.get((parent.repo, parent.id), b"" if self._rename else parent.digest)
        if (before or parent is None) and came_as.digest != commits.chained(came_as, before):
            raise BadBundle(what, "its digest does not follow from what it says")
        self._require_place(record, parent, refs, what)
        if record is not came_as or self._rename:
            chain = commits.chained(record, b"" if parent is None else parent.digest)
            record = replace(record, digest=chain)
        there = refs.find_commit(record.repo, record.id)
        if there is not None and there != record:
            raise Diverged(
                f"{record.repo}@{record.id}",
                "another commit has this id here",
                "`--as OLD=NEW` imports its repo under another name",
            )
        return record, came_as.digest

    def _renamed(self, record: CommitRecord) -> CommitRecord:
        if not self._rename:
            return record
        provenance = tuple(
            Provenance(self._rename.get(each.repo, each.repo), each.branch, each.commit)
            for each in record.provenance
        )
        return replace(record, repo=self._rename.get(record.repo, record.repo), provenance=provenance)

    def _require_place(
        self, record: CommitRecord, parent: CommitRecord | None, refs: Refs, what: str
    ) -> None:
        """Raise BadBundle unless depth, time and jump are those of a child of `parent`."""
        if record.depth != (1 if parent is None else parent.depth + 1):
            raise BadBundle(what, f"its depth is {record.depth}")
        if parent is not None and record.finished_ns <= parent.finished_ns:
            raise BadBundle(what, "it is not later than its parent")
        jump = None
        if parent is not None:
            jump = history.jump_of(lambda commit: self.load(refs, record.repo, commit), parent)
        if record.jump != jump:
            raise BadBundle(what, f"its jump is {record.jump}")


def _require_sane(record: CommitRecord, what: str) -> None:
    """Raise BadBundle for values that no commit has, and that keys could not hold."""
    sources = [each.repo for each in record.provenance]
    sane = (
        names.may_be_ref(record.branch)
        and all(names.may_be_repo(repo) for repo in sources)
        and all(len(each.commit) == 16 for each in record.provenance)
        and all(each is None or len(each) == 16 for each in (record.parent, record.jump))
        and 0 <= record.finished_ns < 1 << 63
        and record.origin in (*MAKERS, "fsck")
        and record.state in ("finished", "failed")
    )
    if not sane:
        raise BadBundle(what, "it says what no commit says")
