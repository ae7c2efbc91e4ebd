"""What changes files: each call is one commit, or nothing happened."""

from __future__ import annotations

import contextlib
import gc
import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pandas
import pytest

import store
from pfsfuse.filesystem import PfsFileSystem


def depth(repo: store.Repo, branch: str = "master") -> int:
    head = repo.head(branch)
    return 0 if head is None else head.depth


def test_a_closed_file_is_one_commit(fs, trips):
    with fs.open("trips/a.csv", "wb") as file:
        file.write(b"1,")
        file.write(b"2\n")
        assert depth(trips) == 2 and not fs.exists("trips/a.csv")
    assert depth(trips) == 3
    head = trips["master"]
    assert head.read("a.csv") == b"1,2\n" and head.message == "write a.csv"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fs: fs.pipe_file("trips/a", b"1"), "write a"),
        (
            lambda fs: fs.pipe({f"trips/{name}": b"1" for name in "abcde"}),
            "write a, write b, write c and 2 more",
        ),
        (lambda fs: fs.touch("trips/a"), "write a"),
        (lambda fs: fs.rm("trips", recursive=True), "remove trips"),
        (lambda fs: fs.rm(["trips/7-01-16", "trips/2016/7-02-16"]), "remove 7-01-16, remove 2016/7-02-16"),
        (lambda fs: fs.rm_file("trips/7-01-16"), "remove 7-01-16"),
        (lambda fs: fs.mv("trips/2016", "trips/old"), "move to old, move 2016"),
        (lambda fs: fs.copy("trips/2016", "trips/old", recursive=True), "copy old"),
        (lambda fs: fs.copy("trips/*", "trips/old/", recursive=True), None),
        (lambda fs: fs.cp_file("trips@master.1/7-01-16", "trips/7-01-16"), "copy 7-01-16"),
        (lambda fs: fs.mkdir("trips/new"), "make directory new"),
        (lambda fs: fs.makedirs("trips/new/below"), "make directory new/below"),
    ],
)
def test_a_call_is_one_commit_that_says_what_was_done(fs, trips, call, message):
    call(fs)
    assert depth(trips) == 3
    if message is not None:
        assert trips["master"].message == message


def test_a_directory_of_the_host_is_put_as_one_commit_and_got_again(fs, trips, tmp_path):
    source = tmp_path / "source"
    (source / "below").mkdir(parents=True)
    for name in ("a", "below/b", "below/c"):
        (source / name).write_text(name)
    fs.put(str(source), "trips/new", recursive=True)
    assert depth(trips) == 3 and fs.cat_file("trips/new/below/c") == b"below/c"
    fs.get("trips@master.3/new", str(tmp_path / "target"), recursive=True)
    assert (tmp_path / "target/below/b").read_text() == "below/b"


def test_what_changes_nothing_makes_no_commit(fs, trips):
    fs.pipe_file("trips/7-01-16", b"three\n")
    fs.makedirs("trips/2016", exist_ok=True)
    fs.mv("trips/7-01-16", "trips/7-01-16")
    assert depth(trips) == 2


def test_preparing_to_write_makes_no_commit_of_its_own(fs, trips):
    fs.makedirs("trips/new/below", exist_ok=True)
    assert depth(trips) == 2
    fs.pipe_file("trips/new/below/a", b"1")
    assert depth(trips) == 3
    with pytest.raises(NotADirectoryError):
        fs.makedirs("trips/7-01-16/below", exist_ok=True)
    with pytest.raises(FileExistsError):
        fs.makedirs("trips/7-01-16", exist_ok=True)
    with pytest.raises(FileNotFoundError):
        fs.makedirs("none/a", exist_ok=True)


