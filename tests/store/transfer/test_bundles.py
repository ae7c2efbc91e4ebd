"""Bundles: what arrives is bit for bit what left, branches move forward, and nothing is sent twice."""

from __future__ import annotations

import errno
import io
import os

import pytest

import store
from store.testing.strategies import pseudo_random


def commit(repo: store.Repo, branch: str = "master", **files: bytes) -> store.Commit:
    with repo.edit(branch, message=" ".join(files)) as edit:
        for name, content in files.items():
            edit.write(name, content)
    assert edit.result is not None
    return edit.result


def state(data: store.Store) -> dict[str, object]:
    """Everything that people can name."""
    return {
        repo.name: (
            [(each.name, each.head) for each in repo.branches()],
            [(each.name, each.commit) for each in repo.tags()],
            [found.id for found in repo.log()],
        )
        for repo in data.repos()
    }


def sound(data: store.Store) -> bool:
    return data.check(read_data=True).sound


@pytest.fixture
def history(trips: store.Repo) -> store.Repo:
    """Five commits, one of them a merge, a branch, a tag, files of all sizes and a directory of several nodes."""
    commit(trips, a=b"1", large=pseudo_random(1, 900_000))
    base = commit(trips, b=b"2")
    trips.create_branch("dev", base)
    commit(trips, "dev", c=b"3", **{f"many{number}": b"%d" % number for number in range(600)})
    commit(trips, a=b"4")
    trips.merge("master", trips.head("dev"), message="merged")
    trips.create_tag("v1", base)
    return trips


def test_everything_arrives_bit_for_bit(data, there, history, pack, unpack):
    unpack(pack("trips"))
    assert state(there) == state(data) and sound(there)
    for found in history.log():
        again = there.commit("trips", found.id)
        assert again == found
        assert dict(again.walk()) == dict(found.walk())
        assert all(again.read(path) == found.read(path) for path, entry in found.walk() if entry.is_file)


@pytest.mark.parametrize("code", [errno.EPIPE, errno.ENOSPC])
def test_what_goes_wrong_with_the_stream_is_not_said_of_the_store(data, history, code):
    class Broken(io.BytesIO):
        def write(self, raw, /):
            raise OSError(code, os.strerror(code))

    with pytest.raises(OSError) as caught:
        data.write_bundle(Broken(), ["trips"])
    assert caught.value.errno == code


def test_importing_again_changes_nothing(there, history, pack, unpack):
    raw = pack("trips")
    unpack(raw)
    before = state(there)
    done = unpack(raw)
    assert {move.what for move in done.moves} == {"keep"} and done.commits == 0
    assert state(there) == before and sound(there)


def test_a_branch_moves_forward_and_only_what_is_new_is_sent(data, there, history, pack, unpack):
    unpack(pack("trips"))
    old = history.head()
    new = commit(history, fresh=b"5")
    raw = pack("trips@master", since=("trips@master^",))
    plan = data.plan_bundle(["trips@master"], since=["trips@master^"])
    assert list(plan.commits) == [("trips", new.id)] and plan.objects <= 4
    (move,) = unpack(raw).moves
    assert (move.what, move.old, move.new) == ("forward", old.id, new.id)
    assert there.repo("trips").head() == new and sound(there)


def test_a_bundle_that_builds_on_what_is_missing_names_it(there, history, pack, unpack):
    with pytest.raises(store.PrerequisiteMissing, match=str(history.head().parent)):
        unpack(pack("trips@master", since=("trips@master^",)))
    assert there.repos() == []


def test_a_branch_alone_a_tag_alone_a_commit_alone(there, history, pack, unpack):
    unpack(pack("trips@v1", "trips@master.1", "trips@dev"))
    repo = there.repo("trips")
    assert [each.name for each in repo.branches()] == ["dev", "master"] and repo.head() is None
    assert [each.name for each in repo.tags()] == ["v1"]
    assert there.commit("trips", history.commit("master.1").id).read("a") == b"1"


def test_what_was_merged_comes_along_so_that_the_next_merge_knows_it(there, history, pack, unpack):
    unpack(pack("trips@master"))
    repo = there.repo("trips")
    dev = history.head("dev")
    assert there.commit("trips", dev.id) == dev
    assert repo.merge_base(repo.head(), there.commit("trips", dev.id)).id == dev.id


