"""A salvage gets out what is there, names what is lost, and never gives a wrong byte."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lmdb
import pytest

import store
from store.ids import CommitId
from store.testing.invariants import assert_sound

Files = dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Original:
    """A store that is closed."""

    path: Path
    raw: bytes
    """Its database."""
    commits: dict[tuple[str, CommitId], Files]
    """The files of each commit."""
    ever: dict[tuple[str, CommitId], Files]
    """The same with those of a repo that was deleted."""


def files(commit: store.Commit) -> Files:
    return {path: commit.read(path) for path, entry in commit.walk() if entry.is_file}


def commits(data: store.Store) -> dict[tuple[str, CommitId], Files]:
    found = {}
    with data._env.read() as reading:
        keys = [key for key, _ in reading.iter_raw(b"commits")]
    for key in keys:
        commit = data.commit(key[16:].decode(), CommitId(key[:16]))
        found[commit.repo, commit.id] = files(commit)
    return found


def large(number: int) -> bytes:
    return random.Random(f"large {number}").randbytes(400_000)


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Original:
    """Ten commits of trips on two branches, some of sales, a deleted repo, a pin, a draft's worth of shelves."""
    path = tmp_path_factory.mktemp("original") / "s"
    with store.create(path) as data:
        trips, doomed = data.create_repo("trips", description="rides of a day"), data.create_repo("doomed")
        for number in range(8):
            with trips.edit(message=f"{number}") as edit:
                edit.write(f"days/{number}", random.Random(number).randbytes(1_000 * number))
                edit.write("large", large(number % 2))
                if number == 0:
                    for each in range(300):
                        edit.write(f"many/{each}", b"%d" % each)
            with doomed.edit() as other:
                other.write(f"{number}", b"doomed %d" % number)
        trips.create_branch("dev", trips.commit("master.5"))
        for number in range(2):
            with trips.edit("dev", message=f"dev {number}") as edit:
                edit.write(f"dev{number}", b"dev")
        trips.create_tag("v1", trips.commit("master.3"))
        sales = data.create_repo("sales")
        for number in range(3):
            with sales.edit() as edit:
                edit.write("total", b"%d" % number)
        assert edit.result is not None
        data.pins.put(b"datum/1", edit.result.tree, b"note")
        data.shelf("jobs").update({b"%d" % number: b"done" for number in range(40)})
        ever = commits(data)
        data.delete_repo("doomed")
        found = commits(data)
    return Original(path, (path / "data.mdb").read_bytes(), found, ever)


PAGE = 4096
COPIES = int(os.environ.get("DAMAGED_COPIES", "2"))
"""Random copies for each kind of damage."""


def bit(raw: bytearray, rng: random.Random) -> None:
    for _ in range(8):
        raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)


