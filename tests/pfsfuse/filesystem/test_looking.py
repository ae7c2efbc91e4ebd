"""Looking around, and reading."""

from __future__ import annotations

import io
import os
import pickle
from datetime import UTC, datetime

import fsspec
import pytest

import store
from pfsfuse.filesystem import PfsFileSystem


def names(found):
    return [each["name"] for each in found]


def test_the_root_lists_repos_and_an_at_sign_lists_refs(fs, data, trips):
    data.create_repo("weather")
    trips.create_branch("dev", trips["master.1"])
    trips.create_tag("v1", trips["master.1"])
    assert names(fs.ls("pfs://")) == ["trips", "weather"]
    found = fs.ls("pfs://trips@")
    assert [(each["name"], each["kind"]) for each in found] == [
        ("trips@dev", "branch"),
        ("trips@master", "branch"),
        ("trips@v1", "tag"),
    ]
    assert found[2]["commit"] == str(trips["master.1"].id)
    assert fs.info("trips@")["type"] == fs.info("")["type"] == "directory"


def test_ls_gives_names_and_sizes_of_all_entries(fs):
    found = fs.ls("trips@master.2")
    assert [(each["name"], each["type"], each["size"]) for each in found] == [
        ("trips@master.2/2016", "directory", 0),
        ("trips@master.2/7-01-16", "file", 6),
    ]
    assert found[0]["files"] == 1 and found[0]["total_size"] == 4
    assert fs.ls("trips/7-01-16", detail=False) == ["trips/7-01-16"]


def test_a_branch_without_commits_is_an_empty_directory(fs, data):
    data.create_repo("weather")
    assert fs.ls("weather") == [] and fs.isdir("weather@master")


def test_find_walk_glob_and_du_agree_with_the_tree(fs):
    assert fs.find("trips") == ["trips/2016/7-02-16", "trips/7-01-16"]
    assert [(root, sorted(dirs), sorted(files)) for root, dirs, files in fs.walk("trips")] == [
        ("trips", ["2016"], ["7-01-16"]),
        ("trips/2016", [], ["7-02-16"]),
    ]
    assert fs.glob("trips@master.1/**/7-*") == ["trips@master.1/2016/7-02-16", "trips@master.1/7-01-16"]
    assert fs.glob("*/7-*-16") == ["trips/7-01-16"]
    assert fs.du("trips") == 10 and fs.du("trips", maxdepth=1) == 6 and fs.du("") == 10


def test_what_is_there_exists_and_nothing_else(fs):
    assert fs.exists("trips/2016") and fs.isfile("trips/2016/7-02-16")
    for path in ("trips/none", "none", "trips@none/a", "trips@master.9", "tr!ps/a", "trips/7-01-16/below"):
        assert not fs.exists(path)


def test_times_are_the_files_own(fs):
    assert fs.modified("trips/2016/7-02-16") == datetime.fromtimestamp(10**9, UTC)
    assert fs.created("trips/2016/7-02-16") == fs.modified("trips/2016/7-02-16")
    assert fs.info("trips/2016/7-02-16")["mtime_ns"] == 10**18


def test_a_key_is_equal_exactly_where_contents_are(fs, trips):
    with trips.edit() as edit:
        edit.write("again", b"one\n", mtime_ns=0)
    assert fs.ukey("trips/again") == fs.ukey("trips@master.1/7-01-16") != fs.ukey("trips/7-01-16")
    assert fs.checksum("trips/again") == fs.checksum("trips@master.1/7-01-16")
    assert fs.ukey("trips@master.1/2016") == fs.ukey("trips@master.2/2016")
    assert fs.ukey("trips@master.1") != fs.ukey("trips@master.2")


@pytest.mark.parametrize(
    ("start", "end"), [(None, None), (2, 5), (-3, None), (None, -2), (-4, -1), (4, 2), (90, 99), (0, 10**9)]
)
def test_a_range_is_a_slice(fs, start, end):
    assert fs.cat_file("trips/7-01-16", start, end) == b"three\n"[start:end]


def test_ranges_of_several_files_come_at_once(fs):
    paths = ["trips/7-01-16", "trips/2016/7-02-16", "trips/none"]
    *found, error = fs.cat_ranges(paths, [0, 1, 0], [2, 3, 1])
    assert found == [b"th", b"wo"] and isinstance(error, FileNotFoundError)
    assert fs.cat(["trips/7-01-16", "trips/2016/7-02-16"]) == dict(
        zip(paths, (b"three\n", b"two\n"), strict=False)
    )
    assert fs.head("trips/7-01-16", 2) + fs.tail("trips/7-01-16", 2) == b"the\n"


@pytest.fixture(scope="module")
def content() -> bytes:
    return os.urandom(3_000_000)


