"""A process may open a store as often as it likes, and fork."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import store
from store.engine import acquire, release

# Python 3.12 and later warn of every fork of a process with threads.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with store.create(tmp_path / "data") as data, data.create_repo("trips").edit() as edit:
        edit.write("a", b"first")
    return tmp_path / "data"


@pytest.fixture
def data(path: Path) -> Iterator[store.Store]:
    with store.open(path) as opened:
        yield opened


def commit(data: store.Store, name: str) -> None:
    with data["trips"].edit() as edit:
        edit.write(name, name.encode())


def in_child(work: Callable[[], object]) -> int:
    """The exit code of a forked child that does `work`."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_store_may_be_opened_again(path):
    with store.open(path) as one, store.open(path) as other, store.open_or_create(path) as third:
        commit(one, "b")
        assert other["trips"].commit().read("b") == third["trips"].commit().read("b") == b"b"


def test_closing_one_of_two_leaves_the_other_open(path):
    one, other = store.open(path), store.open(path)
    one.close()
    one.close()
    commit(other, "b")
    other.close()


def test_it_is_the_same_store_by_another_path(path, tmp_path):
    (tmp_path / "link").symlink_to(path)
    with store.open(path) as one, store.open(tmp_path / "link") as other:
        commit(one, "b")
        assert other["trips"].commit().read("b") == b"b"


def test_what_it_gave_outlives_a_store_that_was_let_go_of(path):
    found = store.open(path)["trips"].commit()
    gc.collect()
    assert found.read("a") == b"first"


def test_a_closed_store_says_that_it_is_closed_and_not_that_it_is_damaged(path):
    data = store.open(path)
    data.close()
    with pytest.raises(store.Refused, match="was closed by this program"):
        data.repo("trips")


def test_the_last_to_release_an_environment_closes_it(path):
    env = acquire(path)
    assert acquire(path) is env
    release(env)
    assert env.last_txnid()
    release(env)
    assert acquire(path) is not env


def test_threads_that_open_at_once_share_one(path):
    start = threading.Barrier(8)

    def reads() -> bytes:
        start.wait()
        with store.open(path) as data:
            return data["trips"].commit().read("a")

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(reads) for _ in range(8)]} == {b"first"}


def test_a_child_goes_on_with_what_its_parent_had_open(data):
    found = data["trips"].commit()
    file = found.open("a")

    def work() -> None:
        assert file.read() == b"first"
        assert found.read("a") == b"first"
        commit(data, "of the child")

    assert in_child(work) == 0
    assert data["trips"].commit().read("of the child") == b"of the child"
    commit(data, "of the parent")
    assert in_child(lambda: data["trips"].commit().read("of the parent")) == 0


def test_a_child_may_open_and_close_what_its_parent_has_open(path, data):
    def work() -> None:
        with store.open(path) as again:
            commit(again, "b")
        data.close()

    assert in_child(work) == 0
    assert data["trips"].commit().read("b") == b"b"


def test_a_grandchild_goes_on_too(data):
    assert in_child(lambda: os._exit(in_child(lambda: commit(data, "b")))) == 0
    assert data["trips"].commit().read("b") == b"b"


def test_an_edit_stays_with_the_process_that_began_it(data):
    with data.create_repo("weather").edit() as edit:
        edit.write("a", b"garbage soon")
    data.delete_repo("weather")
    with data["trips"].edit() as edit:
        edit.write("b", b"b")

        def work() -> None:
            with pytest.raises(store.InUse, match="fork"):
                edit.commit()

        assert in_child(work) == 0
        # The child has ended; the lease on what the edit wrote is still held.
        with pytest.raises(store.InUse, match="edits"):
            data.sweep(data.plan_gc(), patience_seconds=0)
    assert data["trips"].commit().read("b") == b"b"


def test_children_that_are_forked_while_threads_read_and_write_find_every_lock_free(data):
    done = threading.Event()

    def busy(number: int) -> int:
        count = 0
        while not done.is_set():
            if number:
                data["trips"].commit().read("a")
            else:
                commit(data, "b")
            count += 1
        return count

    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(busy, number) for number in range(4)]
        try:
            codes = [in_child(lambda: commit(data, "c")) for _ in range(20)]
        finally:
            done.set()
        assert all(future.result() for future in futures)
    assert codes == [0] * 20
    assert data.check(read_data=True).problems == ()


def test_a_child_that_was_forked_in_the_midst_of_a_transaction_is_refused_and_the_parent_reads_on(
    data, monkeypatch
):
    monkeypatch.setattr("store.engine.sharing.FORK_SECONDS", 0.01)
    commit(data, "a")  # the first write of a process waits for its readers
    env = acquire(data.path)

    def work() -> None:
        with pytest.raises(store.InUse, match="midst of a transaction"):
            data.repos()
        data.close()

    with env.read() as reading:
        before = reading.number
        assert in_child(work) == 0
        with ThreadPoolExecutor(1) as pool:
            pool.submit(commit, data, "b").result()
        assert reading.number == before
    release(env)
    assert data["trips"].commit().read("b") == b"b"