def test_branches_that_went_different_ways_are_not_touched_without_force(there, history, pack, unpack):
    raw = pack("trips")
    unpack(raw)
    mine = commit(there.repo("trips"), mine=b"1")
    theirs = commit(history, theirs=b"2")
    newer = pack("trips@master")
    with pytest.raises(store.Diverged, match="commits that the bundle's has not"):
        unpack(newer)
    assert there.repo("trips").head() == mine
    assert [move.what for move in unpack(newer, force=True).moves] == ["force"]
    assert there.repo("trips").head() == theirs and sound(there)
    assert there.commit("trips", mine.id).read("mine") == b"1"


def test_a_branch_that_is_ahead_stays(there, history, pack, unpack):
    raw = pack("trips")
    unpack(raw)
    mine = commit(there.repo("trips"), mine=b"1")
    assert {move.what for move in unpack(raw).moves} == {"keep"}
    assert there.repo("trips").head() == mine


def test_another_repo_of_the_same_name_is_refused_and_a_new_name_helps(there, history, pack, unpack):
    mine = commit(there.create_repo("trips"), other=b"1")
    raw = pack("trips")
    with pytest.raises(store.Diverged, match="another history") as refused:
        unpack(raw)
    assert "--as trips=NAME" in refused.value.hint()
    unpack(raw, rename={"trips": "theirs"})
    theirs = there.repo("theirs")
    assert there.repo("trips").head() == mine and theirs.head().id == history.head().id
    assert [each.id for each in theirs.log()] == [each.id for each in history.log()]
    assert theirs.head().tree == history.head().tree and sound(there)
    commit(history, more=b"1")
    unpack(pack("trips@master", since=("trips@master^",)), rename={"trips": "theirs"})
    assert theirs.head().id == history.head().id and sound(there)
    assert {move.what for move in unpack(raw, rename={"trips": "theirs"}).moves} == {"keep"}


def test_a_tag_never_moves(there, history, pack, unpack):
    unpack(pack("trips"))
    history.delete_tag("v1")
    history.create_tag("v1", history.head())
    with pytest.raises(store.Diverged, match="tag of another commit"):
        unpack(pack("trips@v1"), force=True)
    assert there.repo("trips").commit("v1").depth == 2


def test_a_branch_is_not_made_where_a_tag_has_its_name(there, history, pack, unpack):
    unpack(pack("trips@master"))
    there.repo("trips").create_tag("dev", there.repo("trips").head())
    with pytest.raises(store.Exists, match="dev"):
        unpack(pack("trips@dev"))


def test_provenance_stays_where_the_receiver_lacks_its_repo(data, there, history, pack, unpack):
    source = store.Provenance("trips", "master", history.head().id)
    with data.create_repo("sales", origin="pipeline").edit(
        provenance=[source], origin="pipeline", commit_id=history.head().id
    ) as edit:
        edit.write("sum", b"1")
    unpack(pack("sales"))
    assert there.repo("sales").head() == edit.result and there.find_repo("trips") is None
    assert there.repo("sales").origin == "pipeline" and sound(there)
    assert there.downstream("trips", history.head().id) == [("sales", edit.result.id)]


def test_repos_of_one_change_come_together_and_provenance_follows_a_new_name(
    data, there, history, pack, unpack
):
    source = store.Provenance("trips", "master", history.head().id)
    with data.create_repo("sales").edit(provenance=[source], commit_id=history.head().id) as edit:
        edit.write("sum", b"1")
    unpack(pack("sales", "trips"), rename={"trips": "rides"})
    (found,) = there.repo("sales").head().provenance
    assert (found.repo, found.commit) == ("rides", source.commit) and sound(there)


def test_a_repo_without_commits_and_branches_without_commits_are_carried(data, there, pack, unpack):
    data.create_repo("new", description="nothing yet").create_branch("dev")
    unpack(pack("new"))
    assert [each.name for each in there.repo("new").branches()] == ["dev", "master"]
    assert there.repo("new").description == "nothing yet"


