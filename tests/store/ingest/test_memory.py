"""What has not changed since it was last put is not read again, and nothing else is taken for it."""

from __future__ import annotations

import os
import sqlite3
import threading

import pytest

import store
from store.ingest.listing import NO_DISK
from store.ingest.memory import FILE, Memory, Remembered
from store.records import Entry
from store.testing.invariants import assert_sound


@pytest.fixture
def put(repo, source, opening):
    """Puts the source; the commit, and the files that were opened."""

    def run(**options):
        with opening() as heard, repo.edit() as edit:
            edit.put_directory(source, **options)
        names = {name for name in heard if name.startswith(b"file")}
        return edit.result, {os.fsdecode(name) for name in names}

    return run


@pytest.fixture
def files(source, aged):
    """Some files in three directories, old enough to be trusted."""
    for directory in ("", "one/", "one/two/"):
        (source / directory).mkdir(exist_ok=True)
        for number in range(3):
            (source / f"{directory}file-{len(directory)}-{number}").write_bytes(b"%d" % number)
        (source / f"{directory}link").symlink_to("nowhere")
    aged(source)
    return source


def test_what_is_unchanged_is_not_opened(put, files):
    first, opened = put()
    assert len(opened) == 9
    second, opened = put()
    assert second == first and opened == set()


def test_a_file_on_a_disk_that_holds_nothing_is_not_opened(put, source):
    if os.major(source.stat().st_dev) == NO_DISK:
        pytest.skip("what is said of a file's size is relied on where there is a disk")
    for number in range(3):
        (source / f"file-{number}").write_bytes(b"1" * number)
    commit, opened = put()
    assert opened == {"file-1", "file-2"} and commit.entry("file-0").size == 0


def test_of_what_changed_nothing_else_is_opened(put, files, aged):
    put()
    (files / "one/file-4-1").write_bytes(b"new")
    (files / "one/two/file-new").write_bytes(b"new")
    (files / "file-0-0").unlink()
    aged(files)
    commit, opened = put()
    assert opened == {"file-4-1", "file-new"}
    assert commit.read("one/file-4-1") == commit.read("one/two/file-new") == b"new"
    assert commit.read("file-0-0") == b"0", "a directory is laid over what is there"
    assert put() == (commit, set())


@pytest.mark.parametrize("way", ["written", "replaced"])
def test_a_change_that_keeps_size_and_mtime_is_seen(put, files, aged, way):
    put()
    path = files / "one/file-4-1"
    status = path.stat()
    if way == "written":
        path.write_bytes(b"X")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        (files.parent / "other").write_bytes(b"X")
        os.utime(files.parent / "other", ns=(status.st_atime_ns, status.st_mtime_ns))
        os.rename(files.parent / "other", path)
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    commit, _ = put()
    assert commit.read("one/file-4-1") == b"X"


def test_a_new_mode_is_seen_without_the_contents_being_stored_again(put, files):
    put()
    (files / "one/file-4-1").chmod(0o600)
    (files / "one/two").chmod(0o700)
    commit, _ = put()
    assert (
        commit.entry("one/file-4-1").mode & 0o777 == 0o600 and commit.entry("one/two").mode & 0o777 == 0o700
    )


def test_a_file_that_became_a_directory_is_refused_by_its_path(put, files):
    put()
    (files / "one/file-4-1").unlink()
    (files / "one/file-4-1").mkdir()
    with pytest.raises(store.NotADirectory, match="'one/file-4-1' is not a directory"):
        put()


def test_files_that_were_written_a_moment_ago_are_read_again(put, source):
    for number in range(20):
        (source / "file").write_bytes(b"%03d" % number)
        commit, opened = put()
        assert commit.read("file") == b"%03d" % number and opened == {"file"}


def test_checksum_reads_everything(put, files):
    first, _ = put()
    commit, opened = put(checksum=True)
    assert commit == first and len(opened) == 9