def zeroed(raw: bytearray, rng: random.Random) -> None:
    for _ in range(3):
        page = rng.randrange(len(raw) // PAGE)
        raw[page * PAGE : page * PAGE + PAGE] = bytes(PAGE)


def truncated(raw: bytearray, rng: random.Random) -> None:
    del raw[rng.randrange(len(raw) // 4, len(raw)) :]


def swapped(raw: bytearray, rng: random.Random) -> None:
    for _ in range(2):
        one, two = (rng.randrange(2, len(raw) // PAGE) * PAGE for _ in range(2))
        raw[one : one + PAGE], raw[two : two + PAGE] = raw[two : two + PAGE], raw[one : one + PAGE]


def without_metas(raw: bytearray, rng: random.Random) -> None:
    raw[: 2 * PAGE] = rng.randbytes(2 * PAGE)


def appended(raw: bytearray, rng: random.Random) -> None:
    raw += rng.randbytes(rng.randrange(1, 100_000))


KINDS: dict[str, Callable[[bytearray, random.Random], None]] = {
    "flipped bits": bit,
    "zeroed pages": zeroed,
    "truncated": truncated,
    "swapped pages": swapped,
    "meta pages overwritten": without_metas,
    "garbage appended": appended,
}


def damaged(
    original: Original, path: Path, damage: Callable[[bytearray, random.Random], None], seed: object
) -> Path:
    raw = bytearray(original.raw)
    damage(raw, random.Random(str(seed)))
    path.mkdir()
    (path / "data.mdb").write_bytes(raw)
    return path


def deleted(original: Original, path: Path, rng: random.Random) -> Path:
    """Records are gone that LMDB does not miss."""
    shutil.copytree(original.path, path)
    with lmdb.open(os.fspath(path), max_dbs=32) as env, env.begin(write=True) as txn:
        for table in rng.sample([b"objects", b"segments", b"commits", b"refs", b"repos", b"log", b"meta"], 3):
            handle = env.open_db(table, txn=txn)
            for key in rng.sample(keys := [key for key, _ in txn.cursor(handle)], min(2, len(keys))):
                txn.delete(key, db=handle)
    return path


def assert_true(original: Original, done: store.Salvaged) -> dict[tuple[str, object], Files]:
    """Nothing in the new store is wrong: what has its old id is what it was, and the rest is part of it."""
    with store.open(done.path) as data:
        assert_sound(data)
        found = commits(data)
    old_names = {new: old for old, new in done.changed.items()}
    whole = {f"{repo}@{commit}": held for (repo, commit), held in original.ever.items()}
    for (repo, commit), held in found.items():
        name = f"{repo}@{commit}"
        if name not in old_names:
            assert held == whole[name]
            continue
        before = whole[old_names[name]]
        assert held.items() < before.items()
        lost = {loss.path for loss in done.losses if loss.where == old_names[name]}
        for path in before.keys() - held.keys():
            parents = [path[:at] for at, byte in enumerate(path) if byte == ord("/")]
            assert lost & {path, b"", *parents}
    assert not done.problems
    return found


def test_of_a_sound_store_everything_is_got_out_as_it_was(original, tmp_path):
    done = store.salvage(original.path, tmp_path / "out")
    assert done.complete and not done.changed and (done.repos, done.commits, done.pins) == (2, 13, 1)
    assert assert_true(original, done) == original.commits
    with store.open(original.path) as old, store.open(tmp_path / "out") as new:
        for repo in old.repos():
            other = new.repo(repo.name)
            assert (other.branches(), other.tags()) == (repo.branches(), repo.tags())
            assert [commit.digest for commit in other.log()] == [commit.digest for commit in repo.log()]
            assert (other.description, other.created_ns) == (repo.description, repo.created_ns)
        assert list(new.pins.iter()) == list(old.pins.iter())
        assert list(new.shelf("jobs").iter()) == list(old.shelf("jobs").iter())
        assert new.header.created_ns == old.header.created_ns and new.header.id != old.header.id


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy", range(COPIES))
def test_whatever_the_damage_what_is_got_out_is_what_was_written(original, tmp_path, kind, copy):
    path = damaged(original, tmp_path / "s", KINDS[kind], f"{kind} {copy}")
    before = (path / "data.mdb").read_bytes()
    try:
        done = store.salvage(path, tmp_path / "out")
    except store.Corrupt:
        assert kind == "truncated" and not (tmp_path / "out").exists()
        return
    assert_true(original, done)
    assert (path / "data.mdb").read_bytes() == before
    assert os.listdir(path) == ["data.mdb"]


@pytest.mark.parametrize("copy", range(COPIES))
def test_records_that_are_gone_are_found_again_or_made_up_for(original, tmp_path, copy):
    path = deleted(original, tmp_path / "s", random.Random(copy))
    found = assert_true(original, store.salvage(path, tmp_path / "out"))
    assert len(found) >= len(original.commits) - 2


@pytest.mark.parametrize("kind", ["meta pages overwritten", "garbage appended"])
def test_every_commit_is_got_out_where_only_lmdbs_own_records_are_lost(original, tmp_path, kind):
    path = damaged(original, tmp_path / "s", KINDS[kind], kind)
    done = store.salvage(path, tmp_path / "out")
    found = assert_true(original, done)
    assert original.commits.items() <= found.items()
    with store.open(tmp_path / "out") as data:
        assert data.repo("trips").commit("v1").message == "2"
        assert data.repo("trips").commit("dev").message == "dev 1"
        assert data.repo("sales").commit().read("total") == b"2"


def test_without_any_branch_page_everything_is_got_out(original, tmp_path):
    """As if every B-tree were destroyed: only leaves and values are left."""

    def fell(raw: bytearray, rng: random.Random) -> None:
        without_metas(raw, rng)
        for at in range(2 * PAGE, len(raw), PAGE):
            if int.from_bytes(raw[at + 10 : at + 12], "little") == 1:
                raw[at : at + PAGE] = bytes(PAGE)

    path = damaged(original, tmp_path / "s", fell, 0)
    found = assert_true(original, store.salvage(path, tmp_path / "out"))
    assert original.commits.items() <= found.items()


def test_a_lost_file_is_named_and_all_others_are_kept(original, tmp_path):
    shutil.copytree(original.path, tmp_path / "s")
    with store.open(tmp_path / "s") as data:
        chunk = data.extents(data.repo("trips").commit("master.8").entry("large"), 0, 1)[0].chunk
    raw = bytearray((tmp_path / "s" / "data.mdb").read_bytes())
    at = raw.find(large(1)[:100])
    raw[at + 50] ^= 1
    (tmp_path / "s" / "data.mdb").write_bytes(raw)
    done = store.salvage(tmp_path / "s", tmp_path / "out")
    found = assert_true(original, done)
    hit = {
        f"trips@{commit}" for (_, commit), held in original.commits.items() if held.get(b"large") == large(1)
    }
    assert chunk and hit
    assert {loss.where for loss in done.losses if loss.path == b"large"} == hit == done.changed.keys()
    assert len(found) == len(original.commits)
    with store.open(tmp_path / "out") as data:
        head = data.repo("trips").commit()
        assert str(head.id) == done.changed[f"trips@{max(original_log(original))[1]}"].partition("@")[2]
        assert head.depth == 8 and b"large" not in files(head) and files(head)[b"many/7"] == b"7"


def original_log(original: Original) -> list[tuple[int, object]]:
    with store.open(original.path) as data:
        return [(commit.depth, commit.id) for commit in data.repo("trips").log()]


def test_a_report_lies_in_the_new_store(original, tmp_path):
    path = damaged(original, tmp_path / "s", without_metas, 0)
    done = store.salvage(path, tmp_path / "out")
    report = json.loads((tmp_path / "out" / "salvage.json").read_text())
    assert report["source"] == str(path) and report["commits"] == done.commits
    assert not report["complete"] and len(report["losses"]) == len(done.losses)


def test_a_commit_that_is_gone_is_left_out_of_the_history(original, tmp_path):
    shutil.copytree(original.path, tmp_path / "s")
    with store.open(tmp_path / "s") as data:
        gone = data.repo("trips").commit("master.4")
        ids = [commit.id for commit in data.repo("trips").log()]
    raw = (tmp_path / "s" / "data.mdb").read_bytes()
    # Its key is on more pages than the one in use.
    (tmp_path / "s" / "data.mdb").write_bytes(raw.replace(bytes(gone.id) + b"trips", bytes(16) + b"trips"))
    done = store.salvage(tmp_path / "s", tmp_path / "out")
    assert_true(original, done)
    with store.open(tmp_path / "out") as data:
        kept = [commit.id for commit in data.repo("trips").log()]
        assert kept[:4] == ids[:4] and set(kept) <= set(ids) - {gone.id}
        assert {commit for _, commit in commits(data)} >= set(ids) - {gone.id}
    child = f"trips@{ids[3]}"
    assert any(loss.where == child and "commits before it are gone" in loss.why for loss in done.losses)


@pytest.mark.parametrize("what", [b"", b"x" * 10, bytes(100_000), random.Random(0).randbytes(100_000)])
def test_of_what_is_no_store_nothing_is_got_out(tmp_path, what):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "data.mdb").write_bytes(what)
    with pytest.raises(store.Corrupt, match="no repo and no commit"):
        store.salvage(tmp_path / "s", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_without_a_database_is_no_store(tmp_path):
    with pytest.raises(store.NotAStore):
        store.salvage(tmp_path, tmp_path / "out")


def test_a_destination_that_is_not_empty_is_refused(original, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(store.Refused):
        store.salvage(original.path, tmp_path)
    assert os.listdir(tmp_path) == ["mine"]
