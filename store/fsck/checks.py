"""One function for each numbered invariant of the small records; those of objects are in `objects.py`.

Each takes the records it is about and yields what does not hold. All may raise what `DAMAGE` lists when a record that
they look up cannot be read: whoever calls them says so once and goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from store import header, history, names
from store.engine import Reading, Refs, decode_draft
from store.errors import Corrupt
from store.format import commit as commits
from store.format import tables
from store.format.tables import BRANCH, DOWNSTREAM, FORMAT, LOG, PLAIN, TAG
from store.fsck.records import Affected, Finding
from store.ids import CommitId
from store.records import CommitRecord

DAMAGE = (Corrupt, ValueError, OverflowError)
"""What comes out of records that are not what was written: ours, a key that is no text, a number beyond 64 bits."""

Findings = Iterator[Finding]


def name_of(record: CommitRecord) -> Affected:
    """The commit as it is named in a report."""
    return Affected(f"{record.repo}@{record.id}")


def seal_matches_table_key_and_body(reading: Reading, table: bytes, key: bytes) -> Findings:
    try:
        reading.get(table, key)
    except Corrupt as error:
        yield Finding("I1", error.record, error.why, affects=owner(table, key))


def owner(table: bytes, key: bytes) -> tuple[Affected, ...]:
    """What people know the record by, if its key still says so."""
    try:
        if table == commits.TABLE:
            commit, repo = commits.split_key(key)
            return (Affected(f"{repo}@{commit}"),)
        if table == tables.REFS:
            repo, _, name = key.decode().split("\0")
            return (Affected(f"{repo}@{name}"),)
        if table == tables.REPOS:
            return (Affected(key.decode()),)
        if table == tables.PINS and key.startswith(tables.DRAFTS):
            repo, branch = tables.split_draft_key(key)
            return (Affected(f"the draft of {repo}@{branch}"),)
        if table == tables.PINS:
            return (Affected(f"pin {key.decode('utf-8', 'backslashreplace')}"),)
    except DAMAGE:
        pass
    return ()


def depth_is_parents_plus_one(record: CommitRecord, parent: CommitRecord | None) -> Findings:
    if record.depth != (1 if parent is None else parent.depth + 1):
        yield _of_commit("I10", record, f"its depth is {record.depth}")


def jump_is_the_ancestor_its_depth_says(
    refs: Refs, record: CommitRecord, parent: CommitRecord | None
) -> Findings:
    def load(commit: CommitId) -> CommitRecord:
        return refs.get_link(record.repo, commit)

    if record.jump != (None if parent is None else history.jump_of(load, parent)):
        yield _of_commit("I11", record, f"its jump is {record.jump}")


def later_than_parent(record: CommitRecord, parent: CommitRecord | None) -> Findings:
    if parent is not None and record.finished_ns <= parent.finished_ns:
        yield _of_commit("I12", record, "it is not later than its parent")


def digest_follows_from_record_and_parent(record: CommitRecord, parent: CommitRecord | None) -> Findings:
    if record.digest != commits.chained(record, b"" if parent is None else parent.digest):
        yield _of_commit("I13", record, "its digest does not follow from what it says")


def log_lists_commit(reading: Reading, record: CommitRecord) -> Findings:
    if reading.get_raw(LOG, tables.log_key(record.repo, record.finished_ns, record.id)) is None:
        yield _of_commit("I14", record, "it has no line in the log")


def log_line_is_of_a_commit(reading: Reading, key: bytes) -> Findings:
    repo, commit = key[:-25].decode(), CommitId(key[-16:])
    record = Refs(reading).find_commit(repo, commit)
    if record is None or tables.log_key(repo, record.finished_ns, commit) != key:
        yield Finding(
            "I14", f"log line {key.hex()}", "no commit says so", affects=(Affected(f"{repo}@{commit}"),)
        )


def downstream_has_provenance(reading: Reading, record: CommitRecord) -> Findings:
    for source in record.provenance:
        key = tables.downstream_key((source.commit, source.repo), (record.id, record.repo))
        if reading.get_raw(DOWNSTREAM, key) is None:
            yield _of_commit("I15", record, f"downstream of {source.repo}@{source.commit} it is missing")


def downstream_line_is_provenance(reading: Reading, key: bytes) -> Findings:
    source, _, result = key[16:].partition(b"\0")
    commit, repo = commits.split_key(result)
    record = Refs(reading).find_commit(repo, commit)
    found = record.provenance if record is not None else ()
    if not any((each.commit, each.repo) == (key[:16], source.decode()) for each in found):
        what = f"downstream line {key.hex()}"
        yield Finding("I15", what, "no commit's provenance says so", affects=(Affected(f"{repo}@{commit}"),))


def header_is_there(reading: Reading) -> Findings:
    found = header.find(reading)
    if found is None or not PLAIN <= found.format <= FORMAT:
        yield Finding("I16", "header", "there is none of this format")


def ref_names_a_commit_of_its_repo(refs: Refs, repo: str, kind: bytes, name: str) -> Findings:
    what, affects = f"{repo}@{name}", (Affected(f"{repo}@{name}"),)
    body = refs.find_ref(repo, kind, name)
    head = None if body is None or body.commit is None else CommitId(body.commit)
    record = None if head is None else refs.find_commit(repo, head)
    if head is not None and record is None:
        yield Finding("I17", what, f"there is no commit {head}", affects=affects)
    if kind == BRANCH and record is not None and record.state != "finished":
        yield Finding("I17", what, "its head is a failed commit", affects=affects)
    if kind == TAG and refs.find_ref(repo, BRANCH, name) is not None:
        yield Finding("I17", what, "it is a branch and a tag", affects=affects)


def commit_belongs_to_a_repo(refs: Refs, record: CommitRecord) -> Findings:
    if refs.find_repo(record.repo) is None:
        yield _of_commit("I18", record, "its repo does not exist")


def ref_belongs_to_a_repo(refs: Refs, repo: str, name: str) -> Findings:
    if refs.find_repo(repo) is None:
        yield Finding(
            "I18", f"ref {repo}@{name}", "its repo does not exist", affects=(Affected(f"{repo}@{name}"),)
        )


def default_branch_exists(refs: Refs, repo: str) -> Findings:
    body = refs.find_repo(repo)
    if body is None:  # it was met in its table, and a look-up misses it
        raise Corrupt(f"repos record {repo}", "it is not where its key says: the page is not in order")
    if refs.find_ref(repo, BRANCH, body.default_branch) is None:
        yield Finding("I18", f"repo {repo}", "its default branch is missing", affects=(Affected(repo),))


def draft_stands_on_a_commit_of_its_repo(reading: Reading, key: bytes, body: bytes) -> Findings:
    draft = decode_draft(key, body)
    what, affects = f"draft of {draft.repo}@{draft.branch}", owner(tables.PINS, key)
    refs = Refs(reading)
    if refs.find_repo(draft.repo) is None or not names.may_be_ref(draft.branch):
        yield Finding("I19", what, "it is of no repo's branch", affects=affects)
    elif draft.base is not None and refs.find_commit(draft.repo, draft.base) is None:
        yield Finding("I19", what, f"there is no commit {draft.base}", affects=affects)


def _of_commit(invariant: str, record: CommitRecord, why: str) -> Finding:
    return Finding(invariant, f"commit {record.repo}@{record.id}", why, affects=(name_of(record),))