def test_an_open_file_reads_seeks_and_fills_buffers(fs, trips, content):
    with trips.edit() as edit:
        edit.write("large", content)
    with fs.open("trips/large") as file:
        assert file.size == len(content) and file.info()["size"] == len(content)
        assert file.full_name == "pfs://trips/large"
        buffer = bytearray(1_000_000)
        assert file.readinto(buffer) == len(buffer) and buffer == content[: len(buffer)]
        assert file.loc == file.tell() == len(buffer)
        assert file.seek(-5, io.SEEK_END) == len(content) - 5 and file.read() == content[-5:]
        file.seek(2_500_000)
        assert file.read(100) == content[2_500_000:2_500_100]
        assert not file.writable() and file.readable() and file.seekable()


def test_an_open_file_stays_what_it_was(fs, trips):
    with fs.open("trips/7-01-16") as file:
        with trips.edit() as edit:
            edit.write("7-01-16", b"other\n")
        assert file.read() == b"three\n"
    assert fs.cat_file("trips/7-01-16") == b"other\n"


def test_text_and_compression_are_layers_on_top(fs):
    with fs.open("trips/a.gz", "wt", compression="infer", encoding="utf-16") as file:
        file.write("line\nanother\n")
    with fs.open("trips/a.gz", "rt", compression="gzip", encoding="utf-16") as file:
        assert file.readlines() == ["line\n", "another\n"]


def test_symlinks_are_followed_inside_their_tree_and_shown_where_they_lead_out(fs, trips):
    with trips.edit() as edit:
        edit.symlink("2016/link", "../7-01-16")
        edit.symlink("directory", "2016")
        edit.symlink("out", "../../etc/passwd")
        edit.symlink("absolute", "/etc/passwd")
        edit.symlink("loop", "loop")
    assert fs.cat_file("trips/2016/link") == fs.cat_file("trips/directory/link") == b"three\n"
    assert fs.info("trips/2016/link")["destination"] == "../7-01-16"
    assert fs.isdir("trips/directory")
    for name in ("out", "absolute", "loop"):
        assert fs.info(f"trips/{name}")["type"] == "link"
        with pytest.raises(FileNotFoundError, match="symlink"):
            fs.open(f"trips/{name}")


def test_a_walk_does_not_go_round_in_circles(fs, trips):
    with trips.edit() as edit:
        edit.symlink("2016/up", "..")
    assert fs.find("trips") == ["trips/2016/7-02-16", "trips/2016/up", "trips/7-01-16"]
    assert fs.cat_file("trips/2016/up/2016/up/7-01-16") == b"three\n"


@pytest.mark.parametrize("name", ["a@b", "a:b", "a#b", "a?b", "ü", "a b", "a\nb", "\udcff", "[x]", "x" * 255])
def test_any_name_that_a_store_holds_can_be_read_and_written(fs, trips, name):
    fs.pipe_file(f"trips/below/{name}", b"1")
    assert fs.ls("trips/below", detail=False) == [f"trips/below/{name}"]
    assert fs.cat_file(f"trips/below/{name}") == b"1"
    assert trips["master"].read(f"below/{name}".encode("utf-8", "surrogateescape")) == b"1"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda fs: fs.open("trips/none"), FileNotFoundError),
        (lambda fs: fs.open("none/a"), FileNotFoundError),
        (lambda fs: fs.open("trips@none/a"), FileNotFoundError),
        (lambda fs: fs.ls("trips/none"), FileNotFoundError),
        (lambda fs: fs.ls("trips@/a"), FileNotFoundError),
        (lambda fs: fs.open("trips/2016"), IsADirectoryError),
        (lambda fs: fs.cat_file("trips"), IsADirectoryError),
        (lambda fs: fs.open("trips/7-01-16/below"), NotADirectoryError),
        (lambda fs: fs.ls("tr!ps"), OSError),
        (lambda fs: fs.info("trips/../a"), OSError),
    ],
)
def test_errors_are_those_that_programs_catch(fs, call, error):
    with pytest.raises(error) as raised:
        call(fs)
    assert "pfs://" in str(raised.value)


def test_damage_is_an_input_output_error_that_names_the_object(fs, data, monkeypatch):
    def damaged(*arguments: object) -> bytes:
        raise store.Corrupt("chunk 1234", "segment 1 holds other bytes")

    monkeypatch.setattr(store.Store, "fetch", damaged)
    with pytest.raises(OSError, match=r"damaged chunk 1234.*pfs store check"):
        fs.cat_file("trips/7-01-16")


def test_a_file_system_and_an_open_file_are_pickled_with_the_place_of_the_store(data, monkeypatch):
    monkeypatch.setenv("PFS_STORE", str(data.path))
    fs = fsspec.filesystem("pfs")
    file = fs.open("trips/7-01-16")
    file.read(2)
    sent = pickle.dumps((fs, file))
    monkeypatch.delenv("PFS_STORE")
    found, again = pickle.loads(sent)
    assert found.store_path == data.path and again.read() == b"ree\n"
    PfsFileSystem.clear_instance_cache()


def test_a_store_that_was_made_anew_at_the_same_path_is_opened_anew(fs, data, tmp_path):
    assert fs.exists("trips")
    data.close()
    os.rename(tmp_path / "data", tmp_path / "old")
    with store.create(tmp_path / "data") as other:
        other.create_repo("weather")
        assert fs.ls("", detail=False) == ["weather"]