def test_copies_and_moves_of_directories_cost_no_data(fs, data, trips):
    with trips.edit() as edit:
        for number in range(1000):
            edit.write(f"many/{number}", str(number).encode())
    before = data.stats().objects
    fs.copy("trips/many", "trips/again", recursive=True)
    fs.mv("trips/many", "trips/moved")
    assert fs.ukey("trips/again") == fs.ukey("trips/moved") and not fs.exists("trips/many")
    assert data.stats().objects <= before + 4


def test_copies_go_between_repos_branches_and_times(fs, data, trips):
    data.create_repo("weather")
    trips.create_branch("dev", trips["master.1"])
    fs.copy("trips@master.1", "weather/trips", recursive=True)
    assert fs.find("weather") == ["weather/trips/2016/7-02-16", "weather/trips/7-01-16"]
    fs.copy("trips@dev/7-01-16", "trips/7-01-16")
    assert fs.cat_file("trips/7-01-16") == b"one\n"
    fs.mv("trips/7-01-16", "weather/7-01-16")
    assert fs.exists("weather/7-01-16") and not fs.exists("trips/7-01-16")
    assert trips["master"].id == data["weather"]["master"].id  # one change, one id


def test_one_branch_is_one_place_by_whatever_expression(fs, trips):
    fs.mv("trips/7-01-16", "trips@master/7-01-16")
    assert fs.cat_file("trips/7-01-16") == b"three\n" and depth(trips) == 2
    with pytest.raises(OSError, match="into itself"):
        fs.mv("trips/2016", "trips@master/2016/below")
    with fs.transaction:
        fs.pipe_file("trips/a", b"1")
        fs.mv("trips@master/a", "trips/b")
    assert fs.cat_file("trips@master/b") == b"1" and not fs.exists("trips/a") and depth(trips) == 3


def test_a_directory_copied_onto_another_is_merged_into_it(fs, trips):
    fs.pipe({"trips/a/x": b"1", "trips/a/both": b"a", "trips/b/a/both": b"b", "trips/b/a/y": b"2"})
    fs.copy("trips/a", "trips/b", recursive=True)
    assert fs.cat(fs.find("trips/b")) == {
        "trips/b/a/both": b"a",
        "trips/b/a/x": b"1",
        "trips/b/a/y": b"2",
    }


def test_appending_adds_to_what_is_there(fs, trips):
    for text in (b"one\n", b"two\n"):
        with fs.open("trips/log", "ab") as file:
            file.write(text)
    assert fs.cat_file("trips/log") == b"one\ntwo\n"
    with fs.open("trips/log", "at") as text:
        text.write("three\n")
    assert trips["master"].read("log") == b"one\ntwo\nthree\n" and depth(trips) == 5


def test_a_file_may_be_changed_in_the_midst(fs, trips):
    with fs.open("trips/7-01-16", "r+b") as file:
        file.seek(2)
        file.write(b"R")
    assert fs.cat_file("trips/7-01-16") == b"thRee\n"


def test_an_overwritten_file_keeps_its_permissions(fs, trips):
    with trips.edit() as edit:
        edit.write("run.sh", b"1", mode=0o755)
    fs.pipe_file("trips/run.sh", b"2")
    assert trips["master"].entry("run.sh").mode & 0o777 == 0o755


@pytest.mark.parametrize(
    "call",
    [
        lambda fs: fs.open("trips/7-01-16", "xb"),
        lambda fs: fs.pipe_file("trips/7-01-16", b"", mode="create"),
        lambda fs: fs.put_file(__file__, "trips/7-01-16", mode="create"),
        lambda fs: fs.mkdir("trips/2016"),
        lambda fs: fs.makedirs("trips/2016"),
        lambda fs: fs.mkdir("trips"),
    ],
)
def test_what_exists_is_not_made_again(fs, trips, call):
    with pytest.raises(FileExistsError):
        call(fs)
    assert depth(trips) == 2


def test_of_two_exclusive_writers_one_wins(fs, trips):
    one, other = fs.open("trips/new", "xb"), fs.open("trips/new", "xb")
    one.write(b"1")
    one.close()
    with pytest.raises(FileExistsError):
        other.close()
    assert fs.cat_file("trips/new") == b"1"


