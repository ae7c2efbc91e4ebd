"""`with fs.transaction`: one commit on each branch that is touched, or nothing."""

from __future__ import annotations

import contextlib
import errno
from concurrent.futures import ThreadPoolExecutor

import pytest

import store
from pfsfuse.filesystem import PfsFileSystem


def test_everything_in_it_is_one_commit_with_its_message(fs, trips):
    with fs.transaction as transaction:
        transaction.message = "August"
        fs.pipe_file("trips/8-01-16", b"1")
        with fs.open("trips/8-02-16", "w") as file:
            file.write("2")
        fs.rm("trips/2016", recursive=True)
        fs.mv("trips/7-01-16", "trips/old/7-01-16")
    head = trips["master"]
    assert (head.depth, head.message) == (3, "August")
    assert transaction.commits == [head]
    assert fs.find("trips") == ["trips/8-01-16", "trips/8-02-16", "trips/old/7-01-16"]


def test_one_over_several_repos_has_one_id_and_is_there_at_once(fs, data, trips):
    weather = data.create_repo("weather")
    with fs.transaction:
        fs.pipe_file("trips/a", b"1")
        fs.pipe_file("weather/a", b"2")
        fs.copy("trips/2016", "weather/2016", recursive=True)
        assert weather.head() is None and trips.head().depth == 2
    assert weather["master"].id == trips["master"].id
    assert fs.find("weather") == ["weather/2016/7-02-16", "weather/a"]


def test_what_was_written_in_it_is_read_in_it_and_nowhere_else(fs, data):
    other = PfsFileSystem(store=data.path, author="somebody else")
    with fs.transaction:
        fs.pipe_file("trips/new/a", b"1")
        assert fs.cat_file("trips/new/a") == b"1" and fs.ls("trips/new", detail=False) == ["trips/new/a"]
        with fs.open("trips/new/a", "ab") as file:
            file.write(b"2")
        with fs.open("trips/new/a") as file:
            assert file.read() == b"12"
        assert not other.exists("trips/new")
    assert other.cat_file("trips/new/a") == b"12"


def test_an_exception_forgets_everything(fs, data, trips):
    with contextlib.suppress(KeyError), fs.transaction:
        fs.pipe_file("trips/a", b"1")
        assert fs.exists("trips/a")
        raise KeyError
    assert trips.head().depth == 2 and not fs.exists("trips/a")
    data.delete_repo("trips")
    assert data.sweep(data.plan_gc(), patience_seconds=0).dropped  # nothing keeps what was forgotten
    data.create_repo("trips")
    fs.pipe_file("trips/a", b"afterwards")
    assert fs.cat_file("trips/a") == b"afterwards"


def test_a_file_that_is_still_open_at_the_end_ends_it_badly(fs, trips):
    fs.start_transaction()
    fs.pipe_file("trips/a", b"1")
    fs.open("trips/b", "wb").write(b"2")
    with pytest.raises(OSError, match="trips/b is still being written"):
        fs.end_transaction()
    assert trips.head().depth == 2
    fs.pipe_file("trips/a", b"1")
    assert trips.head().depth == 3


def test_a_file_that_was_opened_in_it_is_a_part_of_it_in_whatever_thread_it_is_closed(fs, trips):
    with fs.transaction:
        file = fs.open("trips/a", "wb")
        file.write(b"1")
        with ThreadPoolExecutor(1) as pool:
            pool.submit(file.close).result()
    assert trips.head().depth == 3 and fs.cat_file("trips/a") == b"1"


def test_threads_write_into_the_same_one(fs, trips):
    with fs.transaction, ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(fs.pipe_file, f"trips/{number}", b"1") for number in range(40)]:
            future.result()
    assert trips.head().depth == 3 and trips.head().tree.files == 42


def test_a_commit_made_meanwhile_is_kept(fs, trips):
    with fs.transaction:
        fs.pipe_file("trips/a", b"ours")
        with trips.edit() as edit:
            edit.write("b", b"theirs")
    assert trips.head().depth == 4
    assert fs.cat(["trips/a", "trips/b"]) == {"trips/a": b"ours", "trips/b": b"theirs"}


