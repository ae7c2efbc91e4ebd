"""What a sweep drops, what it keeps, and when it refuses."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

import store
from store.engine.lease import FILE
from store.engine.txn import OBJECTS, SEGMENTS
from store.ids import ObjectId
from store.testing.invariants import assert_sound


def noise(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def put(repo: store.Repo, **files: bytes) -> store.Commit:
    with repo.edit() as edit:
        for name, content in files.items():
            edit.write(name, content)
    assert edit.result is not None
    return edit.result


def give_up(repo: store.Repo, **files: bytes) -> None:
    edit = repo.edit()
    for name, content in files.items():
        edit.write(name, content)
    edit.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)


def collect(data: store.Store) -> store.Swept:
    return data.sweep(data.plan_gc(), patience_seconds=0)


def count(data: store.Store, table: bytes) -> int:
    with data._env.read() as reading:
        return reading.count(table)


def test_a_deleted_repos_objects_are_dropped_and_what_others_share_stays(data, trips):
    shared = noise(1, 200_000)
    put(trips, shared=shared, own=noise(2, 300_000))
    kept = put(data.create_repo("weather"), copy=shared)
    data.delete_repo("trips")
    plan = data.plan_gc()
    assert 300_000 <= plan.freed < 310_000
    swept = data.sweep(plan)
    assert swept.dropped == plan.drop and swept.freed == plan.freed
    assert kept.read("copy") == shared
    assert_sound(data)
    assert data.plan_gc().drop == 0 and data.check().garbage == 0


def test_a_plan_changes_nothing(data, trips):
    put(trips, a=noise(1, 100_000))
    data.delete_repo("trips")
    before = data.last_txnid(), count(data, OBJECTS)
    assert data.plan_gc().drop > 0
    assert (data.last_txnid(), count(data, OBJECTS)) == before


def test_what_no_branch_leads_to_is_kept_as_long_as_its_commit_is_there(data, trips):
    put(trips, a=b"1")
    trips.create_branch("dev")
    with trips.edit("dev") as edit:
        edit.write("b", noise(1, 50_000))
    trips.delete_branch("dev")
    with trips.edit() as doomed:
        doomed.write("half", b"")
        failed = doomed.fail("exit code 1")
    collect(data)
    assert edit.result is not None
    assert data.commit("trips", edit.result.id).read("b") == noise(1, 50_000)
    assert data.commit("trips", failed.id).read("a") == b"1"


def test_a_pin_keeps_its_tree_until_it_is_let_go(data):
    with data.edit_tree() as edit:
        edit.write("dir/file", noise(1, 50_000))
        tree = edit.save()
    data.pins.put(b"datum/1", tree)
    assert collect(data).dropped == 0
    assert_sound(data)
    data.pins.delete(b"datum/1")
    assert collect(data).dropped > 2


def test_what_an_edit_that_was_given_up_has_written_is_dropped(data, trips):
    put(trips, a=b"1")
    give_up(trips, large=noise(1, 40_000_000))
    assert collect(data).freed > 20_000_000
    assert_sound(data)


def test_segments_that_are_mostly_dead_are_rewritten(data, trips):
    with trips.edit() as edit:
        for number in range(400):
            edit.write(f"{number}", noise(number, 1_000))
    weather = data.create_repo("weather")
    with weather.edit() as kept:
        for number in range(0, 400, 20):
            kept.write(f"{number}", noise(number, 1_000))
    data.delete_repo("trips")
    plan = data.plan_gc()
    assert plan.sparse
    swept = data.sweep(plan)
    assert swept.moved >= 20 and swept.freed > 300_000
    assert [weather.commit().read(f"{number}") for number in range(0, 400, 20)] == [
        noise(number, 1_000) for number in range(0, 400, 20)
    ]
    assert_sound(data)


def test_segments_that_are_mostly_alive_stay_where_they_are(data, trips):
    put(trips, dead=noise(1, 2_000))
    with data.create_repo("weather").edit() as edit:
        edit.write("x", noise(2, 10_000))
    give_up(trips, **{f"{number}": noise(number, 15_000) for number in range(30)})
    assert collect(data).moved == 0


def test_a_segments_number_never_comes_back(data, trips):
    put(trips, a=noise(1, 100_000))
    with data._env.read() as reading:
        last = max(key for key, _ in reading.iter_raw(SEGMENTS))
    data.delete_repo("trips")
    collect(data)
    put(data.create_repo("weather"), a=noise(2, 100_000))
    with data._env.read() as reading:
        fresh = {key for key, _ in reading.iter_raw(SEGMENTS)} - {last}
    assert min(fresh) > last
    assert_sound(data)


def test_an_edit_at_work_keeps_the_sweep_from_dropping_anything(data, trips):
    put(trips, old=noise(1, 100_000))
    data.delete_repo("trips")
    plan = data.plan_gc()
    weather = data.create_repo("weather")
    with weather.edit() as edit:
        edit.write("found", noise(1, 100_000))  # garbage that it relies on from now on
        with pytest.raises(store.InUse):
            data.sweep(plan, patience_seconds=0.05)
        assert edit.stored == 0
    assert data.sweep(plan).dropped < plan.drop
    assert weather.commit().read("found") == noise(1, 100_000)
    assert_sound(data)


def test_an_edit_that_is_forgotten_keeps_nothing_waiting(data, trips):
    edit = trips.edit()
    edit.write("a", b"1")
    plan = data.plan_gc()
    del edit
    put(trips, b=b"2")
    data.delete_repo("trips")
    assert collect(data).dropped > 0
    assert plan.drop == 0


def test_a_tree_that_was_saved_is_kept_until_it_is_pinned(data, trips):
    put(trips, old=noise(1, 100_000))
    data.delete_repo("trips")
    with data.edit_tree() as edit:
        edit.write("found", noise(1, 100_000))
        tree = edit.save()
    with pytest.raises(store.InUse):
        collect(data)
    data.pins.put(b"datum/1", tree)
    assert collect(data).dropped > 0
    assert_sound(data)


def test_what_was_committed_after_the_plan_is_kept(data, trips):
    put(trips, old=noise(1, 100_000))
    commit = trips.commit()
    data.delete_repo("trips")
    plan = data.plan_gc()
    weather = data.create_repo("weather")
    with weather.edit() as edit:
        edit.graft("dir", commit.tree)
    data.pins.put(b"pin", commit.tree)
    assert data.sweep(plan).dropped == 0
    assert weather.commit().read("dir/old") == noise(1, 100_000)
    assert_sound(data)


@pytest.mark.parametrize("refer", ["graft", "pin"])
def test_an_entry_of_what_was_collected_meanwhile_is_refused(data, trips, refer):
    gone = put(trips, old=noise(1, 100_000)).tree
    weather = data.create_repo("weather")
    put(weather, a=b"1")
    data.delete_repo("trips")
    collect(data)

    def graft() -> None:
        with weather.edit() as edit:
            edit.graft("dir", gone)

    with pytest.raises(store.Conflict):
        graft() if refer == "graft" else data.pins.put(b"pin", gone)
    assert [commit.tree.files for commit in weather.log()] == [1]
    assert data.pins.get(b"pin") is None
    assert_sound(data)


def test_a_base_that_was_collected_meanwhile_is_missed_at_once(data, trips):
    gone = put(trips, old=noise(1, 100_000)).tree
    data.delete_repo("trips")
    collect(data)
    with data.edit_tree(gone) as edit, pytest.raises(store.Corrupt, match="it is missing"):
        edit.write("new", b"1")
    assert_sound(data)


def test_after_a_sweep_edits_go_on_in_the_same_process(data, trips):
    put(trips, **{f"f{number}": noise(number, 20_000) for number in range(50)})
    data.delete_repo("trips")
    weather = data.create_repo("weather")
    put(weather, a=noise(3, 20_000), large=noise(99, 900_000))
    assert collect(data).dropped > 40
    for number in range(3):
        put(weather, **{f"f{number}": noise(number, 20_000)})
    assert_sound(data)


def test_nothing_is_dropped_where_damage_hides_what_is_alive(data, trips):
    kept = put(trips, a=b"1")
    put(data.create_repo("weather"), b=b"2")
    data.delete_repo("weather")
    root = ObjectId(kept.tree.content or b"")
    data._env.write(lambda writing: writing.delete(OBJECTS, root))
    with pytest.raises(store.Corrupt):
        data.plan_gc()


def test_clearing_segments_that_a_killed_sweep_left_is_the_next_ones_work(data, trips):
    put(trips, a=noise(1, 300_000))
    put(data.create_repo("weather"), b=b"2")
    data.delete_repo("trips")
    dead = list(data.plan_gc().marks.iter_without(7))

    def drop(writing):
        for name in dead:
            writing.delete(OBJECTS, name)

    data._env.write(drop)
    assert_sound(data)
    assert collect(data).freed > 290_000
    assert_sound(data)


def test_the_space_is_used_again(tmp_path):
    def stored(path: Path) -> int:
        return (path / "data.mdb").stat().st_blocks * 512

    with store.create(tmp_path / "s") as data:
        for number in range(12):
            put(data.create_repo("trips"), a=noise(number, 4_000_000))
            data.delete_repo("trips")
            collect(data)
        assert stored(tmp_path / "s") < 15_000_000


def test_a_store_that_nobody_wrote_to_can_be_collected(tmp_path):
    with store.create(tmp_path / "s") as data:
        assert collect(data) == store.Swept(0, 0, 0, 0)
    assert not (tmp_path / "s" / FILE).exists()


def test_a_plan_promises_nothing_of_the_last_segment_which_stays(data, trips):
    """Small objects share a segment, here the last; most of it is dead once one repo is gone."""
    with data.edit_tree() as edit:
        for number in range(20):
            edit.write(f"{number}", noise(number, 5_000))
        tree = edit.save()
    data.pins.put(b"all", tree)
    data.pins.put(b"one", data.lookup(tree, b"3").renamed(b""))
    data.pins.delete(b"all")
    plan = data.plan_gc()
    swept = data.sweep(plan)
    assert plan.drop == swept.dropped == 20
    assert (plan.freed, swept.freed) == (0, 0)
