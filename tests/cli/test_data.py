"""put, get, cat, ls, log, show and diff: data in, data out, and what happened to it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.cli.conftest import last_txnid

COMMIT = re.compile(r"trips@(\w+)\.(\d+) ([0-9a-f]{32})\n")


def names(ok, ref: str) -> list[str]:
    return ok("ls", "-R", ref).split()


# ---- put


def test_put_prints_the_commit_by_name_and_id(ok, work):
    ok("repo", "create", "trips")
    (work / "a.csv").write_text("1\n")
    assert (found := COMMIT.fullmatch(ok("put", "a.csv", "trips", "-m", "first")))
    assert found[1] == "master" and found[2] == "1"
    assert ok("cat", f"trips@{found[3]}:a.csv") == "1\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["a.csv", "trips"], ["a.csv"]),
        (["a.csv", "trips:"], ["a.csv"]),
        (["a.csv", "trips:b.csv"], ["b.csv"]),
        (["a.csv", "trips:x/y/"], ["x/", "x/y/", "x/y/a.csv"]),
        (["a.csv", "trips:x/y"], ["x/", "x/y"]),
        (["a.csv", "b.csv", "trips:x"], ["x/", "x/a.csv", "x/b.csv"]),
        (["./data/../a.csv", "trips"], ["a.csv"]),
        (["-r", "data", "trips"], ["data/", "data/in.txt"]),
        (["-r", "data/", "trips"], ["data/", "data/in.txt"]),
        (["-r", "data/.", "trips"], ["in.txt"]),
        (["-r", "data", "trips:new"], ["new/", "new/in.txt"]),
        (["-r", "data", "trips:new/"], ["new/", "new/data/", "new/data/in.txt"]),
        (["-r", "data", "a.csv", "trips"], ["a.csv", "data/", "data/in.txt"]),
        (["a.csv", "trips@dev"], ["a.csv"]),
    ],
    ids=" ".join,
)
def test_names_are_chosen_as_by_cp(ok, work, arguments, expected):
    ok("repo", "create", "trips")
    ok("branch", "create", "trips@dev")
    (work / "a.csv").write_text("1\n")
    (work / "b.csv").write_text("2\n")
    (work / "data").mkdir()
    (work / "data" / "in.txt").write_text("3\n")
    ok("put", *arguments)
    assert sorted(names(ok, arguments[-1].partition(":")[0])) == sorted(expected)


@pytest.mark.usefixtures("trips")
def test_a_directory_of_the_repo_takes_files_inside(ok, work):
    (work / "new.csv").write_text("n\n")
    ok("put", "new.csv", "trips:2015")
    assert "2015/new.csv" in names(ok, "trips")


@pytest.mark.usefixtures("trips")
def test_one_command_is_one_commit(ok, work):
    (work / "x").write_text("x")
    (work / "y").write_text("y")
    ok("put", "x", "y", "trips")
    assert [line[0] for line in diffs(ok, "trips@master^", "trips")] == ["A", "A"]


@pytest.mark.usefixtures("trips")
def test_putting_the_same_again_changes_nothing_and_says_so(run, store_path):
    before = last_txnid(store_path)
    result = run("put", "7-01-16", "trips")
    assert result.code == 0
    assert "nothing changed" in result.err
    assert COMMIT.fullmatch(result.out)
    assert last_txnid(store_path) == before


def test_standard_input_is_put_under_the_given_path(pfs):
    pfs("repo", "create", "trips")
    data = os.urandom(300_000)
    assert pfs("put", "-", "trips:a/random.bin", stdin=data).code == 0
    assert pfs("cat", "trips:a/random.bin").out.encode(errors="surrogateescape") == data


@pytest.mark.usefixtures("trips")
def test_message_and_author_are_kept(ok, work):
    (work / "x").write_text("x")
    ok("put", "x", "trips", "-m", "why it was put", "--author", "Ada")
    newest = json.loads(ok("log", "trips", "-n", "1", "--json"))[0]
    assert (newest["message"], newest["author"]) == ("why it was put", "Ada")


def test_a_link_is_followed_when_named_and_kept_inside_a_directory(ok, work):
    ok("repo", "create", "trips")
    (work / "data").mkdir()
    (work / "data" / "real").write_text("content")
    (work / "data" / "link").symlink_to("real")
    ok("put", "data/link", "trips:copy")
    ok("put", "-r", "data", "trips")
    assert json.loads(ok("show", "--json", "trips:copy"))["kind"] == "file"
    found = json.loads(ok("show", "--json", "trips:data/link"))
    assert (found["kind"], found["target"]) == ("symlink", "real")


# ---- get, cat


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["trips:7-01-16"], "7-01-16"),
        (["trips:7-01-16", "out"], "out/7-01-16"),
        (["trips:7-01-16", "out/"], "out/7-01-16"),
        (["trips:7-01-16", "july"], "july"),
        (["-r", "trips:2015", "out"], "out/2015/note.txt"),
        (["-r", "trips:2015", "old"], "old/note.txt"),
        (["-r", "trips", "out"], "out/trips/2015/note.txt"),
        (["-r", "trips@master.1", "whole"], "whole/7-01-16"),
    ],
    ids=" ".join,
)
def test_get_chooses_names_as_cp_does(ok, work, tmp_path, monkeypatch, arguments, made):
    here = tmp_path / "here"
    (here / "out").mkdir(parents=True)
    monkeypatch.chdir(here)
    ok("get", *arguments)
    assert (here / made).is_file()
    assert not list(here.rglob(".pfs-get-*"))


@pytest.mark.usefixtures("trips")
def test_get_gives_back_what_was_put_with_modes_and_times(ok, work, tmp_path):
    source = work / "tree"
    (source / "deep" / "empty").mkdir(parents=True)
    (source / "deep" / "run.sh").write_bytes(os.urandom(200_000))
    (source / "deep" / "run.sh").chmod(0o755)
    (source / "link").symlink_to("deep/run.sh")
    os.utime(source / "deep" / "run.sh", ns=(1, 1_467_331_200_123_456_789))
    ok("put", "-r", "tree", "trips")
    ok("get", "-r", "trips:tree", str(tmp_path / "back"))
    back = tmp_path / "back"
    assert (back / "deep" / "run.sh").read_bytes() == (source / "deep" / "run.sh").read_bytes()
    assert (back / "deep" / "run.sh").stat().st_mtime_ns == 1_467_331_200_123_456_789
    assert (back / "deep" / "run.sh").stat().st_mode == (source / "deep" / "run.sh").stat().st_mode
    assert (back / "link").readlink() == Path("deep/run.sh")
    assert (back / "deep" / "empty").is_dir()


@pytest.mark.usefixtures("trips")
def test_get_replaces_a_file_and_never_merges_directories(ok, run, work):
    (work / "7-02-16").write_text("mine")
    ok("get", "trips:7-02-16")
    assert (work / "7-02-16").read_text() == "second\n"
    ok("get", "-r", "trips:2015")
    refused = run("get", "-r", "trips:2015")
    assert refused.code == 1
    assert "is there already" in refused.err


@pytest.mark.usefixtures("trips")
def test_cat_writes_files_one_after_another_or_none(ok, run):
    assert ok("cat", "trips:7-01-16", "trips@master.2:7-02-16") == "first\nsecond\n"
    assert run("cat", "trips:7-01-16", "trips:nope").out == ""


# ---- ls


@pytest.mark.usefixtures("trips")
def test_ls_lists_a_commit_a_directory_or_a_file(ok):
    assert ok("ls", "trips").split() == ["2015/", "7-01-16", "7-02-16"]
    assert ok("ls", "trips@master.1").split() == ["7-01-16"]
    assert ok("ls", "trips:2015").split() == ["note.txt"]
    assert ok("ls", "trips:7-01-16").split() == ["7-01-16"]
    assert names(ok, "trips") == ["2015/", "2015/note.txt", "7-01-16", "7-02-16"]


@pytest.mark.usefixtures("trips")
def test_ls_without_arguments_lists_the_repos(ok):
    assert "master.3" in ok("ls")
    assert [repo["name"] for repo in json.loads(ok("ls", "--json"))] == ["trips"]


@pytest.mark.usefixtures("trips")
def test_ls_long_has_modes_sizes_times_and_what_is_below_a_directory(ok):
    lines = ok("ls", "-l", "trips").splitlines()
    assert re.fullmatch(r"drwx\S+ +4 B  [-0-9]+ [:0-9]+  2015/  \(1 file\)", lines[0])
    assert re.fullmatch(r"-rw-\S+ +6 B  [-0-9]+ [:0-9]+  7-01-16", lines[1])


@pytest.mark.usefixtures("trips")
def test_ls_json_has_every_fact(ok):
    folder, file, _ = json.loads(ok("ls", "--json", "trips"))
    assert (folder["path"], folder["kind"], folder["files"], folder["size"]) == ("2015", "directory", 1, 4)
    assert (file["path"], file["kind"], file["size"], len(file["mode"])) == ("7-01-16", "file", 6, 4)


def test_names_that_could_move_the_cursor_are_shown_escaped(ok, work):
    ok("repo", "create", "trips")
    (work / "d").mkdir()
    for name in (b"d/\x1b[2Jclear", b"d/two\nlines", b"d/caf\xe9"):
        Path(os.fsdecode(os.fsencode(work) + b"/" + name)).write_text("x")
    ok("put", "-r", "d/.", "trips")
    assert ok("ls", "trips") == "\\x1b[2Jclear\ncaf\\xe9\ntwo\\nlines\n"
    assert [each["path"] for each in json.loads(ok("ls", "--json", "trips"))] == [
        "\x1b[2Jclear",
        "caf\udce9",
        "two\nlines",
    ]


# ---- log, show, diff


@pytest.mark.usefixtures("trips")
def test_log_is_newest_first_with_names_that_can_be_typed_again(ok):
    lines = ok("log", "trips").splitlines()
    assert [line.split()[0] for line in lines] == ["trips@master.3", "trips@master.2", "trips@master.1"]
    assert lines[0].endswith("a note")
    assert ok("log", "trips@master.2").splitlines() == lines[1:]
    assert ok("log", "trips", "-n", "1").splitlines() == lines[:1]


def test_the_log_of_an_empty_branch_is_empty(ok):
    ok("repo", "create", "trips")
    assert ok("log", "trips") == ""
    assert ok("log", "trips", "--json") == "[]\n"


@pytest.mark.usefixtures("trips")
def test_show_describes_a_repo_a_commit_and_a_file(ok):
    assert "rides a day" in ok("show", "trips")
    commit = ok("show", "trips@master.2")
    assert "add 7-02-16" in commit and "A 7-02-16" in commit
    assert "6 bytes" in ok("show", "trips:7-01-16")


@pytest.mark.usefixtures("trips")
def test_show_json_has_whole_ids(ok):
    commit = json.loads(ok("show", "--json", "trips@master"))
    parent = json.loads(ok("show", "--json", "trips@master^"))
    assert commit["parent"] == parent["id"]
    assert (commit["number"], commit["files"], commit["size"]) == (3, 3, 17)
    assert json.loads(ok("show", "--json", "trips"))["head"]["id"] == commit["id"]
    assert json.loads(ok("show", "--json", "trips:7-01-16"))["commit"]["id"] == commit["id"]


def diffs(ok, *refs: str) -> list[tuple[str, str]]:
    return [(line[0], line[2:]) for line in ok("diff", *refs).splitlines()]


@pytest.mark.usefixtures("trips")
def test_diff_names_what_was_added_modified_and_deleted(ok, work):
    (work / "7-01-16").write_text("corrected\n")
    ok("put", "7-01-16", "trips")
    assert ("M", "7-01-16") in diffs(ok, "trips@master^", "trips")
    assert ("M", "7-01-16") in diffs(ok, "trips")
    forward = diffs(ok, "trips@master.1", "trips@master.3")
    backward = diffs(ok, "trips@master.3", "trips@master.1")
    assert {kind for kind, _ in forward} == {"A"} and {kind for kind, _ in backward} == {"D"}
    assert [path for _, path in forward] == [path for _, path in backward]
    assert diffs(ok, "trips", "trips") == []


@pytest.mark.usefixtures("trips")
def test_diff_of_the_first_commit_is_all_of_it(ok):
    assert diffs(ok, "trips@master.1") == [("A", "7-01-16")]


@pytest.mark.usefixtures("trips")
def test_diff_json_has_both_sides(ok):
    changes = json.loads(ok("diff", "--json", "trips@master.1", "trips@master.2"))
    assert [(each["change"], each["path"], each["old"]) for each in changes] == [("A", "7-02-16", None)]
    assert changes[0]["new"]["size"] == 7


# ---- repo, branch, tag


@pytest.mark.usefixtures("trips")
def test_repos_are_listed_with_head_and_size(ok):
    ok("repo", "create", "weather")
    lines = ok("repo", "list").splitlines()
    assert lines[1].split()[:4] == ["trips", "master.3", "3", "17"]
    assert lines[2].split()[:2] == ["weather", "(empty)"]
    assert [each["head"] and each["head"]["number"] for each in json.loads(ok("repo", "list", "--json"))] == [
        3,
        None,
    ]


@pytest.mark.usefixtures("trips")
def test_a_deleted_repo_is_gone(ok, run):
    assert run("repo", "delete", "trips").code == 2
    ok("repo", "delete", "trips", "--yes")
    assert run("ls", "trips").code == 3


@pytest.mark.usefixtures("trips")
def test_branches_are_created_moved_and_deleted(ok, run, work):
    ok("branch", "create", "trips@dev", "--at", "master.1")
    (work / "x").write_text("x")
    assert ok("put", "x", "trips@dev").startswith("trips@dev.2 ")
    assert ok("ls", "trips@dev").split() == ["7-01-16", "x"]
    ok("branch", "move", "trips@dev", "master")
    assert ok("ls", "trips@dev") == ok("ls", "trips")
    listed = {
        each["name"]: each["head"]["number"] for each in json.loads(ok("branch", "list", "trips", "--json"))
    }
    assert listed == {"master": 3, "dev": 3}
    ok("branch", "delete", "trips@dev", "--yes")
    assert run("ls", "trips@dev").code == 3


@pytest.mark.usefixtures("trips")
def test_a_tag_names_a_commit_for_good(ok, run):
    ok("tag", "create", "trips@v1", "--at", "trips@master.1")
    assert ok("ls", "trips@v1").split() == ["7-01-16"]
    assert ok("tag", "list", "trips").splitlines()[1].split()[:2] == ["v1", "master.1"]
    assert run("tag", "create", "trips@v1").code == 4
    ok("tag", "delete", "trips@v1", "--yes")
    assert json.loads(ok("tag", "list", "trips", "--json")) == []


# ---- options anywhere


@pytest.mark.usefixtures("trips")
def test_the_store_can_be_named_before_the_command_after_it_or_by_the_environment(pfs, tmp_path):
    other = str(tmp_path / "other")
    assert pfs("--store", other, "repo", "create", "weather").code == 0
    assert pfs("repo", "list", "--store", other).out == pfs("repo", "list", env={"PFS_STORE": other}).out
    assert "trips" in pfs("repo", "list").out


@pytest.mark.usefixtures("trips")
def test_json_can_be_asked_for_before_the_command_or_after_it(ok):
    assert ok("--json", "log", "trips") == ok("log", "trips", "--json") == ok("log", "--json", "trips")


@pytest.mark.usefixtures("trips")
def test_there_is_no_colour_where_none_is_wanted(ok):
    assert "\x1b" not in ok("log", "trips") + ok("ls", "-l", "trips") + ok("diff", "trips")