@pytest.mark.parametrize("places", [["trips"], ["trips", "weather"], ["weather", "trips"]])
def test_one_that_appended_to_what_somebody_else_changed_meanwhile_ends_with_nothing(fs, data, trips, places):
    weather = data.create_repo("weather")
    fs.start_transaction()
    for place in places:
        with fs.open(f"{place}/7-01-16", "ab") as file:
            file.write(b"more\n")
    with trips.edit() as edit:
        edit.write("7-01-16", b"theirs\n")
    with pytest.raises(OSError, match=r"trips@master.*moved") as raised:
        fs.end_transaction()
    assert raised.value.errno == errno.EBUSY
    assert trips["master"] == edit.result and weather.head() is None
    assert fs.cat_file("trips/7-01-16") == b"theirs\n"


def test_one_over_several_repos_is_laid_over_what_was_committed_meanwhile(fs, data, trips):
    weather = data.create_repo("weather")
    with fs.transaction:
        with fs.open("trips/7-01-16", "ab") as file:
            file.write(b"more\n")
        fs.rm("trips/2016", recursive=True)
        fs.pipe_file("weather/a", b"ours")
        for repo in (trips, weather):
            with repo.edit() as edit:
                edit.write("b", b"theirs")
    assert fs.cat(["trips/7-01-16", "trips/b", "weather/a", "weather/b"]) == {
        "trips/7-01-16": b"three\nmore\n",
        "trips/b": b"theirs",
        "weather/a": b"ours",
        "weather/b": b"theirs",
    }
    assert not fs.exists("trips/2016") and trips["master"].id == weather["master"].id


def test_a_move_between_repos_is_worked_out_again_when_its_source_changed(fs, data, trips, monkeypatch):
    data.create_repo("weather")
    commit, lost = store.Together.commit, []

    def race(together: store.Together) -> None:
        if not lost and len(together.edits) > 1:
            lost.append(True)
            with trips.edit() as edit:
                edit.write("7-01-16", b"theirs\n")
        commit(together)

    monkeypatch.setattr(store.Together, "commit", race)
    fs.mv("trips/7-01-16", "weather/7-01-16")
    assert fs.cat_file("weather/7-01-16") == b"theirs\n" and not fs.exists("trips/7-01-16")


def test_one_that_changes_nothing_makes_no_commit(fs, trips):
    with fs.transaction as transaction:
        fs.ls("trips")
    with fs.transaction:
        fs.pipe_file("trips/7-01-16", b"three\n")
    assert trips.head().depth == 2 and transaction.commits == []


def test_two_branches_of_one_repo_are_refused(fs, trips):
    trips.create_branch("dev", trips["master"])
    fs.start_transaction()
    fs.pipe_file("trips/a", b"1")
    with pytest.raises(OSError, match="only one branch of a repo"):
        fs.pipe_file("trips@dev/a", b"1")
    fs.transaction.__exit__(OSError, OSError(), None)
    assert trips.head().depth == trips.head("dev").depth == 2


def test_a_full_disk_ends_it_with_nothing_changed(fs, trips, monkeypatch):
    def full(self: store.Together) -> None:
        raise store.Full(fs.store_path)

    transaction = fs.transaction
    with monkeypatch.context() as patched:
        patched.setattr(store.Together, "commit", full)
        with pytest.raises(OSError, match="no space left") as raised, transaction:
            fs.pipe_file("trips/a", b"1")
    assert raised.value.errno == 28
    fs.pipe_file("trips/b", b"1")
    assert fs.ls("trips", detail=False) == ["trips/2016", "trips/7-01-16", "trips/b"]


def test_it_may_be_begun_and_ended_by_hand(fs, trips):
    fs.start_transaction()
    fs.pipe_file("trips/a", b"1")
    fs.pipe_file("trips/b", b"1")
    fs.end_transaction()
    assert trips.head().depth == 3
