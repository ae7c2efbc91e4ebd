"""Repos, commits, branches and tags: the only place where a head moves.

A commit becomes visible in one transaction: its record, its line in the log, its provenance, and the branch.
Everything it points to was written before, so a crash leaves unreachable objects, never a damaged commit.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import structs

from store import names
from store.engine import presence
from store.engine.drafts import find_draft, iter_drafts
from store.engine.txn import Reading, Writing
from store.errors import CommitNotFound, Corrupt, Exists, HeadMoved, InUse, RefNotFound, Refused, RepoNotFound
from store.format import commit as commits
from store.format import tables
from store.format.tables import BRANCH, DOWNSTREAM, LOG, PINS, REFS, REPOS, TAG, RefBody, RepoBody
from store.ids import CommitId
from store.records import CommitRecord

SUGGESTED = 100
"""Names before and after one that is not there, among which the one that was meant is looked for."""


class Refs:
    """The named things, seen through one transaction."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    # repos

    def find_repo(self, repo: str) -> RepoBody | None:
        if not names.may_be_repo(repo):
            return None
        body = self._reading.get(REPOS, repo.encode())
        return None if body is None else tables.decode(RepoBody, body)

    def iter_repos(self) -> Iterator[tuple[str, RepoBody]]:
        """All repos in the order of their names."""
        for key, body in self._reading.iter(REPOS):
            yield key.decode(), tables.decode(RepoBody, body)

    def get_repo(self, repo: str) -> RepoBody:
        """Raises RepoNotFound."""
        body = self.find_repo(repo)
        if body is None:
            raise RepoNotFound(repo, known=self.near_repos(repo))
        return body

    def near_repos(self, repo: str) -> list[str]:
        """Names of repos, to suggest one: all of a few, of many those that stand next to `repo` in order."""
        found = self._reading.keys_around(REPOS, b"", _key_part(repo), SUGGESTED)
        return [key.decode() for key in found]

    # commits

    def find_commit(self, repo: str, commit: CommitId) -> CommitRecord | None:
        if not names.may_be_repo(repo):
            return None
        key = commits.key(commit, repo)
        body = self._reading.get(commits.TABLE, key)
        return None if body is None else commits.decode(key, body)

    def get_commit(self, repo: str, commit: CommitId) -> CommitRecord:
        """Raises CommitNotFound."""
        found = self.find_commit(repo, commit)
        if found is None:
            raise CommitNotFound(repo, str(commit))
        return found

    def get_link(self, repo: str, commit: CommitId) -> CommitRecord:
        """The commit that a record names, so that it must exist. Raises Corrupt."""
        found = self.find_commit(repo, commit)
        if found is None:
            raise Corrupt(f"commit {repo}@{commit}", "it is missing")
        return found

    def iter_commit_set(self, prefix: bytes) -> Iterator[tuple[CommitId, str]]:
        """The commits of all repos whose id begins with `prefix`."""
        for key, _ in self._reading.iter(commits.TABLE, prefix):
            yield commits.split_key(key)

    def iter_log(self, repo: str) -> Iterator[CommitId]:
        """Every commit of the repo, failed ones too, the last first."""
        for key, _ in self._reading.iter(LOG, repo.encode() + b"\0", reverse=True):
            yield CommitId(key[-16:])

    def iter_downstream(self, repo: str, commit: CommitId) -> Iterator[tuple[str, CommitId]]:
        """The commits that were computed from this one. Raises Corrupt."""
        prefix = tables.downstream_key((commit, repo))
        for key, _ in self._reading.iter(DOWNSTREAM, prefix, near=self._is_of_a_commit_here):
            result, name = commits.split_key(key[len(prefix) :])
            yield name, result

    def _is_of_a_commit_here(self, key: bytes, _: bytes) -> None:
        """A page of another store has whole records, too: of commits that are not here."""
        result, name = commits.split_key(key[16:].partition(b"\0")[2])
        self.get_link(name, result)

    # branches and tags

    def find_ref(self, repo: str, kind: bytes, name: str) -> RefBody | None:
        if not (names.may_be_repo(repo) and names.may_be_ref(name)):
            return None
        body = self._reading.get(REFS, tables.ref_key(repo, kind, name), near=self._leads_to_a_commit_here)
        return None if body is None else tables.decode(RefBody, body)

    def _leads_to_a_commit_here(self, key: bytes, body: bytes) -> None:
        """The same for a branch or a tag."""
        commit = tables.decode(RefBody, body).commit
        if commit is not None:
            self.get_link(key.partition(b"\0")[0].decode(), CommitId(commit))

    def find_head(self, repo: str, branch: str) -> CommitId | None:
        """Where the branch points; None when it has no commit or does not exist."""
        body = self.find_ref(repo, BRANCH, branch)
        return None if body is None or body.commit is None else CommitId(body.commit)

    def iter_refs(self, repo: str, kind: bytes) -> Iterator[tuple[str, CommitId | None]]:
        """Branches or tags in the order of their names."""
        prefix = tables.ref_key(repo, kind, "")
        for key, body in self._reading.iter(REFS, prefix):
            commit = tables.decode(RefBody, body).commit
            yield key[len(prefix) :].decode(), None if commit is None else CommitId(commit)

    def near_refs(self, repo: str, kind: bytes, name: str) -> list[str]:
        """Names of branches or tags, to suggest one: all of a few, of many those that stand next to `name` in order."""
        prefix = tables.ref_key(repo, kind, "")
        found = self._reading.keys_around(REFS, prefix, _key_part(name), SUGGESTED)
        return [key[len(prefix) :].decode() for key in found]


