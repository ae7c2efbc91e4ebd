"""Drafts of two repos against plain dictionaries: staging, taking back, heads that move, commits, conflicts."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import store
from store.testing.invariants import assert_sound

Files = dict[bytes, bytes]
REPOS = st.sampled_from(("trips", "weather"))
PATHS = st.sampled_from((b"a", b"b", b"d/x", b"d/y", b"e/f/g", b"e/f/h"))
CHANGES = st.lists(st.tuples(PATHS, st.none() | st.sampled_from((b"1", b"2", b"3"))), min_size=1, max_size=4)
SIDES = st.sampled_from((None, store.Side.OURS, store.Side.THEIRS))


@dataclass
class Line:
    """What one branch should hold."""

    head: Files = field(default_factory=dict)
    depth: int = 0
    base: Files = field(default_factory=dict)
    draft: Files | None = None
    """None: nothing is staged; `base` says nothing then."""

    @property
    def top(self) -> Files:
        return self.head if self.draft is None else self.draft

    def stage(self, files: Files, found: store.Draft | None) -> None:
        """What is staged is `files` now; `found` says whether that is a draft: times of directories count too."""
        base = self.head if self.draft is None else self.base
        if found is None:
            assert files == base
            self.draft = None
        else:
            self.base, self.draft = base, files

    def merged(self, side: store.Side | None) -> tuple[Files, list[bytes]]:
        """What a commit of the draft makes of the head, and its conflicts."""
        if self.draft is None:
            return self.head, []
        made, conflicts = {}, []
        for path in sorted(self.base.keys() | self.head.keys() | self.draft.keys()):
            base, ours, theirs = (each.get(path) for each in (self.base, self.head, self.draft))
            new = theirs if ours == base else ours
            if ours != base and theirs not in (base, ours):
                if side is None:
                    conflicts.append(path)
                new = theirs if side is store.Side.THEIRS else ours
            if new is not None:
                made[path] = new
        return made, conflicts


def files_of(found: store.Commit | store.Draft | None) -> Files:
    if found is None:
        return {}
    return {path: found.read(path) for path, entry in found.walk() if entry.is_file}


class DraftMachine(RuleBasedStateMachine):
    """Every rule does the same to the store and to the model."""

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(prefix="machine-"))
        self.data = store.create(self.path)
        self.lines = {name: Line() for name in ("trips", "weather")}
        for name in self.lines:
            self.data.create_repo(name)

    def teardown(self) -> None:
        assert_sound(self.data)
        self.data.close()
        shutil.rmtree(self.path)

    @staticmethod
    def change(
        edit: store.TreeEdit, files: Files, changes: list[tuple[bytes, bytes | None]]
    ) -> Callable[[Files], Files]:
        """Make the changes that are possible on `files`; what they do to any."""
        done: dict[bytes, bytes | None] = {}
        for path, text in changes:
            if text is not None:
                edit.write(path, text)
            elif (files | done).get(path) is not None:
                edit.remove(path)
            else:
                continue
            done[path] = text
        return lambda old: {path: text for path, text in (old | done).items() if text is not None}

    @rule(name=REPOS, changes=CHANGES)
    def stage(self, name: str, changes: list[tuple[bytes, bytes | None]]) -> None:
        line = self.lines[name]
        with self.data.repo(name).stage() as staged:
            after = self.change(staged, line.top, changes)
        line.stage(after(line.top), self.data.repo(name).find_draft())

    @rule(name=REPOS, changes=CHANGES, faster=CHANGES)
    def stage_while_somebody_else_does(
        self,
        name: str,
        changes: list[tuple[bytes, bytes | None]],
        faster: list[tuple[bytes, bytes | None]],
    ) -> None:
        line = self.lines[name]
        seen = line.top
        with self.data.repo(name).stage() as staged:
            after = self.change(staged, seen, changes)
            self.stage(name, faster)
        if staged.changed:
            line.stage(after(line.top), self.data.repo(name).find_draft())
        else:
            # Nothing to do in what it saw, as if it had come first; or in what the other made of it.
            assert after(seen) == seen or after(line.top) == line.top

    @rule(name=REPOS, changes=CHANGES)
    def move_the_head(self, name: str, changes: list[tuple[bytes, bytes | None]]) -> None:
        line = self.lines[name]
        with self.data.repo(name).edit(allow_empty=True) as edit:
            after = self.change(edit, line.head, changes)
        line.head, line.depth = after(line.head), line.depth + 1

    @rule(name=REPOS, paths=st.lists(PATHS | st.just(b"d") | st.just(b"e/f"), min_size=1, max_size=2))
    def restore(self, name: str, paths: list[bytes]) -> None:
        line, repo = self.lines[name], self.data.repo(name)
        if line.draft is None:
            assert repo.restore(paths) is None
            return
        made = dict(line.draft)
        for path in paths:
            within = {each for each in made | line.base if each == path or each.startswith(path + b"/")}
            if not within and not any(root.find(path) for root in self.roots(name)):
                with pytest.raises(store.PathNotFound):
                    repo.restore(paths)
                return
            for each in within:
                made.pop(each, None)
                if each in line.base:
                    made[each] = line.base[each]
        try:
            left = repo.restore(paths)
        except store.PathNotFound:
            assert len(paths) == 2  # the first took the second, an empty directory, along
            return
        line.stage(made, left)

    def roots(self, name: str) -> list[store.Commit | store.Draft]:
        standing = self.data.repo(name).standing()
        return [each for each in (standing.base, standing.draft) if each is not None]

    @rule(name=REPOS)
    def drop(self, name: str) -> None:
        line = self.lines[name]
        assert self.data.repo(name).drop_draft() == (line.draft is not None)
        line.draft = None

    @rule(name=REPOS, side=SIDES)
    def commit(self, name: str, side: store.Side | None) -> None:
        self.commit_all([name], side)

    @rule(side=SIDES)
    def commit_both(self, side: store.Side | None) -> None:
        self.commit_all(["trips", "weather"], side)

    def commit_all(self, names: list[str], side: store.Side | None) -> None:
        before = self.data.last_txnid()
        done = self.data.commit_drafts(*names, resolve=lambda conflict: side)
        expected = [self.lines[name].merged(side) for name in names]
        assert [[each.path for each in one.conflicts] for one in done] == [found for _, found in expected]
        if any(found for _, found in expected):
            assert self.data.last_txnid() == before and not any(one.changed for one in done)
            return
        for name, one, (files, _) in zip(names, done, expected, strict=True):
            line = self.lines[name]
            assert one.changed or files == line.head
            line.head, line.draft, line.depth = files, None, line.depth + one.changed
        ids = {one.commit.id for one in done if one.changed and one.commit}
        assert len(ids) <= 1

    @rule()
    def collect(self) -> None:
        self.data.sweep(self.data.plan_gc(), patience_seconds=0)

    @rule()
    def reopen(self) -> None:
        self.data.close()
        self.data = store.open(self.path)

    @invariant()
    def the_store_shows_what_the_model_holds(self) -> None:
        for name, line in self.lines.items():
            standing = self.data.repo(name).standing()
            assert files_of(standing.head) == line.head
            assert (0 if standing.head is None else standing.head.depth) == line.depth
            assert (standing.draft is None) == (line.draft is None)
            if line.draft is not None:
                assert files_of(standing.draft) == line.draft and files_of(standing.base) == line.base


DraftMachine.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestDrafts = DraftMachine.TestCase
