"""`pfs store`: check, gc, stats."""

from __future__ import annotations

import json
import os
import random
import struct

import lmdb
import pytest

import store
from store.engine.pagefile import PageFile
from store.engine.pages import BRANCH, HEAD, tree_record
from store.engine.txn import SEGMENTS
from store.format import tables
from store.upgrade import Step


@pytest.fixture
def damaged(trips, store_path):
    """The segment that holds `first` has other bytes."""
    with lmdb.open(os.fspath(store_path), max_dbs=32) as env, env.begin(write=True) as txn:
        segments = env.open_db(SEGMENTS, txn=txn)
        for key, value in list(txn.cursor(segments)):
            if b"first\n" in value:
                txn.put(key, value.replace(b"first\n", b"FIRST\n"), db=segments)


def test_a_sound_store_is_said_to_be_sound(run, trips):
    result = run("store", "check")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("sound: 1 repo, 3 commits, ") and "--read-data" in result.out
    assert "not read" not in run("store", "check", "--read-data").out


def test_damage_is_named_with_commits_and_paths_and_exit_code_7(run, damaged, store_path):
    result = run("store", "check", "--read-data")
    assert result.code == 7
    lines = result.out.splitlines()
    assert lines[0].startswith("I2 object ") and lines[-1].startswith("1 problem in 1 repo, ")
    with store.open(store_path) as data:
        ids = [str(commit.id) for commit in data.repo("trips").log()]
    assert {line.strip() for line in lines[1:-1]} == {f"trips@{commit}:7-01-16" for commit in ids}


def test_damage_as_json(run, damaged):
    result = run("store", "check", "--read-data", "--json")
    assert result.code == 7
    found = json.loads(result.out)
    assert not found["sound"] and found["problems"][0]["invariant"] == "I2"
    assert {each["path"] for each in found["problems"][0]["affects"]} == {"7-01-16"}
    assert run("store", "check", "--json").code == 0


def test_a_page_of_the_database_that_is_damaged_is_an_answer_too(run, ok, store_path, work):
    (work / "data").write_bytes(random.Random(1).randbytes(300_000))
    ok("repo", "create", "trips")
    ok("put", "data", "trips")
    whole = (store_path / "data.mdb").read_bytes()
    rng = random.Random(5)
    for _ in range(12):
        page = rng.randrange(2, len(whole) // 4096)
        broken = bytearray(whole)
        broken[page * 4096 : page * 4096 + 32] = rng.randbytes(32)
        (store_path / "data.mdb").write_bytes(broken)
        result = run("store", "check", "--read-data")
        assert result.code in (0, 3, 7), (page, result)
        assert "Traceback" not in result.err + result.out
        assert result.out or result.err
    (store_path / "data.mdb").write_bytes(whole)
    assert run("store", "check", "--read-data").code == 0


def test_a_verb_that_a_damaged_page_ends_says_so_and_what_to_do(run, pfs, trips, store_path):
    """A branch of LMDB's without a page below it, where the commits were: LMDB ends whoever looks one up."""
    with PageFile(store_path / "data.mdb") as file:
        meta = file.metas()[0]
        tables = {
            node.key: tree_record(node.data)
            for leaf in file.leaves(meta.main)
            for node in file.nodes(file.page(leaf))
        }
    root = tables[b"commits"].root
    assert root is not None
    with open(store_path / "data.mdb", "r+b") as data:
        data.seek(root * 4096)
        data.write(struct.pack("<QHHHH", root, 0, BRANCH, HEAD, 4096))
    result = pfs("log", "trips")
    assert result.code == 7 and result.out == ""
    said = result.err.splitlines()[-1]
    assert said.startswith(f"pfs: error: damaged database in {store_path}: ") and "SIGABRT" in said
    assert "`pfs store check`" in said and "`pfs store salvage DIR`" in said
    checked = run("store", "check")
    assert checked.code == 7 and checked.out.startswith(f"page {root} of table commits: ")


def test_a_check_that_crashes_is_damage(run, ok, store_path, monkeypatch, tmp_path):
    ok("repo", "create", "trips")
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -BUS $$\n")
    crash.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(crash))
    result = run("store", "check")
    assert result.code == 7 and result.out.startswith("damaged database: ") and "SIGBUS" in result.out
    assert not json.loads(run("store", "check", "--json").out)["sound"]