class RepoRefs:
    """The commits, branches and tags of one repo, seen through one transaction: what resolving an expression asks."""

    def __init__(self, refs: Refs, name: str) -> None:
        self._refs, self.name = refs, name

    def find_ref(self, name: str) -> tuple[bool, CommitId | None]:
        body = self._refs.find_ref(self.name, BRANCH, name) or self._refs.find_ref(self.name, TAG, name)
        return (
            (False, None) if body is None else (True, None if body.commit is None else CommitId(body.commit))
        )

    def find_record(self, commit: CommitId) -> CommitRecord | None:
        return self._refs.find_commit(self.name, commit)

    def get_record(self, commit: CommitId) -> CommitRecord:
        return self._refs.get_link(self.name, commit)

    def iter_prefix(self, digits: str) -> list[CommitId]:
        # An odd digit is half a byte: look for the whole bytes and compare the hex.
        found = self._refs.iter_commit_set(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        return [commit for commit, repo in found if repo == self.name and str(commit).startswith(digits)]

    def find_sources(self, digits: str) -> list[CommitRecord]:
        found = self._refs.iter_commit_set(bytes.fromhex(digits[: len(digits) // 2 * 2]))
        wanted = [(repo, commit) for commit, repo in found if str(commit).startswith(digits)]
        seen, sources = set(wanted), dict[CommitId, CommitRecord]()
        while wanted:
            repo, commit = wanted.pop()
            record = self._refs.find_commit(repo, commit)  # None: its repo is gone
            for source in () if record is None else record.provenance:
                place = (source.repo, source.commit)
                if (
                    source.repo == repo or place in seen
                ):  # what its own repo merged is not what it was computed from
                    continue
                seen.add(place)
                if source.repo != self.name:
                    wanted.append(place)
                elif (ours := self.find_record(source.commit)) is not None:
                    sources[ours.id] = ours
        return list(sources.values())

    def near_refs(self, name: str) -> list[str]:
        return [near for kind in (BRANCH, TAG) for near in self._refs.near_refs(self.name, kind, name)]


class RefsWriting(Refs):
    """The same in a write transaction."""

    def __init__(self, writing: Writing) -> None:
        super().__init__(writing)
        self._writing = writing

    def create_repo(self, repo: str, body: RepoBody) -> None:
        """Make `repo` with an empty default branch. Raises Exists."""
        if self.find_repo(repo) is not None:
            raise Exists("repo", repo)
        self._writing.put(REPOS, repo.encode(), tables.encode(body))
        self._point(repo, BRANCH, body.default_branch, None)

    def hand_over(self, repo: str, origin: str) -> None:
        """Say who makes the commits of `repo` from now on. Raises RepoNotFound."""
        body = structs.replace(self.get_repo(repo), origin=origin)
        self._writing.put(REPOS, repo.encode(), tables.encode(body))

    def delete_repo(self, repo: str) -> None:
        """Remove `repo`, its refs, drafts and commits; the objects stay until collected. Raises RepoNotFound."""
        self.get_repo(repo)
        for commit in list(self.iter_log(repo)):
            self.remove_commit(self.get_link(repo, commit))
        for kind in (BRANCH, TAG):
            for name, _ in list(self.iter_refs(repo, kind)):
                self._writing.delete(REFS, tables.ref_key(repo, kind, name))
        for draft in list(iter_drafts(self._writing, repo)):
            self._writing.delete(PINS, tables.draft_key(repo, draft.branch))
        self._writing.delete(REPOS, repo.encode())

    def add_commit(self, record: CommitRecord) -> None:
        """Write the commit, its line in the log and its provenance. Raises Exists; Conflict when part of its tree was
        collected meanwhile.
        """
        presence.require(self._writing, record.tree)
        if self.find_commit(record.repo, record.id) is not None:
            raise Exists("commit", f"{record.repo}@{record.id}")
        self._writing.put(commits.TABLE, commits.key(record.id, record.repo), commits.encode(record))
        self._writing.put(LOG, tables.log_key(record.repo, record.finished_ns, record.id), b"")
        for source in record.provenance:
            key = tables.downstream_key((source.commit, source.repo), (record.id, record.repo))
            self._writing.put(DOWNSTREAM, key, b"")

    def remove_commit(self, record: CommitRecord) -> None:
        """Remove the commit, its line in the log and its provenance. Nothing may name it as parent, jump or head."""
        self._writing.delete(LOG, tables.log_key(record.repo, record.finished_ns, record.id))
        self._writing.delete(commits.TABLE, commits.key(record.id, record.repo))
        for source in record.provenance:
            key = tables.downstream_key((source.commit, source.repo), (record.id, record.repo))
            self._writing.delete(DOWNSTREAM, key)

    def advance(self, repo: str, branch: str, *, expect: CommitId | None, to: CommitId | None) -> None:
        """Point `branch` at `to`, provided it points at `expect` (None: it has no commit or does not exist).

        Raises HeadMoved, with the commit found instead, if someone was faster; Exists when a tag has this name.
        """
        self.check_unmoved(repo, branch, expect)
        self.check_free(repo, branch)
        self._point(repo, BRANCH, branch, to)

    def check_unmoved(self, repo: str, branch: str, expect: CommitId | None) -> None:
        """Raise HeadMoved, with the commit found instead, unless `branch` points at `expect` (None: at nothing, or it
        does not exist).
        """
        head = self.find_head(repo, branch)
        if head != expect:
            raise HeadMoved(repo, branch, expected=_text(expect), found=_text(head))

    def check_free(self, repo: str, branch: str) -> None:
        """Raise Exists when a branch cannot be made, since a tag has its name."""
        if self.find_ref(repo, BRANCH, branch) is None and self.find_ref(repo, TAG, branch) is not None:
            raise Exists("tag", f"{repo}@{branch}")

    def check_head(self, repo: str, commit: CommitId) -> None:
        """Raise CommitNotFound or Refused unless a branch may point to `commit`: it is there, and did not fail."""
        if self.get_commit(repo, commit).state == "failed":
            raise Refused(f"{repo}@{commit} failed; no branch points to a failed commit")

    def create_ref(self, repo: str, kind: bytes, name: str, to: CommitId | None) -> None:
        """Make a branch or tag. Raises Exists, for a name that either kind already has; CommitNotFound,
        and Refused for a branch at a failed commit.
        """
        for other, noun in ((BRANCH, "branch"), (TAG, "tag")):
            if self.find_ref(repo, other, name) is not None:
                raise Exists(noun, f"{repo}@{name}")
        if to is not None and kind == BRANCH:
            self.check_head(repo, to)
        elif to is not None:
            self.get_commit(repo, to)
        self._point(repo, kind, name, to)

    def delete_ref(self, repo: str, kind: bytes, name: str) -> None:
        """Remove a branch or tag; its commits stay. Raises RefNotFound; InUse for a branch that has a draft."""
        if self.find_ref(repo, kind, name) is None:
            raise RefNotFound(repo, name, known=self.near_refs(repo, kind, name))
        if kind == BRANCH and find_draft(self._writing, repo, name) is not None:
            raise InUse(f"{repo}@{name} has a draft: changes that are staged and not committed")
        self._writing.delete(REFS, tables.ref_key(repo, kind, name))

    def _point(self, repo: str, kind: bytes, name: str, to: CommitId | None) -> None:
        body = tables.encode(RefBody(None if to is None else bytes(to)))
        self._writing.put(REFS, tables.ref_key(repo, kind, name), body)


def _key_part(name: str) -> bytes:
    """What somebody typed, as part of a key to look near."""
    return name.encode(errors="surrogateescape")


def _text(commit: CommitId | None) -> str | None:
    return None if commit is None else str(commit)
