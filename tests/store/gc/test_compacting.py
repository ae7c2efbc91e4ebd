"""Compacting gives free pages back to the file system, and no page that any state or reader leads to."""

from __future__ import annotations

import ctypes
import errno
import os
import random
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import store
from store.engine import compact
from store.testing.invariants import assert_sound

PAGE = 4096
SHM = Path("/dev/shm")


def fill(data: store.Store, name: str, files: int = 60) -> None:
    with data.create_repo(name).edit() as edit:
        for number in range(files):
            edit.write(f"{number}", random.Random(f"{name} {number}").randbytes(20_000))


def collected(path: Path) -> Path:
    """A closed store of 1.2 MB in use and as much that is free."""
    with store.create(path) as data:
        fill(data, "kept")
        fill(data, "doomed")
        data.delete_repo("doomed")
        data.sweep(data.plan_gc())
    return path


def on_disk(path: Path) -> int:
    return (path / "data.mdb").stat().st_blocks * 512


def contents(data: store.Store) -> dict[bytes, bytes]:
    commit = data.repo("kept").commit()
    return {name: commit.read(name) for name, entry in commit.walk() if entry.is_file}


# a walk of LMDB's pages that shares no code with ours


def state(raw: bytes, slot: int) -> tuple[int, set[int]]:
    """The transaction of a meta page, and all the pages that it leads to."""
    (number,) = struct.unpack_from("<Q", raw, slot * PAGE + 144)
    roots = [struct.unpack_from("<Q", raw, slot * PAGE + at)[0] for at in (16 + 24 + 40, 16 + 24 + 48 + 40)]
    seen: set[int] = {0, 1}
    while roots:
        root = roots.pop()
        if root == 2**64 - 1:
            continue
        assert root not in seen
        seen.add(root)
        start = root * PAGE
        itself, flags, lower = struct.unpack_from("<Q2xHH", raw, start)
        assert itself == root
        for at in range(16, lower, 2):
            node = start + struct.unpack_from("<H", raw, start + at)[0]
            low, high, bits, key_size = struct.unpack_from("<4H", raw, node)
            if flags & 1:
                roots.append(low + (high << 16) + (bits << 32))
            elif bits & 1:
                (first,) = struct.unpack_from("<Q", raw, node + 8 + key_size)
                (pages,) = struct.unpack_from("<I", raw, first * PAGE + 12)
                seen |= set(range(first, first + pages))
            elif bits & 2:
                roots.append(struct.unpack_from("<Q", raw, node + 8 + key_size + 40)[0])
    return number, seen