def test_nothing_that_several_threads_append_is_lost(fs, trips):
    start = threading.Barrier(4)

    def append(number: int) -> None:
        start.wait()
        for _ in range(5):
            with fs.open("trips/log", "ab") as file:
                file.write(b"%d\n" % number)

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(append, number) for number in range(4)]:
            future.result()
    assert sorted(fs.cat_file("trips/log").split()) == sorted([b"0", b"1", b"2", b"3"] * 5)
    assert depth(trips) == 22


@pytest.mark.parametrize("place", ["trips@master.1", "trips@master^", "trips@v1", "trips@master@2100-01-01"])
@pytest.mark.parametrize(
    "call",
    [
        lambda fs, place: fs.open(f"{place}/a", "wb"),
        lambda fs, place: fs.pipe_file(f"{place}/a", b""),
        lambda fs, place: fs.rm(f"{place}/7-01-16"),
        lambda fs, place: fs.mkdir(f"{place}/a"),
        lambda fs, place: fs.mv(f"{place}/7-01-16", "trips/a"),
        lambda fs, place: fs.copy("trips/7-01-16", f"{place}/a"),
    ],
)
def test_commits_and_tags_refuse_and_are_named(fs, trips, place, call):
    trips.create_tag("v1", trips["master.1"])
    with pytest.raises(OSError, match=r"Read-only|is no branch and never changes") as raised:
        call(fs, place)
    assert raised.value.errno == 30 and place in str(raised.value)
    assert depth(trips) == 2


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda fs: fs.open("trips", "wb"), IsADirectoryError),
        (lambda fs: fs.open("trips/2016", "wb"), IsADirectoryError),
        (lambda fs: fs.pipe_file("trips/2016", b""), IsADirectoryError),
        (lambda fs: fs.pipe_file("trips/7-01-16/below", b""), NotADirectoryError),
        (lambda fs: fs.mkdir("trips/7-01-16/below"), NotADirectoryError),
        (lambda fs: fs.mkdir("trips/none/below", create_parents=False), FileNotFoundError),
        (lambda fs: fs.open("none/a", "wb"), FileNotFoundError),
        (lambda fs: fs.open("trips@none/a", "wb"), FileNotFoundError),
        (lambda fs: fs.mkdir("trips@none"), FileNotFoundError),
        (lambda fs: fs.rm("trips/none"), FileNotFoundError),
        (lambda fs: fs.rm("trips/2016"), IsADirectoryError),
        (lambda fs: fs.rm("", recursive=True), PermissionError),
        (lambda fs: fs.rmdir("trips/2016"), OSError),
        (lambda fs: fs.rmdir("trips/7-01-16"), NotADirectoryError),
        (lambda fs: fs.mv("trips/none", "trips/a"), FileNotFoundError),
        (lambda fs: fs.mv("trips/2016", "trips/2016/below"), OSError),
        (lambda fs: fs.copy("trips/7-01-16", "trips/none/.."), OSError),
        (lambda fs: fs.open("trips/a", "q"), ValueError),
        (lambda fs: fs.open("trips@/a", "wb"), PermissionError),
    ],
)
def test_what_cannot_be_done_changes_nothing(fs, trips, call, error):
    with pytest.raises(error):
        call(fs)
    assert depth(trips) == 2


def test_what_a_pipeline_computes_is_not_written_by_hand(fs, data):
    data.create_repo("sales", origin="pipeline")
    with pytest.raises(PermissionError, match="not edited by hand"):
        fs.pipe_file("sales/a", b"")


def test_mkdir_makes_a_repo_and_a_store(tmp_path):
    fs = PfsFileSystem(store=tmp_path / "new")
    fs.mkdir("pfs://trips")
    fs.makedirs("pfs://trips", exist_ok=True)
    fs.pipe_file("pfs://trips/a", b"1")
    fs.makedirs("pfs://weather")
    assert fs.find("") == ["trips/a"] and fs.ls("", detail=False) == ["trips", "weather"]


