"""A store played against nested dictionaries: commits, refs, grafts, merges, deletions, failures, sweeps, reopening; by
two processes, and with bundles into a second store.
"""

from __future__ import annotations

import atexit
import functools
import io
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

import store
from store.ids import CommitId
from store.records import Provenance
from store.testing import model, strategies
from store.testing.invariants import assert_sound
from store.testing.peer import Peer

REPOS = st.sampled_from(("trips", "weather", "sales"))
NAMES = st.sampled_from(("master", "dev", "v1.2", "master.3"))
THINGS = (
    st.none()
    | st.builds(model.File, strategies.contents(), st.sampled_from((0o644, 0o755)))
    | st.builds(model.Link, st.sampled_from((b"a", b"../up", b"/etc/passwd")))
    | st.just({})
)
CHANGES = st.lists(st.tuples(strategies.paths(), THINGS), min_size=1, max_size=5)


@dataclass
class RepoModel:
    """What a repo should hold."""

    branches: dict[str, CommitId | None] = field(default_factory=lambda: {"master": None})
    tags: dict[str, CommitId] = field(default_factory=dict)
    trees: dict[CommitId, model.Tree] = field(default_factory=dict)
    line: dict[CommitId, list[CommitId]] = field(default_factory=dict)
    """The ancestry of each commit, the root first, itself last."""
    failed: set[CommitId] = field(default_factory=set)


Made = tuple[str, CommitId]


@functools.cache
def peer() -> Peer:
    """One other process for all games; starting it takes longer than many steps."""
    made = Peer()
    atexit.register(made.close)
    return made


