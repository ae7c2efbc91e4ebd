"""What an edit becomes, and who may make one."""

from __future__ import annotations

import time

import pytest

import store
from store import CommitId, Provenance


def put(repo: store.Repo, name: str = "f", content: bytes = b"1", **options: object) -> store.Commit:
    with repo.edit(**options) as edit:
        edit.write(name, content)
    assert edit.result is not None
    return edit.result


def test_a_commit_says_who_when_what_and_from_what(data, trips):
    before = time.time_ns()
    source = put(data.create_repo("weather"))
    given = (Provenance("weather", "master", source.id),)
    commit = put(trips, message="1 July\n\nthe first", author="ada", provenance=given, origin="service")
    assert (commit.repo, commit.branch, commit.depth, commit.parent) == ("trips", "master", 1, None)
    assert (commit.author, commit.message, commit.origin) == ("ada", "1 July\n\nthe first", "service")
    assert (commit.state, commit.reason, commit.provenance) == ("finished", "", given)
    assert before <= commit.started_ns <= commit.finished_ns <= time.time_ns()
    assert commit.title == "trips@master.1" and len(commit.digest) == 32
    assert data.commit("trips", commit.id) == commit == trips.get(commit.id) == trips.head()


def test_the_author_is_the_user_when_none_is_named(trips):
    assert put(trips).author


def test_a_message_that_is_not_utf_8_is_kept_readable(data, trips):
    assert put(trips, message="caf\udce9", author="\udcff").message == "caf\\xe9"
    assert data.create_repo("x", description="\udcff").description == "\\xff"


def test_one_id_joins_the_commits_of_several_repos(data, trips):
    first = put(data.create_repo("sales"), message="cause")
    second = put(trips, commit_id=first.id)
    assert second.id == first.id
    assert data.commit_set(first.id) == [first, second], "in the order of the repos' names"
    assert data.commit_set(CommitId.new()) == []


def test_the_same_id_twice_in_one_repo_is_refused(trips):
    first = put(trips)
    with pytest.raises(store.Exists):
        put(trips, content=b"2", commit_id=first.id)
    assert trips.head() == first


def test_downstream_lists_what_was_computed_from_a_commit(data, trips):
    source = put(trips)
    results = [
        put(data.create_repo(name), provenance=[Provenance("trips", "master", source.id)])
        for name in ("b", "a")
    ]
    assert set(data.downstream("trips", source.id)) == {(commit.repo, commit.id) for commit in results}
    assert data.downstream("a", results[1].id) == []
    data.delete_repo("a")
    assert data.downstream("trips", source.id) == [("b", results[0].id)]


def test_failing_records_why_and_moves_no_branch(data, trips):
    good = put(trips)
    with trips.edit(origin="pipeline") as edit:
        edit.write("half", b"")
        failed = edit.fail("datum x: exit code 1")
    assert trips.head() == good and edit.result == failed
    assert (failed.state, failed.reason) == ("failed", "datum x: exit code 1")
    assert failed.tree == good.tree and failed.parent == good.id
    assert data.commit("trips", failed.id) == failed


def test_no_branch_points_to_a_failed_commit(trips):
    good = put(trips)
    with trips.edit() as edit:
        failed = edit.fail("exit code 1")
    with pytest.raises(store.Refused, match="failed"):
        trips.create_branch("dev", failed)
    with pytest.raises(store.Refused, match="failed"):
        trips.advance("master", expect=good.id, to=failed.id)
    assert trips.head() == good and trips.create_tag("why", failed).commit == failed.id


def test_failing_before_the_first_commit_works_too(trips):
    with trips.edit() as edit:
        edit.fail("no input")
    assert edit.result.state == "failed" and trips.head() is None


def test_what_a_pipeline_computes_is_not_edited_by_hand(data):
    sales = data.create_repo("sales", origin="pipeline")
    with pytest.raises(store.InUse, match="pipeline"):
        sales.edit()
    assert put(sales, origin="pipeline").origin == "pipeline"


def test_an_edit_makes_the_branch_it_names(trips):
    commit = put(trips, branch="dev")
    assert [(branch.name, branch.head) for branch in trips.branches()] == [
        ("dev", commit.id),
        ("master", None),
    ]
    with pytest.raises(store.BadName):
        trips.edit("no/good")