def test_gc_says_what_it_would_free_and_frees_it(ok, trips, work):
    (work / "large").write_bytes(os.urandom(500_000))
    ok("repo", "create", "large")
    ok("put", "large", "large")
    ok("repo", "delete", "large", "--yes")
    plan = json.loads(ok("store", "gc", "--dry-run", "--json"))
    assert plan["freed"] > 480_000 and plan["drop_objects"] > 2  # the last, small chunk shares its segment
    assert "would drop" in ok("store", "gc", "-n")
    swept = json.loads(ok("store", "gc", "--json"))
    assert swept["dropped_objects"] == plan["drop_objects"] and swept["freed"] == plan["freed"]
    assert ok("store", "gc") == "dropped 0 objects, freed 0 B\n"
    assert ok("cat", "trips:7-01-16") == "first\n"
    ok("store", "check", "--read-data")


def test_gc_compacts_when_told_to(ok, trips, work, store_path):
    (work / "large").write_bytes(os.urandom(2_000_000))
    ok("repo", "create", "large")
    ok("put", "large", "large")
    ok("repo", "delete", "large", "--yes")
    before = (store_path / "data.mdb").stat().st_blocks * 512
    assert "would give back that and " in ok("store", "gc", "--compact", "-n")
    assert json.loads(ok("store", "gc", "--compact", "-n", "--json"))["returnable"] < 500_000
    done = json.loads(ok("store", "gc", "--compact", "--json"))
    after = (store_path / "data.mdb").stat().st_blocks * 512
    assert done["returned"] == before - after > 1_900_000
    assert (done["database"], done["kept_for_readers"]) == (after, 0)
    assert "gave back " in ok("store", "gc", "--compact")
    ok("store", "check", "--read-data")


def test_gc_gives_up_while_an_edit_is_at_work(run, ok, trips, store_path):
    ok("repo", "delete", "trips", "--yes")
    with store.open(store_path) as data, data.create_repo("weather").edit() as edit:
        edit.write("a", b"1")
        # In a process of its own, as this one has the store open.
        assert data.plan_gc().drop
        with pytest.raises(store.InUse):
            data.sweep(data.plan_gc(), patience_seconds=0)
    assert run("store", "gc", "--wait", "0").code == 0


def test_gc_refuses_where_damage_hides_what_is_alive(run, trips, store_path):
    with store.open(store_path) as data:
        root = data.repo("trips").commit().tree.content
        data._env.write(lambda writing: writing.delete(b"objects", root))
    result = run("store", "gc")
    assert result.code == 7 and "it is missing" in result.err


def test_stats_add_up(ok, trips, work):
    (work / "large").write_bytes(b"0123456789" * 50_000)
    ok("put", "large", "trips")
    (work / "note").write_text("note")
    ok("put", "note", "trips")
    found = json.loads(ok("store", "stats", "--json"))
    (repo,) = found["repos"]
    assert (repo["repo"], repo["commits"], repo["files"]) == ("trips", 5, 5)
    assert found["logical"] == repo["logical"] > 1_000_000 > repo["head"] == 500_000 + 6 + 7 + 4 + 4
    assert repo["unique"] == found["unique"] > found["stored"] > 0
    assert found["deduplication"] > 1 and found["compression"] > 5
    assert "trips" in ok("store", "stats") and "times less" in ok("store", "stats")


def test_stats_of_very_little_say_what_outweighs_it(ok, trips):
    said = ok("store", "stats")
    assert " with directories\n" in said and " with what segments take\n" in said and "times" not in said


def test_stats_of_an_empty_store(ok):
    ok("repo", "create", "trips")
    assert json.loads(ok("store", "stats", "--json"))["deduplication"] == 0
    assert "trips" in ok("store", "stats")


def test_upgrade_says_that_there_is_nothing_to_do(ok, trips):
    assert ok("store", "upgrade", "--dry-run").startswith("nothing to do: ")
    found = json.loads(ok("store", "upgrade", "--json"))
    assert found == {"format": 2, "features": ["fine-chunks", "sums"], "done": True, "steps": []}


def test_upgrade_names_the_steps(ok, trips, monkeypatch):
    monkeypatch.setitem(tables.FEATURES, "one", "the first")
    step = Step("one", "writes nothing", True, lambda writing: None)
    monkeypatch.setattr("store.upgrade.STEPS", (step,))
    assert ok("store", "upgrade", "-n") == (
        "would add one: writes nothing; nothing else may use the store meanwhile\n"
    )
    assert ok("store", "upgrade") == "added one: writes nothing\n"
    assert json.loads(ok("store", "upgrade", "--json"))["features"] == ["fine-chunks", "one", "sums"]


def test_copy_makes_a_store(ok, trips, work):
    made = ok("store", "copy", "backup/today")
    assert made.startswith(f"{work / 'backup' / 'today'}: 1 repo with 3 commits, ")
    assert ok("--store", str(work / "backup" / "today"), "cat", "trips:7-01-16") == "first\n"
    found = json.loads(ok("store", "copy", "--read-data", "--json", "other"))
    assert (found["repos"], found["commits"], found["read_data"]) == (1, 3, True)
    assert found["size"] == (work / "other" / "data.mdb").stat().st_size


