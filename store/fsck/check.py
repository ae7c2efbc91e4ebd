"""A whole store: LMDB's pages, and then, in one read transaction, small records, segments, trees, and whom the damage
affects.

Memory: 33 bytes an object (`engine/marks.py`), some decoded nodes, and what is found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from store.engine import Environment, Reading, Refs, soundness
from store.engine.marks import Marks
from store.engine.txn import OBJECTS, SEGMENTS, TABLES
from store.errors import Corrupt
from store.format import commit as commits
from store.format import segment, tables
from store.format.segment import Place
from store.format.tables import DOWNSTREAM, LOG, PINS, REFS, REPOS
from store.fsck import checks, objects
from store.fsck.checks import DAMAGE
from store.fsck.locate import locate
from store.fsck.records import Affected, Finding, Problem, Progress, Report
from store.fsck.sums import table_adds_up_to_its_sum
from store.fsck.walk import BAD, PLACED, Walk
from store.ids import CommitId
from store.reach import Role
from store.records import CommitRecord, Entry

MOST = 10_000
"""Problems to list; more are counted."""
ROLES = int(Role.CHUNK | Role.NODE | Role.LIST)


def check(
    env: Environment, *, read_data: bool = False, progress: Progress = lambda what, done, total: None
) -> Report:
    """Everything that is wrong with the store. Damage is never raised; a damaged record hides what lies behind it.

    Without `read_data` the chunks of files are not read, only whether they are where they should be.
    """
    run = _Check(env, read_data, progress)
    try:
        if run.pages():
            return run.cut_short()
        with env.read() as reading:
            return run.report(reading)
    except Corrupt as error:  # of the database itself: what was found before stays
        return run.cut_short(error)


class _Check:
    """One run."""

    def __init__(self, env: Environment, read_data: bool, progress: Progress) -> None:
        self._env, self._read_data, self._progress = env, read_data, progress
        self._findings: list[Finding] = []
        self._unlisted = 0

    def pages(self) -> bool:
        """Whether a table has pages of which LMDB could make anything, also the end of this process."""
        found = soundness.damage(self._env)
        for table, error in found:
            where = f"{error.record} of table {table}" if table else error.record
            self._found(Finding("", where, error.why))
        return any(table for table, _ in found)

    def report(self, reading: Reading) -> Report:
        self._records(reading)
        marks = Marks(reading)
        self._segments(reading, marks)
        met = 0

        def tick() -> None:
            nonlocal met
            met += 1
            if met % 1000 == 0:
                self._progress("objects", met, len(marks))

        walk = Walk(reading, marks, self._found, tick)
        damaged = {where for where, tree in self._trees(reading) if walk.check(tree, where)}
        again = (each for each in self._trees(reading) if each[0] in damaged)
        problems = tuple(locate(self._findings, walk, lambda: again))
        return self._made(reading, problems, len(marks) - marks.count(ROLES))

    def cut_short(self, error: Corrupt | None = None) -> Report:
        if error is not None:
            self._found(Finding("", error.record, error.why))
        problems = tuple(Problem(one.invariant, one.record, one.why, one.affects) for one in self._findings)
        return Report(problems, self._unlisted, self._read_data, 0, 0, 0, 0, 0, 0)

    def _made(self, reading: Reading, problems: tuple[Problem, ...], garbage: int) -> Report:
        repos, named, pins, stored, segments = map(
            reading.count, (REPOS, commits.TABLE, PINS, OBJECTS, SEGMENTS)
        )
        return Report(
            problems, self._unlisted, self._read_data, repos, named, pins, stored, segments, garbage
        )

    def _found(self, finding: Finding) -> None:
        if len(self._findings) < MOST:
            self._findings.append(finding)
        else:
            self._unlisted += 1

    def _take(self, record: str, look: Callable[[], Iterator[Finding]], *owner: Affected) -> None:
        """Take what `look` finds; what it cannot read is one more finding, unless its seal was said to be broken."""
        try:
            for finding in look():
                self._found(finding)
        except Corrupt as error:
            if not error.why.startswith("its seal"):
                self._found(Finding("", error.record, error.why, affects=owner))
        except DAMAGE as error:
            self._found(Finding("", record, str(error), affects=owner))

    # the small records

    def _records(self, reading: Reading) -> None:
        refs = Refs(reading)
        for table in TABLES:
            for key, _ in () if table in (OBJECTS, SEGMENTS) else reading.iter_raw(table):
                record, owner = f"{table.decode()} record {key[:48].hex()}", checks.owner(table, key)

                def look(table: bytes = table, key: bytes = key) -> Iterator[Finding]:
                    yield from checks.seal_matches_table_key_and_body(reading, table, key)
                    yield from _about_record(reading, refs, table, key)

                self._take(record, look, *owner)
        self._take("header", lambda: checks.header_is_there(reading))
        self._take("sums", lambda: table_adds_up_to_its_sum(reading))

    # segments

    def _segments(self, reading: Reading, marks: Marks) -> None:
        total = reading.count(SEGMENTS)
        for done, (key, record) in enumerate(reading.iter_raw(SEGMENTS)):
            number = int.from_bytes(key, "big")

            def look(number: int = number, record: memoryview = record) -> Iterator[Finding]:
                yield from objects.rows_add_up_to_payload(number, record, read_data=self._read_data)
                yield from self._rows(reading, marks, number, record)

            try:
                for finding in look():
                    self._found(finding)
            except DAMAGE as error:
                self._found(Finding("I4", f"segment {number}", str(error)))
            self._env.residence.touched()
            if done % 100 == 0:
                self._progress("segments", done, total)
        for finding in objects.place_points_at_a_row(reading, marks, PLACED):
            marks.add(finding.subject or b"", BAD)
            self._found(finding)

    def _rows(self, reading: Reading, marks: Marks, number: int, record: memoryview) -> Iterator[Finding]:
        payload = segment.decode(record) if self._read_data else b""
        offset = 0
        for name, length in segment.rows(record):
            value = reading.get_raw(OBJECTS, name)
            here = value is not None and bytes(value) == segment.encode_place(Place(number, offset, length))
            if here:
                marks.add(name, PLACED)
            for finding in (
                objects.bytes_match_id(name, payload[offset : offset + length], number)
                if self._read_data
                else ()
            ):
                if here:
                    marks.add(name, BAD)
                yield finding
            offset += length

    # trees

    def _trees(self, reading: Reading) -> Iterator[tuple[Affected, Entry]]:
        """The trees of all commits and pins that can be read, by their names."""
        for key, _ in reading.iter_raw(commits.TABLE):
            record = _find_commit(reading, key)
            if record is not None:
                yield checks.name_of(record), record.tree
        for key, _ in reading.iter_raw(PINS):
            try:
                body = reading.get(PINS, key)
                if body is not None:
                    yield checks.owner(PINS, key)[0], tables.decode(tables.PinBody, body).tree
            except DAMAGE:
                continue  # said when the record was looked at


def _about_record(reading: Reading, refs: Refs, table: bytes, key: bytes) -> Iterator[Finding]:
    """What is wrong with one small record beside its seal. Raises DAMAGE."""
    if table == REPOS:
        yield from checks.default_branch_exists(refs, key.decode())
    elif table == REFS:
        repo, kind, name = key.decode().split("\0")
        yield from checks.ref_belongs_to_a_repo(refs, repo, name)
        yield from checks.ref_names_a_commit_of_its_repo(refs, repo, kind.encode(), name)
    elif table == LOG:
        yield from checks.log_line_is_of_a_commit(reading, key)
    elif table == DOWNSTREAM:
        yield from checks.downstream_line_is_provenance(reading, key)
    elif table == PINS:
        body = reading.get(PINS, key) or b""
        tables.decode(tables.PinBody, body)
        if key.startswith(tables.DRAFTS):
            yield from checks.draft_stands_on_a_commit_of_its_repo(reading, key, body)
    elif table == commits.TABLE:
        record = refs.get_link(commits.split_key(key)[1], CommitId(key[:16]))
        yield from checks.commit_belongs_to_a_repo(refs, record)
        yield from checks.log_lists_commit(reading, record)
        yield from checks.downstream_has_provenance(reading, record)
        parent = None if record.parent is None else refs.get_link(record.repo, record.parent)
        yield from checks.depth_is_parents_plus_one(record, parent)
        yield from checks.later_than_parent(record, parent)
        yield from checks.digest_follows_from_record_and_parent(record, parent)
        yield from checks.jump_is_the_ancestor_its_depth_says(refs, record, parent)


def _find_commit(reading: Reading, key: bytes) -> CommitRecord | None:
    try:
        body = reading.get(commits.TABLE, key)
        return None if body is None else commits.decode(key, body)
    except DAMAGE:
        return None
