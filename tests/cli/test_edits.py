"""rm, mv, cp and put --append: one command is one commit, and a refused one changes nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading

import pytest

import store
from tests.cli.conftest import last_txnid


@pytest.fixture
def tidy(ok, trips, work):
    """`trips` has 7-01-16, 7-02-16, 2015/note.txt and 2015/deep/run; `archive` is empty, `dev` a branch of trips."""
    (work / "run").write_text("#!/bin/sh\n")
    (work / "run").chmod(0o755)
    ok("put", "run", "trips:2015/deep/")
    ok("branch", "create", "trips@dev")
    ok("repo", "create", "archive")
    for name in ("one", "two"):
        (work / name).write_text(f"{name}\n")


def names(ok, ref: str) -> list[str]:
    return ok("ls", "-R", ref).split()


def depth(ok, ref: str) -> int:
    commits = json.loads(ok("log", ref, "--json"))
    return commits[0]["number"] if commits else 0


def newest(ok, ref: str) -> dict:
    return json.loads(ok("log", ref, "-n", "1", "--json"))[0]


ALL = ["2015/", "2015/deep/", "2015/deep/run", "2015/note.txt", "7-01-16", "7-02-16"]

GOOD = [
    ("rm trips:7-01-16", "trips", ["2015/", "2015/deep/", "2015/deep/run", "2015/note.txt", "7-02-16"]),
    ("rm trips:7-01-16 trips:2015/note.txt", "trips", ["2015/", "2015/deep/", "2015/deep/run", "7-02-16"]),
    ("rm -r trips:2015", "trips", ["7-01-16", "7-02-16"]),
    ("rm -r trips:2015/deep trips:2015 trips:2015", "trips", ["7-01-16", "7-02-16"]),
    ("rm -r trips@dev:2015", "trips@dev", ["7-01-16", "7-02-16"]),
    ("mv trips:7-01-16 trips:first", "trips", [*ALL[:4], "7-02-16", "first"]),
    ("mv trips:7-01-16 trips:7-02-16", "trips", [*ALL[:4], "7-02-16"]),
    ("mv trips:7-01-16 trips:2015", "trips", ["2015/", "2015/7-01-16", *ALL[1:4], "7-02-16"]),
    ("mv trips:7-01-16 trips:new/", "trips", [*ALL[:4], "7-02-16", "new/", "new/7-01-16"]),
    (
        "mv trips:7-01-16 trips:2015/note.txt trips:7-02-16 trips:new",
        "trips",
        [*ALL[:3], "new/", "new/7-01-16", "new/7-02-16", "new/note.txt"],
    ),
    ("mv trips:2015/deep trips:", "trips", ["2015/", "2015/note.txt", *ALL[4:], "deep/", "deep/run"]),
    (
        "mv trips:2015 trips:2014",
        "trips",
        ["2014/", "2014/deep/", "2014/deep/run", "2014/note.txt", *ALL[4:]],
    ),
    ("cp trips:7-01-16 trips:first", "trips", [*ALL, "first"]),
    ("cp trips@master.1:7-01-16 trips@dev:2015", "trips@dev", ["2015/", "2015/7-01-16", *ALL[1:]]),
    ("cp -r trips:2015 archive", "archive", ALL[:4]),
    ("cp -r trips:2015 archive:old", "archive", ["old/", "old/deep/", "old/deep/run", "old/note.txt"]),
    ("cp -r trips@master.1 archive:july/", "archive", ["july/", "july/trips/", "july/trips/7-01-16"]),
    ("cp -r trips@master.1 archive:july", "archive", ["july/", "july/7-01-16"]),
    ("cp -r trips:7-01-16 trips:2015 archive:x", "archive", ["x/", *(f"x/{each}" for each in ALL[:5])]),
    (
        "cp -r trips:2015/deep trips:2015/deep/in",
        "trips",
        [*ALL[:2], "2015/deep/in/", "2015/deep/in/run", *ALL[2:]],
    ),
    ("put --append one trips:7-01-16", "trips", ALL),
    ("put -a one two archive", "archive", ["one", "two"]),
]


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize(("line", "ref", "expected"), GOOD, ids=[line for line, _, _ in GOOD])
def test_what_one_command_does_is_one_commit(ok, line, ref, expected):
    before = depth(ok, ref)
    made = re.fullmatch(r"(\S+) [0-9a-f]{32}\n", ok(*line.split()))
    assert made and names(ok, made[1]) == names(ok, ref) == expected
    assert depth(ok, ref) == before + 1
    assert newest(ok, ref)["message"].split()[0] == ("append" if "-a" in line else line.split()[0])


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("verb", ["rm trips:7-01-16", "mv trips:7-01-16 trips:x", "cp trips:7-01-16 trips:x"])
def test_message_and_author_are_kept(ok, verb):
    ok(*verb.split(), "-m", "why", "--author", "Ada")
    assert (newest(ok, "trips")["message"], newest(ok, "trips")["author"]) == ("why", "Ada")


@pytest.mark.usefixtures("tidy")
def test_copies_and_moves_keep_contents_modes_and_times(ok):
    before = json.loads(ok("show", "--json", "trips:2015/deep/run"))
    ok("cp", "-r", "trips:2015", "archive:old")
    ok("mv", "trips:2015", "trips:moved")
    for ref, path in (("archive", "old/deep/run"), ("trips", "moved/deep/run")):
        after = json.loads(ok("show", "--json", f"{ref}:{path}"))
        assert {name: after[name] for name in ("mode", "mtime", "size")} == {
            name: before[name] for name in ("mode", "mtime", "size")
        }
        assert ok("cat", f"{ref}:{path}") == "#!/bin/sh\n"


@pytest.mark.usefixtures("tidy")
@pytest.mark.parametrize("dest", ["archive", "trips@dev:moved"])
def test_a_move_elsewhere_is_a_commit_there_and_one_here(ok, dest):
    there, here = depth(ok, dest.partition(":")[0]), depth(ok, "trips")
    lines = ok("mv", "trips:7-01-16", "trips:2015/note.txt", dest).splitlines()
    assert [line.split("@")[0] for line in lines] == [dest[: len("trips")] if "@" in dest else dest, "trips"]
    assert depth(ok, dest.partition(":")[0]) == there + 1 and depth(ok, "trips") == here + 1
    assert (lines[0].split()[1] == lines[1].split()[1]) == (dest == "archive"), "one id in two repos"
    assert {"7-01-16", "note.txt"} <= set(ok("ls", dest).split())
    assert not {"7-01-16", "2015/note.txt"} & set(names(ok, "trips"))


@pytest.mark.usefixtures("tidy")
def test_a_directory_is_copied_without_storing_anything_of_it_again(ok, store_path, work):
    (work / "big").mkdir()
    for number in range(300):
        (work / "big" / f"{number:03}").write_bytes(bytes([number % 256]) * 5000)
    ok("put", "-r", "big", "trips")
    with store.open(store_path) as data:
        before = data.resolve_commit("trips").entry("big").content
    ok("cp", "-r", "trips:big", "archive:again/deep")
    with store.open(store_path) as data:
        assert data.resolve_commit("archive").entry("again/deep").content == before


@pytest.mark.usefixtures("tidy")
def test_copying_what_is_there_already_changes_nothing_and_says_so(run, ok):
    before = depth(ok, "trips")
    done = run("cp", "trips@master.1:7-01-16", "trips:7-01-16")
    assert (done.code, done.err) == (0, "pfs: nothing changed\n")
    assert depth(ok, "trips") == before


# ---- put --append


@pytest.mark.usefixtures("tidy")
def test_append_adds_to_the_end_and_keeps_the_mode(ok, pfs):
    ok("put", "--append", "one", "trips:2015/deep/run")
    assert pfs("put", "-a", "-", "trips:2015/deep/run", stdin=b"last\n").code == 0
    assert ok("cat", "trips:2015/deep/run") == "#!/bin/sh\none\nlast\n"
    assert json.loads(ok("show", "--json", "trips:2015/deep/run"))["mode"] == "0755"
    assert pfs("put", "-a", "-", "trips:new/file", stdin=b"first\n").code == 0
    assert ok("cat", "trips:new/file") == "first\n"


@pytest.mark.usefixtures("tidy")
def test_append_to_a_large_file_stores_little_more_than_what_is_new(ok, work, store_path):
    data = b"".join(b"%d,%d\n" % (number, number * number % 977) for number in range(400_000))
    (work / "big.csv").write_bytes(data)
    ok("put", "big.csv", "trips")
    with store.open(store_path) as opened:
        before = {extent.chunk for extent in extents(opened)}
    ok("put", "--append", "one", "trips:big.csv")
    with store.open(store_path) as opened:
        after = {extent.chunk for extent in extents(opened)}
        assert opened.resolve_commit("trips").read("big.csv") == data + b"one\n"
    assert len(after - before) <= 1


def extents(opened: store.Store) -> tuple[store.Extent, ...]:
    entry = opened.resolve_commit("trips").entry("big.csv")
    return opened.extents(entry, 0, entry.size)


@pytest.mark.usefixtures("tidy")
def test_append_takes_a_pipe_that_has_a_name(ok, work):
    os.mkfifo(work / "pipe")
    writer = threading.Thread(target=(work / "pipe").write_text, args=("piped\n",))
    writer.start()
    ok("put", "--append", "pipe", "trips:7-01-16")
    writer.join()
    assert ok("cat", "trips:7-01-16").endswith("piped\n")


@pytest.mark.usefixtures("tidy")
def test_appenders_at_the_same_time_all_get_their_lines_in(ok, surroundings, store_path):
    def append(name: str) -> None:
        for number in range(5):
            subprocess.run(
                [sys.executable, "-m", "pfsfuse.cli", "put", "-a", "-", "trips:log"],
                input=f"{name}{number}\n".encode(),
                env=surroundings,
                check=True,
                capture_output=True,
            )

    threads = [threading.Thread(target=append, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = ok("cat", "trips:log").split()
    assert sorted(found) == sorted(f"{name}{number}" for name in "abc" for number in range(5))
    for name in "abc":
        assert [line for line in found if line[0] == name] == [f"{name}{number}" for number in range(5)]


# ---- what is refused

BAD = [
    ("rm", 2, "PATH"),
    ("rm trips", 1, "names a whole branch"),
    ("rm trips:", 1, "names a whole branch"),
    ("rm trips:nosuch", 3, "nosuch"),
    ("rm trips:7-01-16 trips:nosuch", 3, "nosuch"),
    ("rm trips:2015", 1, "-r removes directories"),
    ("rm trips:7-01-16/x", 3, "7-01-16"),
    ("rm trips:../x", 6, "not a path"),
    ("rm trips@master.1:7-01-16", 1, "is not a branch"),
    ("rm nosuch:x", 3, "no repo 'nosuch'"),
    ("rm trips@nosuch:x", 3, "nosuch"),
    ("rm trips:7-01-16 trips@dev:7-01-16", 1, "two branches"),
    ("rm archive:x", 1, "no commits yet"),
    ("rm computed:x", 6, "not edited by hand"),
    ("mv trips:7-01-16", 2, "REPO"),
    ("mv trips archive", 1, "names a whole branch"),
    ("mv trips:nosuch trips:x", 3, "nosuch"),
    ("mv trips:7-01-16 trips:7-01-16", 1, "already is there"),
    ("mv trips:2015 trips:2015", 1, "into itself"),
    ("mv trips:2015 trips:2015/deep", 1, "into itself"),
    ("mv trips:2015 trips:2015/new/x", 1, "into itself"),
    ("mv trips:7-01-16 trips:7-01-16/x", None, "7-01-16"),
    ("mv trips:2015 trips:2015/note.txt trips:x", 1, "moved with another"),
    ("mv trips:7-01-16 trips:7-01-16 trips:x", 1, "moved with another"),
    ("mv trips:2015 trips:7-01-16", 1, "is a file"),
    ("mv trips:7-01-16 trips:7-02-16/", 1, "is a file"),
    ("mv trips@master.1:7-01-16 trips:x", 1, "is not a branch"),
    ("mv trips:7-01-16 trips@master.1:x", 1, "is not a branch"),
    ("mv trips:7-01-16 nosuch", 3, "nosuch"),
    ("mv trips:7-01-16 computed", 6, "not edited by hand"),
    ("mv computed:x trips", 6, "not edited by hand"),
    ("mv archive:x trips", 1, "no commits yet"),
    ("cp trips:7-01-16", 2, "REPO"),
    ("cp trips:2015 archive", 1, "-r copies directories"),
    ("cp trips archive", 1, "-r copies directories"),
    ("cp -r trips:2015 trips:", 1, "is there already"),
    ("cp -r trips:2015/deep trips:2015", 1, "is there already"),
    ("cp trips:7-01-16 trips:7-02-16/", 1, "is a file"),
    ("cp trips:7-01-16 trips:7-02-16/x", 6, "7-02-16"),
    ("cp trips:7-01-16 trips:7-02-16 trips:2015/note.txt", 1, "is a file"),
    ("cp trips:7-01-16 trips@dev:7-01-16 archive", 1, "would both be 7-01-16"),
    ("cp trips:nosuch archive", 3, "nosuch"),
    ("cp archive:x trips", 1, "no commits yet"),
    ("cp trips:7-01-16 nosuch", 3, "nosuch"),
    ("cp trips:7-01-16 trips@master.1", 1, "is not a branch"),
    ("cp trips:7-01-16 computed", 6, "not edited by hand"),
    ("cp trips:7-01-16 archive:" + "n" * 256, 6, "255"),
    ("put -a nosuch trips:7-01-16", 1, "nosuch"),
    ("put -a -r folder trips", 1, "files are appended"),
    ("put -a one one trips:new/", 1, "named twice"),
    ("put -a one computed:x", 6, "not edited by hand"),
    ("put -a one trips@master.1:x", 1, "is not a branch"),
]


@pytest.fixture
def refused(tidy, work, store_path):
    """What the lines of the table refer to besides: a pipeline's repo, and a directory."""
    (work / "folder").mkdir()
    with (
        store.open(store_path) as data,
        data.create_repo("computed", origin="pipeline").edit(origin="pipeline") as edit,
    ):
        edit.write("x", b"1")


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(("line", "code", "message"), BAD, ids=[line[:60] for line, _, _ in BAD])
def test_what_cannot_be_done_is_refused_in_one_line_and_changes_nothing(run, store_path, line, code, message):
    before = last_txnid(store_path)
    result = run(*line.split())
    assert result.code == code if code is not None else result.code in (1, 6)
    assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1
    assert re.search(message, result.err), result.err
    assert "this is a bug" not in result.err and result.out == ""
    assert last_txnid(store_path) == before