def test_copy_refuses_what_is_not_empty(run, trips, work):
    result = run("store", "copy", ".")
    assert (result.code, result.out) == (6, "")
    assert (
        result.err == f"pfs: error: {work} is not a new or empty directory; choose another, or move it away\n"
    )
    assert not (work / "data.mdb").exists()


def test_copy_that_crashes_is_damage(run, trips, monkeypatch, tmp_path):
    crash = tmp_path / "python"
    crash.write_text("#!/bin/sh\nkill -BUS $$\n")
    crash.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(crash))
    result = run("store", "copy", "backup")
    assert result.code == 7 and "SIGBUS" in result.err and "salvage" in result.err


def test_salvage_of_a_sound_store_is_complete(ok, trips, work):
    made, said = ok("store", "salvage", "new").splitlines()
    assert made == f"{work / 'new'}: 1 repo with 3 commits"
    assert said == "nothing is lost: where `pfs store check` finds no damage, no salvage was needed"
    assert ok("--store", str(work / "new"), "cat", "trips:7-01-16") == "first\n"


def test_salvage_finds_what_lies_in_pages_that_were_given_back(run, ok, damaged, work):
    assert run("store", "check", "--read-data").code == 7
    ok("store", "salvage", "new")
    assert ok("--store", str(work / "new"), "cat", "trips:7-01-16") == "first\n"


def test_salvage_names_what_is_lost_and_its_exit_code_is_1(run, trips, store_path, work):
    raw = (store_path / "data.mdb").read_bytes()
    assert b"first\n" in raw
    (store_path / "data.mdb").write_bytes(raw.replace(b"first\n", b"FIRST\n"))
    result = run("store", "salvage", "new")
    assert (result.code, result.err) == (1, "")
    *lost, made, report = result.out.splitlines()
    assert len(lost) == 3 and all(line.endswith(":7-01-16: it cannot be read") for line in lost)
    assert made == f"{work / 'new'}: 1 repo with 3 commits, 3 of them without files that are lost"
    assert report == f"all that is lost: {work / 'new' / 'salvage.json'}"
    assert run("--store", str(work / "new"), "cat", "trips:7-02-16").out == "second\n"
    found = json.loads(run("store", "salvage", "other", "--json").out)
    assert not found["complete"] and {loss["path"] for loss in found["losses"]} == {"7-01-16"}


def test_salvage_opens_what_cannot_be_opened(run, trips, store_path, work):
    raw = bytearray((store_path / "data.mdb").read_bytes())
    raw[:8192] = bytes(8192)
    (store_path / "data.mdb").write_bytes(raw)
    assert run("ls", "trips").code != 0
    assert run("store", "salvage", "new").code == 1
    assert run("--store", str(work / "new"), "cat", "trips:7-01-16").out == "first\n"


def test_salvage_of_nothing_is_an_error(run, work):
    result = run("store", "salvage", "new")
    assert result.code == 3 and "there is no data.mdb in it" in result.err and not (work / "new").exists()


def test_check_repairs_what_follows_from_the_rest(run, ok, trips, store_path):
    with lmdb.open(os.fspath(store_path), max_dbs=32) as env, env.begin(write=True) as txn:
        for table in (b"log", b"objects"):
            txn.drop(env.open_db(table, txn=txn), delete=False)
    assert run("store", "check").code == 7
    planned = run("store", "check", "--repair", "--dry-run")
    assert planned.code == 7 and planned.out.startswith("would mend: object ")
    assert json.loads(run("store", "check", "--repair", "-n", "--json").out)["would_mend"]
    done = ok("store", "check", "--repair")
    assert done.startswith("mend: object ") and done.splitlines()[-1].startswith("sound: ")
    assert "files' contents were not read" not in done
    assert ok("cat", "trips:7-01-16") == "first\n"
    assert ok("store", "check", "--repair").startswith("nothing can be mended\nsound: ")
    assert json.loads(ok("store", "check", "--repair", "--json"))["mended"] == []


def test_check_names_what_a_repair_cannot_mend(run, damaged):
    result = run("store", "check", "--repair")
    assert result.code == 7
    assert "forget its place, so that it can be put again" in result.out
    assert ":7-01-16" in result.out and result.out.splitlines()[-1].startswith("1 problem in ")


def test_a_dry_run_of_nothing_is_a_mistake(run, trips):
    assert run("store", "check", "--dry-run").code == 2