@pytest.mark.parametrize("origin", ["user", "pipeline", "service", "cron"])
def test_who_makes_a_repo_and_its_commits_is_carried(data, there, pack, unpack, origin):
    with data.create_repo("made", origin=origin).edit(origin=origin) as edit:
        edit.write("a", b"1")
    unpack(pack("made"))
    assert (there.repo("made").origin, there.repo("made")["master"].origin) == (origin, origin)


def test_a_failed_commit_under_a_tag_is_carried(data, there, trips, pack, unpack):
    commit(trips, a=b"1")
    with trips.edit() as edit:
        failed = edit.fail("it rained")
    trips.create_tag("rain", failed)
    unpack(pack("trips"))
    assert there.repo("trips").commit("rain") == failed and sound(there)


def test_a_bundle_holds_nothing_of_other_repos(data, trips, pack):
    with data.edit_tree() as edit:
        edit.write("a", b"wanted, and in one segment with")
        edit.write("b", b"what is not")
        tree = edit.save()
    wanted = data.lookup(tree, b"a")
    assert wanted is not None
    with trips.edit() as edit:
        edit.graft("a", wanted)
    raw = pack("trips")
    assert b"wanted, and" in raw and b"what is not" not in raw


def test_a_plan_says_what_the_bundle_will_hold(data, history, pack):
    plan = data.plan_bundle(["trips"])
    header = store.verify_bundle(io.BytesIO(pack("trips")))
    assert (header.commits, header.objects, header.size) == (len(plan.commits), plan.objects, plan.size)
    assert header == store.bundle_header(io.BytesIO(pack("trips"))) or header.created_ns


def test_a_bundle_names_those_features_alone_that_are_about_what_commits_hold(data, history, pack):
    """So versions that do not know the others read it."""
    assert data.header.features == ("fine-chunks", "sums")
    assert store.bundle_header(io.BytesIO(pack("trips"))).features == ("fine-chunks",)


def test_a_dry_run_changes_nothing_and_says_the_same(there, history, pack, unpack):
    raw = pack("trips")
    before = there.last_txnid()
    planned = unpack(raw, dry_run=True)
    assert there.last_txnid() == before and there.repos() == []
    assert planned == unpack(raw)


def test_what_was_swept_on_the_way_is_sent_anew(there, history, pack, unpack):
    raw = pack("trips")
    unpack(raw)
    there.delete_repo("trips")
    there.sweep(there.plan_gc())
    unpack(raw)
    assert sound(there) and there.repo("trips").head() == history.head()


@pytest.mark.parametrize(
    ("refs", "since", "error"),
    [
        (["nosuch"], [], store.RepoNotFound),
        (["trips@nosuch"], [], store.RefNotFound),
        (["trips:path"], [], store.BadExpression),
        (["trips"], ["trips@nosuch"], store.RefNotFound),
        (["trips"], ["empty"], store.RefNotFound),
        (["empty@master^"], [], store.RefNotFound),
    ],
)
def test_what_does_not_exist_is_not_bundled(data, history, refs, since, error):
    data.create_repo("empty")
    with pytest.raises(error):
        data.plan_bundle(refs, since=since)


def test_names_that_cannot_be_given_are_refused(there, history, pack, unpack):
    raw = pack("trips")
    for rename, error in (
        ({"nosuch": "x"}, store.Refused),
        ({"trips": "../up"}, store.BadName),
        ({"trips": ""}, store.BadName),
    ):
        with pytest.raises(error):
            unpack(raw, rename=rename)
    assert there.repos() == []


def test_a_branch_that_moves_meanwhile_is_compared_again(there, history, pack, unpack):
    unpack(pack("trips@master"))
    commit(history, theirs=b"1")
    raw = pack("trips@master")

    class Meanwhile(io.BytesIO):
        moved = False

        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            if not piece and not self.moved:  # at the end, after the first comparison
                self.moved = True
                commit(there.repo("trips"), mine=b"1")
            return piece

    with pytest.raises(store.Diverged):
        there.import_bundle(Meanwhile(raw))
    assert there.repo("trips").head().read("mine") == b"1" and sound(there)