class StoreMachine(RuleBasedStateMachine):
    """Every rule does the same to the store and to the model, and expects the same refusals."""

    commits = Bundle("commits")

    def __init__(self) -> None:
        super().__init__()
        self.path = Path(tempfile.mkdtemp(prefix="machine-"))
        self.data = store.create(self.path)
        self.model: dict[str, RepoModel] = {}
        self.provenance: dict[Made, list[Made]] = {}
        self.peer = peer()
        self.peer.open(self.path)
        self.second = store.create(self.path / "second")
        self.carried: dict[Made, model.Tree] = {}
        """What has come to the second store, in which nothing is ever deleted."""

    def teardown(self) -> None:
        self.second.close()
        self.data.close()
        shutil.rmtree(self.path)

    def is_there(self, made: Made) -> bool:
        repo, commit = made
        return repo in self.model and commit in self.model[repo].trees

    @initialize(target=commits, changes=CHANGES)
    def begin(self, changes: list[tuple[bytes, model.Thing | None]]) -> Made:
        """Two repos, one of them with a commit, so that there is something to play with from the start."""
        self.create_repo("weather")
        self.create_repo("trips")
        return self.put("trips", "master", changes)

    # repos

    @rule(repo=REPOS)
    def create_repo(self, repo: str) -> None:
        if repo in self.model:
            with pytest.raises(store.Exists):
                self.data.create_repo(repo)
        else:
            self.data.create_repo(repo)
            self.model[repo] = RepoModel()

    @rule(repo=REPOS, sure=st.integers(0, 5).map(bool).map(lambda no: not no))
    def delete_repo(self, repo: str, sure: bool) -> None:
        if repo not in self.model:
            with pytest.raises(store.RepoNotFound):
                self.data.delete_repo(repo)
        elif sure:
            self.data.delete_repo(repo)
            self.provenance = {made: sources for made, sources in self.provenance.items() if made[0] != repo}
            del self.model[repo]

    # commits

    @precondition(lambda self: self.model)
    @rule(target=commits, choice=st.data(), branch=NAMES, changes=CHANGES)
    def commit(
        self, choice: st.DataObject, branch: str, changes: list[tuple[bytes, model.Thing | None]]
    ) -> Made:
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        return self.put(repo, "master" if branch in self.model[repo].tags else branch, changes)

    def put(self, repo: str, branch: str, changes: list[tuple[bytes, model.Thing | None]]) -> Made:
        expected = self.model[repo]
        head = expected.branches.get(branch)
        tree = {} if head is None else expected.trees[head]
        with self.data.repo(repo).edit(branch, message=branch, allow_empty=True) as edit:
            for path, thing in changes:
                tree = self.change(edit, tree, path, thing)
        assert edit.result is not None
        return self.note(edit.result, tree)

    @precondition(lambda self: len(self.model) > 1)
    @rule(target=commits, choice=st.data(), source=commits)
    def compute(self, choice: st.DataObject, source: Made) -> Made:
        """As a pipeline does: graft something from elsewhere, under the id that caused it, with provenance."""
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        if not self.is_there(source) or source[1] in self.model[repo].trees:
            return source
        given = self.data.commit(*source)
        found = [b"", *(path for path, entry in given.walk() if entry.is_dir)]
        path = choice.draw(st.sampled_from(found))
        grafted = model.find(self.model[source[0]].trees[source[1]], path)
        assert isinstance(grafted, dict)
        head = self.model[repo].branches["master"]
        with self.data.repo(repo).edit(
            commit_id=source[1], provenance=[Provenance(given.repo, given.branch, given.id)], allow_empty=True
        ) as edit:
            if whole := choice.draw(st.booleans()):
                edit.graft("", given.entry(path))
            else:
                edit.graft("grafted", given.entry(path))
        assert edit.result is not None
        old = {} if head is None else self.model[repo].trees[head]
        made = self.note(edit.result, grafted if whole else model.put(old, b"grafted", grafted))
        self.provenance[made] = [source]
        return made

    @precondition(lambda self: self.model)
    @rule(choice=st.data())
    def fail(self, choice: st.DataObject) -> None:
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        with self.data.repo(repo).edit() as edit:
            edit.write("half", b"")
            failed = edit.fail("exit code 1")
        expected = self.model[repo]
        head = expected.branches["master"]
        expected.trees[failed.id] = {} if head is None else expected.trees[head]
        expected.line[failed.id] = [*([] if head is None else expected.line[head]), failed.id]
        expected.failed.add(failed.id)

    @precondition(lambda self: self.model)
    @rule(choice=st.data(), changes=CHANGES)
    def give_up(self, choice: st.DataObject, changes: list[tuple[bytes, model.Thing | None]]) -> None:
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        head = self.model[repo].branches["master"]
        tree = {} if head is None else self.model[repo].trees[head]
        edit = self.data.repo(repo).edit()
        for path, thing in changes:
            tree = self.change(edit, tree, path, thing)
        edit.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)

    @staticmethod
    def change(edit: store.Edit, tree: model.Tree, path: bytes, thing: model.Thing | None) -> model.Tree:
        """Do one change to both, or see it refused; the model's tree afterwards."""
        names = path.split(b"/")
        above = [model.find(tree, b"/".join(names[:end])) for end in range(1, len(names))]
        there = model.find(tree, path)
        try:
            if thing is None:
                edit.remove(path)
            elif isinstance(thing, model.File):
                edit.write(path, thing.data, mode=thing.mode)
            elif isinstance(thing, model.Link):
                edit.symlink(path, thing.target)
            else:
                edit.mkdir(path)
        except store.PathNotFound:
            assert thing is None and there is None
        except store.NotADirectory:
            blocked = any(one is not None and not isinstance(one, dict) for one in above)
            assert blocked or (thing == {} and there is not None and not isinstance(there, dict))
        except store.IsADirectory:
            assert isinstance(there, dict) and thing is not None
        else:
            return tree if thing == {} and isinstance(there, dict) else model.put(tree, path, thing)
        return tree

    def note(self, commit: store.Commit, tree: model.Tree) -> Made:
        """Enter a new head into the model."""
        expected = self.model[commit.repo]
        head = expected.branches.get(commit.branch)
        assert commit.parent == head
        expected.branches[commit.branch] = commit.id
        expected.trees[commit.id] = tree
        expected.line[commit.id] = [*([] if head is None else expected.line[head]), commit.id]
        return commit.repo, commit.id

    # branches and tags

    @rule(made=commits, name=NAMES, is_tag=st.booleans())
    def create_ref(self, made: Made, name: str, is_tag: bool) -> None:
        if not self.is_there(made):
            return
        repo, commit = self.data.repo(made[0]), self.data.commit(*made)
        expected = self.model[made[0]]
        make = repo.create_tag if is_tag else repo.create_branch
        if name in expected.branches or name in expected.tags:
            with pytest.raises(store.Exists):
                make(name, commit)
        elif is_tag:
            make(name, commit)
            expected.tags[name] = commit.id
        else:
            make(name, commit)
            expected.branches[name] = commit.id

    @precondition(lambda self: self.model)
    @rule(choice=st.data(), name=NAMES)
    def delete_ref(self, choice: st.DataObject, name: str) -> None:
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        handle, expected = self.data.repo(repo), self.model[repo]
        if name in expected.tags:
            handle.delete_tag(name)
            del expected.tags[name]
        elif name == "master":
            with pytest.raises(store.InUse):
                handle.delete_branch(name)
        elif name in expected.branches:
            handle.delete_branch(name)
            del expected.branches[name]
        else:
            with pytest.raises(store.RefNotFound):
                handle.delete_branch(name)

    @rule(made=commits, name=NAMES, right=st.booleans())
    def move_branch(self, made: Made, name: str, right: bool) -> None:
        if not self.is_there(made) or name in self.model[made[0]].tags:
            return
        expected = self.model[made[0]]
        expect = expected.branches.get(name) if right else CommitId.new()
        if right:
            self.data.repo(made[0]).advance(name, expect=expect, to=made[1])
            expected.branches[name] = made[1]
        else:
            with pytest.raises(store.HeadMoved):
                self.data.repo(made[0]).advance(name, expect=expect, to=made[1])

    @rule(made=commits, choice=st.data())
    def merge(self, made: Made, choice: st.DataObject) -> None:
        """Bring a commit's line to a branch; theirs where both changed the same."""
        if not self.is_there(made) or made[1] in self.model[made[0]].failed:
            return
        expected, repo = self.model[made[0]], self.data.repo(made[0])
        branch = choice.draw(st.sampled_from(sorted(expected.branches)))
        head = expected.branches[branch]
        done = repo.merge(branch, self.data.commit(*made), resolve=lambda conflict: store.Side.THEIRS)
        assert done.conflicts == () and done.commit is not None
        ours = [] if head is None else expected.line[head]
        if not done.changed:
            assert done.commit.id == head and done.base is not None and done.base.id == made[1]
        elif head is None or head in expected.line[made[1]]:
            assert done.commit.id == made[1]
            expected.branches[branch] = made[1]
        else:
            assert made[1] not in ours
            base = {} if done.base is None else expected.trees[done.base.id]
            merged = model.merge(base, expected.trees[head], expected.trees[made[1]])
            assert isinstance(merged, dict)
            self.note(done.commit, merged)
            self.provenance[made[0], done.commit.id] = [made]

    @precondition(lambda self: self.model)
    @rule(choice=st.data())
    def squash(self, choice: st.DataObject) -> None:
        """Some commits in a row become one; what nothing depends on is gone, and exactly that."""
        name = choice.draw(st.sampled_from(sorted(self.model)))
        expected, repo = self.model[name], self.data.repo(name)
        branch = choice.draw(st.sampled_from(sorted(expected.branches)))
        head = expected.branches[branch]
        line = [] if head is None else expected.line[head]
        if len(line) < 2:
            return
        first = choice.draw(st.integers(0, len(line) - 2))
        last = choice.draw(st.integers(first + 1, len(line) - 1))
        after = None if first == 0 else repo.get(line[first - 1])
        old = line[first:]
        needed = self.needed(name, branch, old)
        if needed:
            with pytest.raises(store.InUse):
                repo.squash(branch, after, repo.get(line[last]))
        repo.squash(branch, after, repo.get(line[last]), keep=True)
        new = [commit.id for commit in repo.log(branch)][::-1]
        assert new[:first] == line[:first] and len(new) == len(line) - (last - first)
        stands_for = [line[first : last + 1], *([each] for each in line[last + 1 :])]
        for at, (made, replaced) in enumerate(zip(new[first:], stands_for, strict=True), start=first + 1):
            expected.trees[made] = expected.trees[replaced[-1]]
            expected.line[made] = new[:at]
            sources = [source for each in replaced for source in self.provenance.get((name, each), [])]
            if sources:
                self.provenance[name, made] = sources
        expected.branches[branch] = new[-1]
        for gone in old[max((old.index(each) for each in needed), default=-1) + 1 :]:
            assert self.data.find_commit(name, gone) is None
            del expected.trees[gone], expected.line[gone]
            self.provenance.pop((name, gone), None)
        assert all(self.data.find_commit(name, each) for each in expected.trees)

    @precondition(lambda self: self.model)
    @rule(choice=st.data())
    def drop(self, choice: st.DataObject) -> None:
        """The last commits of a branch go, unless something depends on one; all branches there are where it is."""
        name = choice.draw(st.sampled_from(sorted(self.model)))
        expected, repo = self.model[name], self.data.repo(name)
        head = expected.branches[choice.draw(st.sampled_from(sorted(expected.branches)))]
        if head is None:
            return
        line = expected.line[head]
        first = choice.draw(st.integers(max(0, len(line) - 2), len(line) - 1))
        gone, after = line[first:], None if first == 0 else repo.get(line[first - 1])
        if self.needed(name, None, gone):
            with pytest.raises(store.InUse):
                repo.drop(repo.get(head), after)
            return
        moved = {
            each: None if after is None else after.id for each, at in expected.branches.items() if at in gone
        }
        done = repo.drop(repo.get(head), after)
        assert (done.commits, done.moved) == (tuple(gone[::-1]), tuple(sorted(moved)))
        expected.branches |= moved
        for each in gone:
            assert self.data.find_commit(name, each) is None
            del expected.trees[each], expected.line[each]
            self.provenance.pop((name, each), None)

    def needed(self, repo: str, branch: str | None, old: list[CommitId]) -> set[CommitId]:
        """Those of `old` on which something depends besides `branch` (None: any branch); then all before them are
        needed too.
        """
        expected = self.model[repo]
        branches = expected.branches.items() if branch is not None else ()
        found = {head for name, head in branches if name != branch and head is not None}
        found |= set(expected.tags.values())
        found |= {each for made, line in expected.line.items() if made not in old for each in line}
        for made, sources in self.provenance.items():
            if made[0] != repo or made[1] not in old:
                found |= {commit for name, commit in sources if name == repo}
        return found & set(old)

    # another process, another store

    @precondition(lambda self: self.model)
    @rule(target=commits, choice=st.data(), path=strategies.paths(1), content=strategies.contents())
    def commit_elsewhere(self, choice: st.DataObject, path: bytes, content: bytes) -> Made:
        """The other process goes on with a branch as this one left it, and this one sees it at once."""
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        expected = self.model[repo]
        branch = choice.draw(st.sampled_from(sorted(expected.branches)))
        head = expected.branches[branch]
        tree = {} if head is None else expected.trees[head]
        thing = None if isinstance(model.find(tree, path), dict) else model.File(content)
        made = self.peer.commit(repo, branch, [(path, thing)])
        return self.note(self.data.commit(repo, made), model.put(tree, path, thing))

    @rule(made=commits)
    def read_elsewhere(self, made: Made) -> None:
        """The other process has had the store open all the time, whatever was collected and squashed meanwhile."""
        if self.is_there(made):
            expected = self.model[made[0]]
            assert self.peer.tree(*made) == model.fingerprint(expected.trees[made[1]])
            assert self.peer.heads(made[0]) == expected.branches

    @precondition(lambda self: self.model)
    @rule(choice=st.data())
    def carry(self, choice: st.DataObject) -> None:
        """A branch in a bundle, on top of what the second store has of the repo, or with everything."""
        repo = choice.draw(st.sampled_from(sorted(self.model)))
        expected = self.model[repo]
        branch = choice.draw(st.sampled_from(sorted(expected.branches)))
        head = expected.branches[branch]
        if head is None:
            return
        there = [each for each in expected.line[head] if (repo, each) in self.carried]
        since = [f"{repo}@{there[-1]}"] if there and choice.draw(st.booleans()) else []
        stream = io.BytesIO()
        self.data.write_bundle(stream, [f"{repo}@{branch}"], since=since)
        assert store.verify_bundle(io.BytesIO(stream.getvalue()))
        self.second.import_bundle(io.BytesIO(stream.getvalue()), force=True)
        self.carried |= {(repo, each): expected.trees[each] for each in expected.line[head]}
        found = self.second.repo(repo).head(branch)
        assert found is not None and found.id == head
        assert_sound(self.second)

    @precondition(lambda self: self.carried)
    @rule(choice=st.data())
    def read_what_was_carried(self, choice: st.DataObject) -> None:
        made = choice.draw(st.sampled_from(sorted(self.carried)))
        assert model.of(self.second.commit(*made)) == self.carried[made]

    # the rest

    @rule(made=commits)
    def read_an_old_commit(self, made: Made) -> None:
        if self.is_there(made):
            expected = self.model[made[0]]
            assert model.of(self.data.commit(*made)) == expected.trees[made[1]]
            line = expected.line[made[1]]
            head = self.data.commit(*made)
            repo = self.data.repo(made[0])
            assert [repo.at_depth(head, depth).id for depth in range(1, head.depth + 1)] == line
        else:
            assert self.data.find_commit(*made) is None

    @rule()
    def collect(self) -> None:
        """Afterwards exactly what is alive is there; the invariants say that nothing else is missing."""
        plan = self.data.plan_gc()
        assert self.data.sweep(plan, patience_seconds=0).dropped == plan.drop
        assert self.data.check().garbage == 0

    @rule()
    def reopen(self) -> None:
        self.data.close()
        self.data = store.open(self.path)

    @invariant()
    def what_the_store_shows_is_what_the_model_holds(self) -> None:
        assert {repo.name for repo in self.data.repos()} == self.model.keys()
        for name, expected in self.model.items():
            repo = self.data.repo(name)
            assert {branch.name: branch.head for branch in repo.branches()} == expected.branches
            assert {tag.name: tag.commit for tag in repo.tags()} == expected.tags
            for ref, commit in [*expected.branches.items(), *expected.tags.items()]:
                found = self.data.resolve(f"{name}@{ref}").commit
                assert (found and found.id) == commit
                if found is not None and commit is not None:
                    assert found.depth == len(expected.line[commit])
                    assert model.totals(expected.trees[commit]) == (found.tree.files, found.tree.size)
            if (head := expected.branches["master"]) is not None:
                assert model.of(repo.commit()) == expected.trees[head]

    @invariant()
    def every_invariant_of_the_format_holds(self) -> None:
        assert_sound(self.data)

    @invariant()
    def downstream_is_provenance_backwards(self) -> None:
        for made, sources in self.provenance.items():
            for source in sources:
                assert (made[0], made[1]) in self.data.downstream(*source)


StoreMachine.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestStore = pytest.mark.timeout(600)(
    StoreMachine.TestCase
)  # every step is synced: a busy disk takes its time
