"""Commits in several repos: there at once, under one id, or not at all."""

from __future__ import annotations

import threading

import pytest

import store
from store.testing.invariants import assert_sound


@pytest.fixture
def weather(data: store.Store) -> store.Repo:
    return data.create_repo("weather")


def put(repo: store.Repo, **files: str) -> store.Commit:
    with repo.edit() as edit:
        for name, text in files.items():
            edit.write(name, text.encode())
    assert edit.result is not None
    return edit.result


def stage(repo: store.Repo, branch: str | None = None, **files: str) -> None:
    with repo.stage(branch) as staged:
        for name, text in files.items():
            staged.write(name, text.encode())


def test_each_of_the_edits_takes_directories_of_the_host(data, trips, weather, tmp_path):
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "a").write_text("1")
    with data.edit_together("trips", "weather") as edits:
        for edit in edits:
            edit.put_directory(tmp_path / "from")
    assert trips.head().read("a") == weather.head().read("a") == b"1"


def test_edits_that_hold_something_already_end_together(data, trips, weather, tmp_path):
    put(trips, a="1")
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "b").write_text("2" * 100_000)
    edits = [trips.edit(), weather.edit()]
    for edit in edits:
        edit.put_directory(tmp_path / "from", "d")
        edit.append("a", b"more")
    put(weather, c="theirs")
    with store.Together(edits):
        pass
    assert trips.head().read("a") == b"1more" and weather.head().read("c") == b"theirs"
    assert weather.head().read("d/b") == b"2" * 100_000
    assert_sound(data)


def test_edits_end_as_commits_of_one_id_and_one_time(data, trips, weather):
    put(trips, a="1")
    with data.edit_together("trips", "weather@dev", message="31 July", author="ada") as (one, two):
        one.write("t", b"1")
        two.write("w", b"1")
    assert one.changed and two.changed and one.result.id == two.result.id
    assert one.result.finished_ns == two.result.finished_ns
    assert (one.result, two.result) == (trips.head(), weather.head("dev"))
    assert data.commit_set(one.result.id) == [one.result, two.result]
    assert {each.message for each in data.commit_set(one.result.id)} == {"31 July"}
    assert trips.head().depth == 2 and weather.head("dev").read("w") == b"1"
    assert_sound(data)


def test_what_is_raised_in_the_block_commits_nothing_anywhere(data, trips, weather):
    both = data.edit_together("trips", "weather")
    for edit in both.edits:
        edit.write("a", b"1")
    both.__exit__(KeyError, KeyError(), None)
    assert trips.head() is None and weather.head() is None


def test_an_edit_that_changes_nothing_makes_no_commit(data, trips, weather):
    head = put(trips, a="1")
    with data.edit_together("trips", "weather") as (one, two):
        one.write("a", b"1")
        two.write("w", b"1")
    assert (one.result, one.changed, two.changed) == (head, False, True)


def test_a_race_lost_for_one_branch_is_settled_for_all(data, trips, weather):
    put(trips, a="1")
    with data.edit_together("trips", "weather") as (one, two):
        one.write("t", b"1")
        two.write("w", b"1")
        other = put(weather, faster="1")
    assert two.result.parent == other.id and one.result.id == two.result.id
    assert sorted(each.name for each in weather.head().list()) == [b"faster", b"w"]


def test_two_branches_of_one_repo_cannot_share_an_id(data, trips):
    with pytest.raises(store.Refused, match="one commit in each repo"):
        data.edit_together("trips@dev", "trips")
    for text in ("trips:path", "trips@master^"):
        with pytest.raises(store.Refused):
            data.edit_together(text)


def test_a_failure_in_the_last_transaction_leaves_every_branch_alone(data, trips, weather):
    weather.create_tag("v1", put(weather, a="1"))
    both = data.edit_together("trips", "weather@v1")
    for edit in both.edits:
        edit.write("a", b"1")
    with pytest.raises(store.Exists), both:
        pass
    assert trips.head() is None
    assert_sound(data)


def test_drafts_are_committed_together(data, trips, weather):
    put(trips, a="1")
    stage(trips, t="1")
    stage(weather, "dev", w="1")
    done = data.commit_drafts("weather@dev", "trips", message="31 July")
    assert [each.commit for each in done] == [weather.head("dev"), trips.head()]
    assert all(each.changed for each in done) and trips.head().id == weather.head("dev").id
    assert data.drafts() == []
    assert_sound(data)


def test_a_conflict_in_one_repo_commits_nothing_in_any(data, trips, weather):
    put(trips, a="1")
    stage(trips, a="staged")
    stage(weather, w="1")
    head = put(trips, a="2")
    before = data.last_txnid()
    of_trips, of_weather = data.commit_drafts("trips", "weather")
    assert [each.path for each in of_trips.conflicts] == [b"a"] and of_weather.conflicts == ()
    assert (trips.head(), weather.head(), data.last_txnid()) == (head, None, before)
    done = data.commit_drafts("trips", "weather", resolve=lambda conflict: store.Side.THEIRS)
    assert all(each.changed for each in done) and trips.head().read("a") == b"staged"


def test_where_nothing_is_staged_nothing_happens(data, trips, weather):
    stage(trips, t="1")
    of_trips, of_weather = data.commit_drafts("trips", "weather")
    assert of_trips.changed and (of_weather.commit, of_weather.changed) == (None, False)


def test_a_reader_never_sees_one_commit_without_the_other(data, trips, weather):
    """Each commit of either repo exists only with its counterpart: what one transaction shows, another may not lack."""
    done = threading.Event()
    torn: list[store.Commit] = []

    def watch(repo: store.Repo, other: str) -> None:
        while not done.is_set():
            head = repo.head()
            if head is not None and data.find_commit(other, head.id) is None:
                torn.append(head)

    watchers = [
        threading.Thread(target=watch, args=(trips, "weather")),
        threading.Thread(target=watch, args=(weather, "trips")),
    ]
    for watcher in watchers:
        watcher.start()
    for number in range(40):
        if number % 2:
            with data.edit_together("trips", "weather") as edits:
                for edit in edits:
                    edit.write(f"{number}", b"1")
        else:
            stage(trips, **{f"{number}": "1"})
            stage(weather, **{f"{number}": "1"})
            data.commit_drafts("trips", "weather")
    done.set()
    for watcher in watchers:
        watcher.join()
    assert torn == [] and trips.head().depth == weather.head().depth == 40
    assert_sound(data)
