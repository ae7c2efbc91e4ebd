"""diff in its forms, log of a path, find, du and tree: what is there, and what happened to it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

import store
from pfsfuse.cli.history.log import until
from tests.cli.conftest import last_txnid


@pytest.fixture
def edited(ok, trips, work):
    """Two more commits of `trips`: 4 corrects 7-01-16, removes 2015 and adds 2016/*; 5 makes 2016/run a program."""
    (work / "7-01-16").write_text("first\ncorrected\n")
    (work / "2016").mkdir()
    (work / "2016" / "run").write_text("#!/bin/sh")
    (work / "2016" / "blob").write_bytes(b"\0\1")
    (work / "2016" / "link").symlink_to("run")
    ok("branch", "create", "trips@dev")
    ok("rm", "-r", "trips@dev:2015")
    ok("put", "-r", "2016", "7-01-16", "trips@dev")
    (work / "2016" / "run").chmod(0o755)
    ok("put", "-r", "2016", "trips@dev")


# ---- diff


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ("trips@master trips@dev 7-01-16", ["M 7-01-16"]),
        ("trips@master trips@dev 2015", ["D 2015", "D 2015/note.txt"]),
        ("trips@master trips@dev 2016/run 7-01-16", ["A 2016/run", "M 7-01-16"]),
        ("trips@master trips@dev 7-02-16", []),
        ("--name-status trips@dev", ["M 2016/run"]),
        ("trips@dev:2016", ["M run"]),
        ("trips@dev:2016/run", ["M 2016/run"]),
        ("trips@dev.4:2015", ["D note.txt"]),
        ("trips@dev.4:2015/note.txt", ["D 2015/note.txt"]),
        ("trips:7-01-16 trips@dev:7-01-16", ["M 7-01-16"]),
        ("trips:7-01-16 trips@dev.1:7-01-16", []),
        ("trips trips", []),
        ("trips trips 2015", []),
        ("trips@master..dev 2016/run 7-01-16", ["A 2016/run", "M 7-01-16"]),
        ("trips@dev.5..dev.6", ["M 2016/run"]),
        ("trips@dev.2..", ["A 2015", "A 2015/note.txt"]),
        ("trips@dev..dev@2999-07-31T12:00:30", []),
        ("trips@dev@2999-07-31T12:00:30..dev", []),
    ],
)
def test_a_diff_can_be_limited_to_directories_and_files(ok, arguments, lines):
    assert ok("diff", *arguments.split()).splitlines() == lines


def test_dots_in_a_path_are_no_range(ok, trips, work):
    (work / "a..b").write_text("x")
    ok("put", "a..b", "trips")
    assert ok("diff", "trips@master:a..b").splitlines() == ["A a..b"]


@pytest.mark.usefixtures("edited")
def test_stat_has_the_bytes_gained_and_lost_and_their_sum(ok):
    lines = ok("diff", "--stat", "trips@master", "trips@dev").splitlines()
    assert [line.split() for line in lines[:-1]] == [
        ["D", "-4", "B", "2015/note.txt"],
        ["A", "+2", "B", "2016/blob"],
        ["A", "+3", "B", "2016/link"],
        ["A", "+9", "B", "2016/run"],
        ["M", "+10", "B", "7-01-16"],
    ]
    assert lines[-1] == "5 files, 3 added, 1 modified, 1 deleted, +20 B"
    assert ok("diff", "--stat", "trips", "trips") == "0 files, +0 B\n"


@pytest.mark.usefixtures("edited")
def test_a_patch_shows_lines_modes_and_what_is_binary(ok):
    assert (
        ok("diff", "-p", "trips@master", "trips@dev")
        == """\
diff a/2015 b/2015
deleted directory mode 040755
diff a/2015/note.txt b/2015/note.txt
deleted file mode 100644
--- a/2015/note.txt
+++ /dev/null
@@ -1 +0,0 @@
-old
diff a/2016 b/2016
new directory mode 040755
diff a/2016/blob b/2016/blob
new file mode 100644
Files a/2016/blob and b/2016/blob differ: binary
diff a/2016/link b/2016/link
new file mode 120777
--- /dev/null
+++ b/2016/link
@@ -0,0 +1 @@
+run
\\ No newline at end of file
diff a/2016/run b/2016/run
new file mode 100755
--- /dev/null
+++ b/2016/run
@@ -0,0 +1 @@
+#!/bin/sh
\\ No newline at end of file
diff a/7-01-16 b/7-01-16
--- a/7-01-16
+++ b/7-01-16
@@ -1 +1,2 @@
 first
+corrected
"""
    )
    assert ok("diff", "-p", "trips@dev") == "diff a/run b/run\nold mode 100644\nnew mode 100755\n".replace(
        "run", "2016/run"
    )


LINES = [f"line {number}\n" for number in range(300)]
MANY = [f"{number}\n" for number in range(100_000)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (LINES, [*LINES[:20], "caf\udce9\r\n", *LINES[25:200], "\ttabbed", *LINES[200:290]]),
        (MANY, [*MANY, "one more\n"]),
        (MANY, ["before\n", *MANY]),
        (MANY, [*MANY[:50_000], "between\n", *MANY[50_003:]]),
        (MANY, [*MANY[:-1], "no end"]),
        (["a\n"] * 9, ["a\n"] * 4),
        (["a"], ["a\n"]),
        (["a\n"], []),
    ],
    ids=[
        "here and there",
        "appended",
        "put in front",
        "replaced",
        "no line end",
        "repeated",
        "ended",
        "emptied",
    ],
)
def test_a_patch_turns_one_file_into_the_other_at_the_lines_it_names(ok, trips, work, old, new):
    for content in (old, new):
        (work / "table").write_bytes("".join(content).encode(errors="surrogateescape"))
        ok("put", "table", "trips")
    patch = ok("diff", "--patch", "trips").split("\n")
    assert "".join(patched(old, patch)) == "".join(new)


def patched(old: list[str], patch: list[str]) -> list[str]:
    """`old` with each hunk carried out exactly where it says."""
    made, at, kind = [], 0, ""
    for line in patch:
        if hunk := re.fullmatch(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", line):
            start, count = int(hunk[1]), int(hunk[2] or 1)
            start = start if count == 0 else start - 1
            made += old[at:start]
            at = start
            assert len(made) == int(hunk[3]) - (hunk[4] != "0")
        elif line.startswith("\\ "):
            if kind != "-":
                made[-1] = made[-1].removesuffix("\n")
        elif line[:1] in " -+" and line and not line.startswith(("--- ", "+++ ")):
            kind = line[0]
            if kind in " -":
                assert old[at].rstrip("\n") == line[1:]
                at += 1
            if kind in " +":
                made.append(line[1:] + "\n")
    return made + old[at:]


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"x" * ((1 << 20) + 1), "more than 1,048,576 bytes"), (b"\n" * 5_100, "more than 5,000 lines")],
)
def test_what_is_too_large_to_compare_is_said_to_differ(ok, trips, work, content, why):
    (work / "7-01-16").write_bytes(content)
    ok("put", "7-01-16", "trips")
    assert ok("diff", "-p", "trips").splitlines()[1] == f"Files a/7-01-16 and b/7-01-16 differ: {why}"


def test_names_and_lines_cannot_move_the_cursor_of_a_terminal(ok, trips, work, surroundings):
    (work / "d").mkdir()
    (work / "d" / "\x1b[2J").write_text("\x1b[31mred\n")
    ok("put", "-r", "d/.", "trips")
    shown = subprocess.run(
        ["script", "-qec", "pfs-test diff -p trips", "/dev/null"],
        env=surroundings | {"PATH": f"{wrapper(work)}:{surroundings['PATH']}", "NO_COLOR": "1"},
        capture_output=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert b"\x1b" not in shown.stdout and b"\\x1b[31mred" in shown.stdout


def wrapper(work) -> str:
    (work / "bin").mkdir()
    (work / "bin" / "pfs-test").write_text(f'#!/bin/sh\nexec {sys.executable} -m pfsfuse.cli "$@"\n')
    (work / "bin" / "pfs-test").chmod(0o755)
    return str(work / "bin")


# ---- log of a path


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ("trips@dev -- 7-01-16", [5, 1]),
        ("trips@dev -- 2015", [4, 3]),
        ("trips@dev -- 2015/note.txt", [4, 3]),
        ("trips@dev 2016", [6, 5]),
        ("trips@dev -- 2016/run 7-02-16", [6, 5, 2]),
        ("trips@dev -n 1 -- 7-01-16", [5]),
        ("trips@dev.4 -- 7-01-16", [1]),
        ("trips@dev -- nosuch", []),
        ("trips@dev -- /", [6, 5, 4, 3, 2, 1]),
        ("trips@dev:7-01-16", [5, 1]),
        ("trips@dev:2016 7-02-16", [6, 5, 2]),
        ("trips@dev:nosuch", []),
        ("trips@master..dev:7-01-16", [5]),
    ],
)
def test_the_log_of_a_path_has_the_commits_that_changed_it(ok, arguments, numbers):
    assert [each["number"] for each in json.loads(ok("log", "--json", *arguments.split()))] == numbers


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("range_", "numbers"),
    [
        ("trips@dev.2..dev.5", [5, 4, 3]),
        ("trips@dev.5..dev.2", []),
        ("trips@dev..dev", []),
        ("trips@dev^..dev", [6]),
        ("trips@dev.1..", [3, 2]),
        ("trips@..dev.5", [5, 4]),
        ("trips@..master", []),
    ],
)
def test_the_log_of_a_range_begins_after_its_first_commit(ok, range_, numbers):
    assert [each["number"] for each in json.loads(ok("log", "--json", range_))] == numbers


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("trips@dev.2 trips@dev.5", "no commit of trips@dev.2 changed trips@dev.5"),
        ("trips@dev -- nosuch other", "no commit of trips@dev changed nosuch or other"),
        ("trips@dev.5..dev.2", "trips@dev.2 has no commits that are not in trips@dev.5"),
    ],
)
def test_an_empty_log_says_why_it_is_empty(run, arguments, said):
    done = run("log", *arguments.split())
    assert (done.code, done.out, done.err) == (0, "", f"{said}\n")


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize("command", ["log", "diff"])
@pytest.mark.parametrize(
    ("range_", "said"),
    [
        ("trips@..", "write trips@A.. or trips@..B"),
        ("trips@A...B", "write trips@A..B"),
        ("trips@..:a", "..B"),
    ],
)
def test_a_range_that_none_can_be_is_told_how_to_be_written(run, command, range_, said):
    done = run(command, range_)
    assert (done.code, done.out) == (2, "") and said in done.err


@pytest.mark.usefixtures("edited")
def test_a_range_left_open_at_either_end_means_the_default_branch(ok):
    assert ok("diff", "trips@..dev") == ok("diff", "trips@master", "trips@dev")
    assert ok("diff", "trips@dev..") == ok("diff", "trips@dev", "trips@master")


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize("command", ["log", "diff", "squash", "drop"])
def test_a_range_with_its_repo_named_twice_is_told_how_to_be_written(run, command):
    done = run(command, "trips@master.1..trips@master.2")
    assert done.code == 2 and "write trips@A..master.2;" in done.err


@pytest.mark.usefixtures("trips")
@pytest.mark.parametrize("command", ["run", "datum list"])
def test_a_file_where_a_pipeline_is_named_is_told_its_option(run, work, command):
    (work / "sales.yaml").write_text("pipeline: {name: sales}")
    done = run(*command.split(), "sales.yaml")
    assert done.code == 2 and "write -f sales.yaml;" in done.err


@pytest.mark.usefixtures("trips")
def test_a_changed_time_alone_is_not_in_the_log_of_a_path(ok, work):
    (work / "d").mkdir()
    (work / "d" / "f").write_text("1")
    ok("put", "-r", "d", "trips")
    os.utime(work / "d", ns=(1, 1))
    (work / "other").write_text("2")
    ok("put", "-r", "d", "other", "trips")
    assert [each["number"] for each in json.loads(ok("log", "--json", "trips", "--", "d"))] == [4]


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ("trips@master..dev -- 2015", [4]),
        ("trips@dev.4..dev -- 2015 7-01-16", [5]),
        ("trips@dev.2..dev.4 -- 2016", []),
    ],
)
def test_the_log_of_a_path_can_be_limited_to_a_range(ok, arguments, numbers):
    assert [each["number"] for each in json.loads(ok("log", "--json", *arguments.split()))] == numbers


@pytest.mark.usefixtures("edited")
def test_the_log_of_a_range_looks_at_no_commit_but_one_before_it(store_path):
    with store.open(store_path) as opened:
        trips = opened["trips"]
        seen = until(trips, trips["dev.4"], trips.log("dev"))
        assert [commit.depth for commit in seen] == [6, 5, 4]


# ---- find, du, tree


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(
    ("ref", "glob", "found"),
    [
        ("trips@dev", "*", ["2016/", "7-01-16", "7-02-16"]),
        ("trips@dev", "**", ["2016/", "2016/blob", "2016/link", "2016/run", "7-01-16", "7-02-16"]),
        ("trips@dev", "7-0[2-9]*", ["7-02-16"]),
        ("trips@dev", "/2016/{run,blob,nosuch}", ["2016/blob", "2016/run"]),
        ("trips@dev:2016", "*n*", ["2016/link", "2016/run"]),
        ("trips@dev:2016", "/", []),
        ("trips@master.1", "**", ["7-01-16"]),
        ("trips", "nosuch*", []),
    ],
)
def test_find_prints_the_whole_path_of_each_match(ok, ref, glob, found):
    assert ok("find", ref, glob).split() == found
    assert [each["path"] for each in json.loads(ok("find", "--json", ref, glob))] == [
        name.rstrip("/") for name in found
    ]


@pytest.mark.usefixtures("edited")
def test_du_has_each_directory_with_everything_below_and_the_whole_last(ok):
    split = [line.split() for line in ok("du", "-b", "trips@dev", "trips@master:2015").splitlines()]
    assert split == [
        ["14", "3", "files", "2016/"],
        ["37", "5", "files", "trips@dev"],
        ["4", "1", "file", "trips@master:2015"],
    ]
    assert [line.split()[-1] for line in ok("du", "-a", "-d", "2", "trips@dev").splitlines()] == [
        "2016/",
        "2016/blob",
        "2016/link",
        "2016/run",
        "7-01-16",
        "7-02-16",
        "trips@dev",
    ]
    assert len(ok("du", "-d", "0", "trips").splitlines()) == 1
    facts = json.loads(ok("du", "--json", "trips@dev"))
    assert [(each["path"], each["size"], each["files"]) for each in facts] == [("2016", 14, 3), ("", 37, 5)]


@pytest.mark.usefixtures("edited")
def test_tree_draws_directories_files_and_links(ok):
    assert (
        ok("tree", "trips@dev")
        == """\
trips@dev
├── 2016/
│   ├── blob
│   ├── link -> run
│   └── run
├── 7-01-16
└── 7-02-16

5 files, 37 B
"""
    )
    assert ok("tree", "-d", "1", "trips") == "trips\n├── 2015/\n├── 7-01-16\n└── 7-02-16\n\n3 files, 17 B\n"
    assert ok("tree", "trips:7-01-16") == "trips:7-01-16\n\n1 file, 6 B\n"
    assert [each["path"] for each in json.loads(ok("tree", "--json", "trips"))] == [
        "2015",
        "2015/note.txt",
        "7-01-16",
        "7-02-16",
    ]


# ---- what is refused

BAD = [
    ("diff trips nosuch", 3, "nosuch"),
    ("diff trips trips@dev nosuch", 3, "no 'nosuch' in trips or trips@dev"),
    ("diff trips trips@dev ../x", 6, "cannot name a file"),
    ("diff trips:nosuch", 3, "nosuch"),
    ("diff trips:7-01-16 trips", 1, "trips:7-01-16 is a file, and trips a directory"),
    ("diff trips trips:7-01-16", 1, "trips:7-01-16 is a file, and trips a directory"),
    ("diff --stat --json trips", 2, "--json"),
    ("diff -p --json trips", 2, "--json"),
    ("diff empty", 1, "no commits yet"),
    ("log trips -- ../x", 6, "cannot name a file"),
    ("find trips", 2, "GLOB"),
    ("find trips [", 6, "glob"),
    ("find trips:7-01-16 *", 1, "is a file"),
    ("find trips:nosuch *", 3, "nosuch"),
    ("find empty *", 1, "no commits yet"),
    ("du", 2, "REPO"),
    ("du trips:nosuch", 3, "nosuch"),
    ("du trips -d -1", 2, "-1"),
    ("du empty", 1, "no commits yet"),
    ("tree", 2, "REPO"),
    ("tree nosuch", 3, "nosuch"),
    ("tree trips -d 0", 2, "0"),
    ("tree trips:nosuch", 3, "nosuch"),
]


@pytest.mark.usefixtures("edited")
@pytest.mark.parametrize(("line", "code", "message"), BAD, ids=[line for line, _, _ in BAD])
def test_what_cannot_be_shown_is_refused_in_one_line(run, ok, store_path, line, code, message):
    ok("repo", "create", "empty")
    before = last_txnid(store_path)
    result = run(*line.split())
    assert result.code == code
    assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1
    assert re.search(message, result.err), result.err
    assert result.out == "" and last_txnid(store_path) == before


def test_log_follows_a_file_through_renames(ok, trips, work):
    (work / "note.txt").write_text("newer\n")
    ok("put", "note.txt", "trips:2015/", "-m", "newer")
    ok("mv", "trips:2015/note.txt", "trips:note", "-m", "up")
    lines = ok("log", "--follow", "trips:note").splitlines()
    assert lines[1::2] == ["  R 2015/note.txt -> note", "  M 2015/note.txt", "  A 2015/note.txt"]
    assert [line.split()[0] for line in lines[::2]] == [f"trips@master.{n}" for n in (5, 4, 3)]
    facts = json.loads(ok("log", "--follow", "trips@master:note", "--json", "-n", "1"))
    assert [(each["change"], each["from"], each["commit"]["number"]) for each in facts] == [
        ("R", "2015/note.txt", 5)
    ]


@pytest.mark.parametrize(
    ("line", "code"), [("trips", 1), ("trips:nowhere", 3), ("trips:7-01-16 7-02-16", 2), ("nowhere:a", 3)]
)
def test_log_follows_one_path_that_is_there(run, trips, line, code):
    done = run("log", "--follow", *line.split())
    assert done.code == code and done.err.count("\n") <= 2 and "Traceback" not in done.err