def test_a_damaged_memory_is_as_good_as_none(data, put, files):
    first, _ = put()
    memory = data.path / FILE
    whole = memory.read_bytes()
    damages = [
        b"",
        b"nonsense",
        whole[: len(whole) // 2],
        whole[:4096] + bytes(len(whole) - 4096),
        whole[:-1],
    ]
    for damaged in damages:
        memory.write_bytes(damaged)
        commit, _ = put()
        assert commit == first
    memory.unlink()
    assert put()[0] == first
    assert put() == (first, set()), "it is made again"


def test_a_flipped_byte_in_the_memory_is_noticed(data, put, files):
    first, _ = put()
    with sqlite3.connect(data.path / FILE) as database:
        for path, body in database.execute("SELECT path, body FROM directories").fetchall():
            other = bytearray(body)
            other[len(body) // 2] ^= 1
            database.execute("UPDATE directories SET body = ? WHERE path = ?", (bytes(other), path))
    database.close()
    commit, opened = put()
    assert commit == first and len(opened) == 9


def test_a_record_of_another_directory_is_noticed(data, put, files):
    first, _ = put()
    with sqlite3.connect(data.path / FILE) as database:
        rows = database.execute("SELECT path, body FROM directories ORDER BY path").fetchall()
        for (path, _), (_, body) in zip(rows, rows[1:] + rows[:1], strict=True):
            database.execute("UPDATE directories SET body = ? WHERE path = ?", (body, path))
    database.close()
    commit, opened = put()
    assert commit == first and len(opened) == 9


def test_a_memory_that_somebody_else_holds_is_done_without(data, put, files):
    first, _ = put()
    database = sqlite3.connect(data.path / FILE, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    assert put()[0] == first
    database.close()
    assert put() == (first, set())


def test_what_was_collected_meanwhile_is_read_again(data, repo, put, files):
    put()
    data.delete_repo("put")
    assert data.sweep(data.plan_gc()).dropped
    again = data.create_repo("put")
    with again.edit() as edit:
        edit.put_directory(files)
    assert edit.result.read("one/two/file-8-2") == b"2"
    assert_sound(data)


def test_a_store_that_was_made_anew_beside_an_old_memory_is_whole(tmp_path, data, put, files):
    put()
    with store.create(tmp_path / "other") as other:
        (tmp_path / "other" / FILE).write_bytes((data.path / FILE).read_bytes())
        with other.create_repo("put").edit() as edit:
            edit.put_directory(files)
        assert edit.result.read("one/two/file-8-2") == b"2"
        assert_sound(other)


def test_another_repo_gets_the_times_of_the_host(data, repo, put, files, aged):
    put()
    for name in ("file-0-0", "one/file-4-1"):
        os.utime(files / name, ns=(5, 5))
    aged(files)
    assert put()[0].entry("file-0-0").mtime_ns != 5, "it is the same to this repo"
    with data.create_repo("other").edit() as edit:
        edit.put_directory(files)
    assert edit.result.entry("file-0-0").mtime_ns == edit.result.entry("one/file-4-1").mtime_ns == 5
    with data.create_repo("third").edit() as edit:
        edit.put_directory(files)
    assert edit.result.tree.content == data.repo("other").head().tree.content


def test_a_file_that_was_changed_in_the_repo_is_put_again_from_memory(repo, put, files):
    put()
    with repo.edit() as edit:
        edit.write("one/file-4-1", b"changed here")
        edit.remove("one/two")
    commit, opened = put()
    assert opened == set() and commit.read("one/file-4-1") == b"1" and commit.read("one/two/file-8-1") == b"1"


def test_puts_at_once_from_one_place_all_succeed(data, files):
    repos = [data.create_repo(f"r{number}") for number in range(4)]

    def run(repo):
        for _ in range(3):
            with repo.edit() as edit:
                edit.put_directory(files)

    threads = [threading.Thread(target=run, args=(repo,)) for repo in repos]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({repo.head().tree.content for repo in repos}) == 1 and repos[0].head().tree.files == 12


def test_the_memory_stays_within_its_limit_and_drops_what_is_oldest(tmp_path):
    entry = Entry(b"", 0o40755, 0, 0, files=0)
    memory = Memory(tmp_path, limit=1 << 20)
    for number in range(40):
        memory.note(b"%d" % number, Remembered(b"", True, entry, os.urandom(100_000)))
        memory.save()
    assert (tmp_path / FILE).stat().st_size < 3 << 20
    assert memory.find(b"39") is not None and memory.find(b"0") is None
    memory.close()
