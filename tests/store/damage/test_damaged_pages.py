"""Any damage to the file below the records: what was written, or an error of ours.

LMDB has no checksums. Where it follows a damaged page it may notice itself, in words (Corrupt) or by ending the process
(SIGABRT), which is why `pfs store check` looks at the pages first, from a process of its own. Never may wrong data come
out; what was right some commits before may, where the check says that a table has gone back.
`python -m store.testing.damage` tries as many copies as one likes, and DAMAGE_SEED adds some here.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

import store
from store.engine import acquire, glance, pages, release
from store.engine.pagefile import PageFile
from store.fsck import check
from store.testing.damage import WAYS, Sample, make_sample, read_damaged

SEED = os.environ.get("DAMAGE_SEED")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    return make_sample(tmp_path_factory.mktemp("sample"))


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_what_damage_leaves_readable_is_right_and_the_check_finds_what_it_does_not(sample, tmp_path, way):
    more = [] if SEED is None else [f"{SEED} {number}" for number in range(3)]
    seeds = [*map(str, range(9)), *more]
    found = {seed: read_damaged(tmp_path, sample, way, f"{seed} {way}") for seed in seeds}
    stale = {"gone back"} if way in ("a stale page", "a lost write") else set()
    assert set(found.values()) <= {"right", "Corrupt", "NotAStore", "SIGABRT"} | stale, found
    if way == "a lost write":
        assert set(found.values()) == stale, found
    if way == "truncated":
        assert set(found.values()) <= {"Corrupt", "NotAStore"}, found


def roots(path: Path) -> dict[bytes, int]:
    """The first page of each table."""
    with PageFile(path) as file:
        meta = file.metas()[0]
        leaves = list(file.leaves(meta.main))
        found = [node for leaf in leaves for node in file.nodes(file.page(leaf))]
    trees = {node.key: pages.tree_record(node.data).root for node in found}
    return {table: root for table, root in trees.items() if root is not None}


@pytest.mark.parametrize("table", ["commits", "downstream", "objects", "pins", "refs", "repos", "segments"])
def test_a_page_of_another_store_in_the_place_of_a_tables_own_is_noticed_by_who_reads(
    sample, tmp_path, monkeypatch, table
):
    """Its records are as whole as ours."""
    for name, data in (("ours", sample.data), ("other", sample.other)):
        (tmp_path / name).write_bytes(data)
    here, there = (roots(tmp_path / name)[table.encode()] * 4096 for name in ("ours", "other"))

    def damage(data: bytearray, sample: Sample, _: object) -> None:
        data[here : here + 4096] = sample.other[there : there + 4096]

    monkeypatch.setitem(WAYS, "this", damage)
    assert read_damaged(tmp_path, sample, "this", "") == "Corrupt"


def test_the_check_names_the_table_of_a_damaged_page_and_asks_lmdb_nothing(sample, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/data.mdb").write_bytes(sample.data)
    for table, root in roots(tmp_path / "s/data.mdb").items():
        broken = bytearray(sample.data)
        broken[root * 4096 : root * 4096 + 4096] = bytes(4096)
        (tmp_path / "s/data.mdb").write_bytes(broken)
        env = acquire(tmp_path / "s")
        try:
            (problem,) = check(env).problems
        finally:
            release(env)
        assert (problem.record, problem.why) == (
            f"page {root} of table {table.decode()}",
            "it is another page",
        )


def rewritten(path: Path, change) -> None:
    """The two meta pages after `change`, which gets them as a bytearray."""
    with open(path / "data.mdb", "r+b") as file:
        metas = bytearray(file.read(8192))
        change(metas)
        file.seek(0)
        file.write(metas)


def last_first(metas: bytearray) -> None:
    metas[:4096], metas[4096:] = metas[4096:], metas[:4096]


def both_the_same(metas: bytearray) -> None:
    metas[4096:] = metas[:4096]


def a_number_of_long_ago(metas: bytearray) -> None:
    """The last transaction's number is the last field of a meta page."""
    for start in (0, 4096):
        at = start + 16 + 24 + 2 * 48 + 8
        if int.from_bytes(metas[at : at + 8], "little") > 4:
            metas[at : at + 8] = (2 - bool(start)).to_bytes(8, "little")
            return


@pytest.mark.parametrize("change", [last_first, both_the_same, a_number_of_long_ago])
def test_meta_pages_that_do_not_follow_each_other_are_noticed(tmp_path, change):
    with store.create(tmp_path / "s") as data, data.create_repo("trips").edit() as edit:
        edit.write("a", b"1")
        for number in range(4):
            data.shelf("s").put(b"k", b"%d" % number)
    rewritten(tmp_path / "s", change)
    with pytest.raises(store.Corrupt, match="two transactions in a row"):
        store.open(tmp_path / "s")


def test_a_file_that_lacks_its_last_pages_is_noticed_unless_they_are_free(tmp_path):
    """Cut off by a page at a time: opened as long as what is missing is in no list of free pages."""
    with store.create(tmp_path / "s") as data, data.create_repo("trips").edit() as edit:
        edit.write("a", os.urandom(100_000))
    size = (tmp_path / "s/data.mdb").stat().st_size
    os.truncate(tmp_path / "s/data.mdb", size - 4096)
    with pytest.raises(store.Corrupt, match="the last 4096 bytes are missing"):
        store.open(tmp_path / "s")


def test_records_out_of_order_are_noticed_by_who_lists_them(tmp_path):
    """Two records of a page in each other's place, whole and sealed: looking one of them up may miss it."""
    with store.create(tmp_path / "s") as data:
        for number in range(20):
            data.create_repo(f"repo-{number:02}")
    whole = bytearray((tmp_path / "s/data.mdb").read_bytes())
    for start in range(2 * 4096, len(whole), 4096):
        if whole[start + 10] == pages.LEAF and b"repo-19" in whole[start : start + 4096]:
            three, seven = (
                start + 16 + 2 * 3,
                start + 16 + 2 * 7,
            )  # offsets of records, in order of their keys
            whole[three : three + 2], whole[seven : seven + 2] = (
                whole[seven : seven + 2],
                whole[three : three + 2],
            )
    (tmp_path / "s/data.mdb").write_bytes(whole)
    with store.open(tmp_path / "s") as data:
        with pytest.raises(store.Corrupt, match="not in order"):
            data.repos()
        assert data.check().problems


def test_looking_at_a_store_beside_a_busy_writer_is_no_false_alarm(tmp_path):
    with store.create(tmp_path / "s") as data:
        done = threading.Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                number += 1
                data.shelf("s").put(b"k", b"%d" % number)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(300):
                with glance.PageFile(tmp_path / "s/data.mdb") as file, data._env._env.begin() as txn:
                    glance.check(file, txn)
        finally:
            done.set()
            writer.join()
