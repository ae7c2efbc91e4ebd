"""Opening and making stores: everything that can be wrong with a directory is its own clear error."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import lmdb
import pytest

import store
from store.engine.txn import TABLES
from store.format import sealed, tables
from store.format.tables import FORMAT, HEADER_KEY, META, Header
from store.testing.invariants import assert_sound


def test_a_new_store_belongs_to_its_user_alone(tmp_path):
    old = os.umask(0)
    try:
        store.create(tmp_path / "a/b").close()
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/b").iterdir()} == {0o600}


def test_what_was_committed_is_there_after_opening_again(tmp_path):
    with store.create(tmp_path / "s") as data, data.create_repo("trips").edit() as edit:
        edit.write("a", b"1")
    with store.open(tmp_path / "s") as data:
        assert data.resolve_commit("trips").read("a") == b"1"
        assert_sound(data)


def test_an_existing_empty_directory_becomes_a_store(tmp_path):
    with store.open_or_create(tmp_path) as data:
        assert data.repos() == []
    with store.open_or_create(tmp_path) as data:
        assert data.path == tmp_path
    with pytest.raises(store.Exists):
        store.create(tmp_path)


def test_what_holds_no_store_is_not_opened_and_not_touched(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/precious").write_text("1")
    (tmp_path / "file").write_text("1")
    for name in ("nothing", "empty", "full", "file"):
        with pytest.raises(store.NotAStore):
            store.open(tmp_path / name)
    for name in ("full", "file"):
        with pytest.raises(store.NotAStore):
            store.open_or_create(tmp_path / name)
    assert sorted(os.listdir(tmp_path / "full")) == ["precious"]
    assert os.listdir(tmp_path / "empty") == [] and not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("opening", [store.open, store.open_or_create])
def test_what_can_be_no_store_is_named_with_what_it_is(tmp_path, opening):
    for name in ("file", "folder/data.mdb/below", "pipe/nothing", "dangling/nothing"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling/data.mdb").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe/data.mdb")
    for name, why in {
        "file": "it is not a directory",
        "folder": "data.mdb in it is not a file",
        "pipe": "data.mdb in it is not a file",
        "link": "it is a symlink to 'nowhere', which leads nowhere",
        "loop": "it is a symlink to 'loop', which leads nowhere",
        "dangling": "data.mdb in it",
    }.items():
        with pytest.raises(store.NotAStore, match=f"{name} is not a store: .*{why}") as raised:
            opening(tmp_path / name)
        assert "`pfs repo create NAME` makes one" in raised.value.hint()
    assert not (tmp_path / "dangling/nowhere").exists()


@pytest.mark.parametrize("content", [b"", b"not a database", bytes(8192), os.urandom(100_000)])
def test_a_file_that_is_no_database_of_ours_is_refused(tmp_path, content):
    (tmp_path / "data.mdb").write_bytes(content)
    with pytest.raises(store.NotAStore):
        store.open(tmp_path)
    if content:
        with pytest.raises(store.NotAStore):
            store.open_or_create(tmp_path)
        assert (tmp_path / "data.mdb").read_bytes() == content


def test_a_database_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path):
    with lmdb.open(os.fspath(tmp_path)) as theirs, theirs.begin(write=True) as txn:
        txn.put(b"their", b"data")
    for opening in (store.open, store.create, store.open_or_create):
        with pytest.raises(store.NotAStore):
            opening(tmp_path)
    with lmdb.open(os.fspath(tmp_path)) as theirs, theirs.begin() as txn:
        assert list(txn.cursor()) == [(b"their", b"data")]


def rewrite_header(path: Path, header: Header) -> None:
    with lmdb.open(os.fspath(path), max_dbs=16) as env, env.begin(write=True) as txn:
        value = sealed.seal(META, HEADER_KEY, tables.encode(header))
        txn.put(HEADER_KEY, value, db=env.open_db(META, txn=txn))


def test_a_store_of_a_newer_format_is_refused_with_both_numbers(tmp_path):
    store.create(tmp_path).close()
    rewrite_header(tmp_path, Header(FORMAT + 1, 0, b""))
    with pytest.raises(store.NewerFormat) as caught:
        store.open(tmp_path)
    assert (caught.value.found, caught.value.known) == (FORMAT + 1, FORMAT)
    with pytest.raises(store.NewerFormat):
        store.open_or_create(tmp_path)


def test_a_store_whose_files_are_cut_in_another_way_is_refused(tmp_path):
    store.create(tmp_path).close()
    rewrite_header(tmp_path, Header(FORMAT, 0, b"", ("rabin", 1, 2, 3)))
    with pytest.raises(store.Corrupt, match="chunker"):
        store.open(tmp_path)


@pytest.mark.parametrize("share", [0.7, 0.3, 0.002])
def test_a_data_file_that_was_cut_off_is_noticed_before_it_is_read(tmp_path, share):
    with store.create(tmp_path / "s") as data, data.create_repo("trips").edit() as edit:
        edit.write("large", os.urandom(5_000_000))
    size = (tmp_path / "s/data.mdb").stat().st_size
    os.truncate(tmp_path / "s/data.mdb", int(size * share))
    with pytest.raises(store.Corrupt, match="cut off"):
        store.open(tmp_path / "s")


def test_a_failed_opening_leaves_nothing_open(tmp_path):
    store.create(tmp_path).close()
    rewrite_header(tmp_path, Header(FORMAT + 1, 0, b""))
    for _ in range(3):
        with pytest.raises(store.NewerFormat):
            store.open(tmp_path)
    rewrite_header(tmp_path, Header(FORMAT, 0, b""))
    store.open(tmp_path).close()


@pytest.mark.parametrize(
    "left", ["directory", "empty data file", "empty database", "tables without a header"]
)
def test_a_store_whose_making_was_cut_short_is_made_at_the_next_try(tmp_path, left):
    if left == "empty data file":
        (tmp_path / "data.mdb").touch()
        (tmp_path / "lock.mdb").touch()
    elif left != "directory":
        with lmdb.open(os.fspath(tmp_path), max_dbs=16) as env, env.begin(write=True) as txn:
            for name in TABLES if left == "tables without a header" else ():
                env.open_db(name, txn=txn)
    with pytest.raises(store.NotAStore):
        store.open(tmp_path)
    with store.open_or_create(tmp_path) as data:
        data.create_repo("trips")
        assert_sound(data)


def test_many_processes_may_make_and_open_the_same_store_at_once(tmp_path):
    program = (
        "import sys, store\nsys.stdin.readline()\n"
        "with store.open_or_create(sys.argv[1]) as data: print(data.header.id.hex())"
    )
    for attempt in range(4):
        makers = [
            subprocess.Popen(
                [sys.executable, "-c", program, tmp_path / f"s{attempt}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        for maker in makers:
            maker.stdin.write("\n")
            maker.stdin.flush()
        outputs = {maker.communicate(timeout=200)[0] for maker in makers}
        assert [maker.returncode for maker in makers] == [0] * 4 and len(outputs) == 1


def test_two_processes_see_each_others_commits(tmp_path):
    with store.create(tmp_path / "s") as data:
        trips = data.create_repo("trips")
        with trips.edit() as edit:
            edit.write("a", b"1")
        program = (
            "import sys, store\n"
            "with store.open(sys.argv[1]) as data:\n"
            "    with data.repo('trips').edit() as edit: edit.write('b', data.resolve_commit('trips').read('a'))\n"
        )
        before = data.last_txnid()
        subprocess.run([sys.executable, "-c", program, data.path], check=True, timeout=200)
        assert data.last_txnid() > before
        assert trips.head().read("b") == b"1" and trips.head().depth == 2


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A temporary directory that every user may pass; pytest's own are shut."""
    with tempfile.TemporaryDirectory() as path:
        os.chmod(path, 0o755)
        yield Path(path)


def test_a_directory_that_may_not_be_entered_or_written_is_named(open_to_all):
    tmp_path = open_to_all
    if os.geteuid() != 0:
        pytest.skip("needs root, to become somebody else")
    store.create(tmp_path / "mine").close()
    (tmp_path / "shut").mkdir(mode=0o700)
    store.create(tmp_path / "shut/inside").close()
    (tmp_path / "mine").chmod(0o755)
    program = (
        "import os, sys, store\n"
        "os.setgroups([]), os.setgid(65534), os.setuid(65534)\n"
        "for opening, where in ((store.open, 'mine'), (store.open, 'shut/inside'), (store.create, 'shut/new')):\n"
        "    try: opening(f'{sys.argv[1]}/{where}')\n"
        "    except store.NotWritable as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"cannot write {tmp_path}/mine: permission denied",
        f"cannot write {tmp_path}/shut/inside: permission denied",
        f"cannot write {tmp_path}/shut/new: permission denied",
    ]