@pytest.mark.parametrize(
    "call",
    [
        lambda fs: fsspec.open("pfs://typo/a.csv", "w", store=fs.store_path).open(),
        lambda fs: pandas.DataFrame({"a": [1]}).to_csv(
            "pfs://typo@master/a.csv", storage_options={"store": fs.store_path}
        ),
        lambda fs: fs.open("typo/a", "wb"),
        lambda fs: fs.pipe_file("typo/a", b""),
        lambda fs: fs.pipe_file("typo/a", b"", mode="create"),
        lambda fs: fs.put(str(fs.store_path), "typo", recursive=True),
        lambda fs: fs.copy("trips", "typo", recursive=True),
        lambda fs: fs.mkdir("typo/below"),
        lambda fs: fs.makedirs("typo", exist_ok=True),
        lambda fs: fs.makedirs("typo@master/below", exist_ok=True),
    ],
)
def test_writing_to_a_repo_that_is_not_there_makes_none_and_says_what_does(fs, data, call):
    with pytest.raises(FileNotFoundError) as raised:
        call(fs)
    assert "no repo 'typo'" in str(raised.value)
    assert 'fs.mkdir("pfs://typo") or `pfs repo create typo` makes it' in str(raised.value)
    assert [repo.name for repo in data.repos()] == ["trips"]


def test_a_mistyped_repo_is_answered_with_the_one_that_is_there(fs):
    with pytest.raises(FileNotFoundError, match="did you mean 'trips'"):
        fs.open("trps/a", "wb")


@pytest.mark.parametrize("path", ["trips/a", "trips/a.gz"])
@pytest.mark.parametrize("mode", ["wb", "wt"])
def test_a_block_that_is_ended_by_an_exception_puts_nothing(fs, trips, path, mode):
    with contextlib.suppress(KeyError), fs.open(path, mode, compression="infer") as file:
        file.write("half" if mode == "wt" else b"half")
        raise KeyError
    file = fs.open(path, mode, compression="infer")
    file.write("half" if mode == "wt" else b"half")
    del file
    gc.collect()
    assert depth(trips) == 2


def test_what_is_compressed_while_it_is_written_is_whole_when_it_is_closed(fs, trips):
    with fs.open("trips/a.gz", "wb", compression="infer") as file:
        file.write(b"1" * 1000)
    assert gzip.decompress(trips["master"].read("a.gz")) == b"1" * 1000
    for codec in ("bz2", "xz", "zip"):
        with fs.open(f"trips/a.{codec}", "wb", compression=codec) as file:
            file.write(b"1")
        with fs.open(f"trips/a.{codec}", "rb", compression=codec) as file:
            assert file.read() == b"1"


def test_an_open_url_is_written_by_name(fs, trips):
    with fsspec.open("pfs://trips@master/a.txt", "w", store=fs.store_path, author="Ada") as file:
        file.write("text")
    assert (trips["master"].read("a.txt"), trips["master"].author) == (b"text", "Ada")


def test_a_mapping_is_a_view_of_a_directory(fs, trips):
    mapping = fs.get_mapper("trips/zarr")
    mapping["a/0"] = b"1"
    assert dict(mapping) == {"a/0": b"1"}
    del mapping["a/0"]
    assert list(mapping) == []


def test_the_daemons_are_told_of_a_commit_and_of_nothing_else(fs, monkeypatch):
    told: list[Path] = []
    monkeypatch.setattr("pfsfuse.control.client.refresh", told.append)
    fs.ls("trips")
    with fs.open("trips/a", "wb") as file:
        file.write(b"1")
    assert told == [fs.store_path]
    with fs.transaction:
        fs.pipe_file("trips/a", b"2")
        fs.pipe_file("trips/b", b"2")
    assert len(told) == 2