def test_an_edit_never_takes_the_name_of_a_tag(trips):
    trips.create_tag("v1", put(trips))
    with pytest.raises(store.Exists):
        put(trips, branch="v1", content=b"2")
    assert trips.find_branch("v1") is None


def test_an_edit_of_a_repo_that_was_deleted_or_replaced_meanwhile_is_refused(data, trips):
    put(trips)
    edit = trips.edit()
    edit.write("g", b"")
    data.delete_repo("trips")
    with pytest.raises(store.RepoNotFound):
        edit.commit()
    again = data.create_repo("trips")
    with pytest.raises(store.CommitNotFound), edit:
        edit.commit()
    assert again.head() is None


def test_branches_and_tags_are_made_listed_and_deleted(trips):
    first, second = put(trips), put(trips, content=b"2")
    assert trips.create_branch("dev", first) == store.Branch("dev", first.id)
    assert trips.create_tag("v1", second) == store.Tag("v1", second.id)
    assert trips.tags() == [store.Tag("v1", second.id)] and trips.find_branch("v1") is None
    assert trips.commit("dev") == first and trips.commit("v1") == second == trips.head()
    trips.delete_branch("dev")
    trips.delete_tag("v1")
    assert [branch.name for branch in trips.branches()] == ["master"] and trips.tags() == []
    assert trips.get(first.id) == first


@pytest.mark.parametrize("name", ["master", "dev", "v1"])
def test_a_name_is_taken_once_among_branches_and_tags(trips, name):
    commit = put(trips)
    trips.create_branch("dev", commit)
    trips.create_tag("v1", commit)
    for make in (trips.create_branch, trips.create_tag):
        with pytest.raises(store.Exists):
            make(name, commit)


def test_a_name_never_points_into_another_repo(data, trips):
    put(trips)
    stranger = put(data.create_repo("weather"))
    for make in (trips.create_branch, trips.create_tag):
        with pytest.raises(store.CommitNotFound):
            make("x", stranger)
    with pytest.raises(store.CommitNotFound):
        trips.advance("x", expect=None, to=stranger.id)


def test_the_default_branch_stays(trips):
    with pytest.raises(store.InUse):
        trips.delete_branch("master")


@pytest.mark.parametrize("name", ["x", "", "a" * 600, "\udcff", "a/b"])
def test_what_no_repo_branch_or_tag_can_be_called_is_simply_not_found(data, trips, name):
    assert data.find_repo(name) is None and trips.find_branch(name) is None
    assert data.find_commit(name, CommitId.new()) is None
    for look in (trips.head, trips.delete_branch, trips.delete_tag):
        with pytest.raises(store.RefNotFound):
            look(name)
    for look in (data.repo, data.delete_repo):
        with pytest.raises(store.RepoNotFound):
            look(name)
    with pytest.raises(store.CommitNotFound):
        data.commit(name, CommitId.new())


def test_a_branch_moves_only_from_where_it_was_expected(trips):
    first, second = put(trips), put(trips, content=b"2")
    with pytest.raises(store.HeadMoved) as caught:
        trips.advance("master", expect=first.id, to=first.id)
    assert caught.value.found == str(second.id) and trips.head() == second
    trips.advance("master", expect=second.id, to=first.id)
    assert trips.head() == first
    trips.advance("new", expect=None, to=second.id)
    assert trips.commit("new") == second


def test_deleting_a_repo_takes_its_commits_and_nothing_else(data, trips):
    put(trips)
    other = put(data.create_repo("trips2"))
    data.delete_repo("trips")
    assert [repo.name for repo in data.repos()] == ["trips2"]
    assert data.repo("trips2").head() == other
    again = data.create_repo("trips")
    assert again.head() is None and list(again.log()) == [] and again.tags() == []
    with pytest.raises(store.Exists):
        data.create_repo("trips")


def test_every_write_is_noticed_by_its_number(data, trips):
    before = data.last_txnid()
    put(trips)
    assert data.last_txnid() > before
    after = data.last_txnid()
    trips.head()
    assert data.last_txnid() == after