def holes(file: Path) -> set[int]:
    """The pages that take no space."""
    found: set[int] = set()
    with file.open("rb") as opened:
        at, end = 0, os.fstat(opened.fileno()).st_size
        while at < end:
            hole = os.lseek(opened.fileno(), at, os.SEEK_HOLE)
            if hole >= end:
                break
            try:
                at = os.lseek(opened.fileno(), hole, os.SEEK_DATA)
            except OSError:
                at = end
            found |= set(range(hole // PAGE, at // PAGE))
    return found


@pytest.fixture(params=["disk", "tmpfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory on the disk, and one in memory."""
    if request.param == "disk":
        yield tmp_path
        return
    if not SHM.is_dir():
        pytest.skip("no /dev/shm")
    made = SHM / f"compacting-{os.getpid()}"
    made.mkdir()
    yield made
    shutil.rmtree(made)


def test_what_is_free_is_given_back_and_the_rest_stays_as_it_was(place):
    path = collected(place / "s")
    length, before = (path / "data.mdb").stat().st_size, on_disk(path)
    with store.open(path) as data:
        expected = contents(data)
        room = data.plan_compact()
        done = data.compact()
        assert contents(data) == expected
        assert_sound(data)
    assert done.returned == before - on_disk(path) > 1_000_000
    assert abs(room.returnable - done.returned) < 100_000
    assert (done.stored, done.kept) == (on_disk(path), 0)
    assert (path / "data.mdb").stat().st_size == length


def test_what_a_process_left_behind_the_last_page_is_cut_off(tmp_path):
    """As one does that is killed before it commits."""
    path = collected(tmp_path / "s")
    length = (path / "data.mdb").stat().st_size
    with (path / "data.mdb").open("ab") as file:
        file.write(b"left" * 100_000)
    with store.open(path) as data:
        expected = contents(data)
        assert data.compact().returned > 400_000
        assert contents(data) == expected
        assert_sound(data)
    assert (path / "data.mdb").stat().st_size == length


def test_a_second_time_there_is_next_to_nothing_to_give_back(tmp_path):
    with store.open(collected(tmp_path / "s")) as data:
        data.compact()
        assert data.compact().returned < 100_000


def test_what_was_given_back_is_used_again(tmp_path):
    path = collected(tmp_path / "s")
    with store.open(path) as data:
        data.compact()
        length = (path / "data.mdb").stat().st_size
        fill(data, "again", 50)
        assert (path / "data.mdb").stat().st_size == length
        assert_sound(data)


changes = st.lists(
    st.sampled_from(["fill", "commit", "delete", "sweep", "compact", "shelf"]), min_size=1, max_size=12
)


@given(changes=changes)
@settings(max_examples=15)
def test_no_page_that_either_meta_page_leads_to_is_ever_given_back(tmp_path_factory, changes):
    path = tmp_path_factory.mktemp("pages") / "s"
    with store.create(path) as data:
        for number, change in enumerate([*changes, "sweep", "compact"]):
            names = [repo.name for repo in data.repos()]
            if change == "fill":
                fill(data, f"r{number}", 12)
            elif change == "commit" and names:
                with data.repo(names[-1]).edit() as edit:
                    edit.write(f"{number}", b"%d" % number * 2_000)
            elif change == "delete" and names:
                data.delete_repo(names[0])
            elif change == "sweep":
                data.sweep(data.plan_gc())
            elif change == "shelf":
                data.shelf("shelf").put(b"key", b"x" * (40_000 // (number + 1)))
            elif change == "compact":
                data.compact()
                raw = (path / "data.mdb").read_bytes()
                states = [state(raw, slot) for slot in (0, 1)]
                assert abs(states[0][0] - states[1][0]) == 1
                assert not (states[0][1] | states[1][1]) & holes(path / "data.mdb")
        assert_sound(data)
    shutil.rmtree(path)


def test_the_state_before_the_last_is_whole_when_the_last_meta_page_was_torn(tmp_path):
    path = collected(tmp_path / "s")
    with store.open(path) as data:
        expected = contents(data)
        data.compact()
    raw = bytearray((path / "data.mdb").read_bytes())
    newest = max((0, 1), key=lambda slot: state(raw, slot)[0])
    number = state(raw, 1 - newest)[0]
    # As if it had never been written: before, there was the state before the other one.
    raw[newest * PAGE : newest * PAGE + PAGE] = raw[(1 - newest) * PAGE : (2 - newest) * PAGE]
    struct.pack_into("<Q", raw, newest * PAGE, newest)
    struct.pack_into("<Q", raw, newest * PAGE + 144, number - 1)
    (path / "data.mdb").write_bytes(raw)
    with store.open(path) as data:
        assert_sound(data)
        assert contents(data) == expected
        data.compact()
        assert contents(data) == expected


OLD_READER = """
import sys, store
with store.open(sys.argv[1]) as data, data._env.read() as reading:
    print("looking", flush=True)
    sys.stdin.readline()
    for table in (b"objects", b"segments", b"commits", b"log", b"refs", b"meta"):
        print(table, hash(tuple((key, bytes(value)) for key, value in reading.iter_raw(table))))
"""


def test_a_reader_of_another_process_reads_what_was_deleted_collected_and_compacted_beside_it(tmp_path):
    path = tmp_path / "s"
    with store.create(path) as data:
        fill(data, "kept")
        fill(data, "doomed")

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", OLD_READER, path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": "1"},
        )

    undisturbed, _ = start().communicate("go\n")
    reader = start()
    assert reader.stdout is not None and reader.stdout.readline() == "looking\n"
    with store.open(path) as data:
        data.delete_repo("doomed")
        data.sweep(data.plan_gc())
        done = data.compact()
        assert done.kept > 1_000_000 > done.returned
        rest, _ = reader.communicate("go\n")
        assert "looking\n" + rest == undisturbed
        assert data.compact().returned > 1_000_000


READER = """
import sys, store
with store.open(sys.argv[1]) as data:
    print("ready", flush=True)
    rounds = 0
    while True:
        commit = data.repo("kept").commit()
        for path, entry in commit.walk():
            assert entry.is_dir or len(commit.read(path)) == entry.size
        rounds += 1
        print(rounds, flush=True)
"""
ROUNDS = int(os.environ.get("RACE_ROUNDS", "12"))


def test_readers_of_other_processes_go_on_while_a_writer_and_compactions_are_at_work(tmp_path):
    path = collected(tmp_path / "s")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    try:
        for reader in readers:
            assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
        with store.open(path) as data:
            for number in range(ROUNDS):
                fill(data, "doomed", 20)
                with data.repo("kept").edit() as edit:
                    edit.write(f"{number % 7}", random.Random(number).randbytes(30_000))
                data.delete_repo("doomed")
                data.sweep(data.plan_gc())
                data.compact()
            assert_sound(data)
        for reader in readers:
            rounds = int(reader.stdout.readline()) if reader.stdout else 0
            assert rounds == 1 and reader.stdout and reader.stdout.readline() == "2\n"
    finally:
        for reader in readers:
            reader.kill()
            assert reader.communicate()[1] == ""


def test_a_list_of_free_pages_that_names_a_page_in_use_is_damage_and_nothing_is_given_back(tmp_path):
    path = collected(tmp_path / "s")
    raw = bytearray((path / "data.mdb").read_bytes())
    newest = max((0, 1), key=lambda slot: state(raw, slot)[0])
    (root,) = struct.unpack_from("<Q", raw, newest * PAGE + 80)
    (node,) = struct.unpack_from("<H", raw, root * PAGE + 16)
    at = root * PAGE + node + 8 + 8
    if struct.unpack_from("<H", raw, root * PAGE + node + 4)[0] & 1:
        at = struct.unpack_from("<Q", raw, at)[0] * PAGE + 16
    in_use = max(state(raw, newest)[1])
    struct.pack_into("<Q", raw, at + 8, in_use)
    (path / "data.mdb").write_bytes(raw)
    with store.open(path) as data:
        before = holes(path / "data.mdb")
        with pytest.raises(store.Corrupt, match=r"in use twice|neither in use nor free"):
            data.compact()
        assert holes(path / "data.mdb") == before


def test_a_file_system_without_holes_is_refused_with_the_way_out(tmp_path, monkeypatch):
    def lacking(*_: int) -> int:
        ctypes.set_errno(errno.EOPNOTSUPP)
        return -1

    monkeypatch.setattr(compact, "_fallocate", lacking)
    with store.open(collected(tmp_path / "s")) as data:
        with pytest.raises(store.Refused, match="pfs store copy"):
            data.compact()
        assert_sound(data)
