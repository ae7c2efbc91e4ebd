"""--stage, status, restore and commit: several commands become one commit, of one repo or of several at once."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

import store
from pfsfuse.worktree.place import place
from pfsfuse.worktree.worktree import Worktree
from tests.cli.conftest import last_txnid


@pytest.fixture
def staged(ok, trips, work):
    """`trips` with something of each kind staged."""
    (work / "8-01-16").write_text("new\n")
    (work / "7-02-16").write_text("changed\n")
    ok("put", "--stage", "8-01-16", "7-02-16", "trips")
    ok("rm", "--stage", "trips:7-01-16")


@pytest.fixture
def weather(ok, work):
    """A repo `weather`, with a file staged and no commit."""
    ok("repo", "create", "weather")
    (work / "rain").write_text("none\n")
    ok("put", "--stage", "rain", "weather")


def names(ok, ref: str) -> list[str]:
    return ok("ls", "-R", ref).split()


def newest(ok, ref: str) -> dict:
    return json.loads(ok("log", ref, "-n", "1", "--json"))[0]


def test_what_is_staged_waits_for_its_commit(ok, trips, work):
    (work / "8-01-16").write_text("new\n")
    assert ok("put", "--stage", "8-01-16", "trips") == "trips@master staged\n"
    assert ok("mv", "--stage", "trips:8-01-16", "trips:2016/first") == "trips@master staged\n"
    assert ok("cp", "--stage", "trips:7-01-16", "trips:copy") == "trips@master staged\n"
    assert ok("rm", "--stage", "-r", "trips:2015") == "trips@master staged\n"
    assert names(ok, "trips") == ["2015/", "2015/note.txt", "7-01-16", "7-02-16"]
    out = ok("commit", "trips", "-m", "tidy", "--author", "ada")
    assert out == f"trips@master.4 {newest(ok, 'trips')['id']}\n"
    assert names(ok, "trips") == ["2016/", "2016/first", "7-01-16", "7-02-16", "copy"]
    assert (newest(ok, "trips")["message"], newest(ok, "trips")["author"]) == ("tidy", "ada")


@pytest.mark.usefixtures("staged")
def test_what_is_staged_can_be_copied_before_it_is_committed(ok):
    ok("cp", "--stage", "trips:8-01-16", "trips@master.1:7-01-16", "trips:copies/")
    assert ok("diff", "--staged", "trips", "copies").split() == [
        *("A", "copies"),
        *("A", "copies/7-01-16"),
        *("A", "copies/8-01-16"),
    ]


@pytest.mark.usefixtures("staged")
def test_a_path_that_is_not_in_a_draft_is_looked_for_with_status(run):
    done = run("rm", "--stage", "trips:nosuch")
    assert (done.code, "`pfs status trips@master` lists what is staged" in done.err) == (3, True)


def test_append_and_a_directory_are_staged_too(ok, trips, work):
    (work / "more").write_text("more\n")
    ok("put", "--stage", "--append", "more", "trips:7-01-16")
    ok("put", "--stage", "--append", "more", "trips:7-01-16")
    ok("put", "--stage", "-r", ".", "trips:all/")
    ok("commit", "trips")
    assert ok("cat", "trips:7-01-16") == "first\nmore\nmore\n" and "all/more" in names(ok, "trips")


def test_status_lists_what_is_staged(ok, staged):
    assert ok("status", "trips") == (
        "trips@master: staged on trips@master.3\nD 7-01-16\nM 7-02-16\nA 8-01-16\n"
    )
    (facts,) = json.loads(ok("status", "trips", "--json"))
    assert [(each["change"], each["path"]) for each in facts["changes"]] == [
        ("D", "7-01-16"),
        ("M", "7-02-16"),
        ("A", "8-01-16"),
    ]
    assert (facts["repo"], facts["branch"], facts["base"]["number"]) == ("trips", "master", 3)
    assert "staged, not committed: trips@master" in ok("status")
    assert json.loads(ok("status", "--json"))["drafts"] == ["trips@master"]


def test_status_shows_every_branch_with_a_draft_unless_one_is_named(ok, staged):
    ok("branch", "create", "trips@dev")
    ok("rm", "--stage", "trips@dev:7-01-16")
    assert ok("status", "trips").startswith("trips@dev: staged on trips@dev.3\nD 7-01-16\ntrips@master: ")
    assert ok("status", "trips@dev") == "trips@dev: staged on trips@dev.3\nD 7-01-16\n"
    ok("commit", "trips@dev")
    assert ok("status", "trips@dev") == "trips@dev: nothing is staged on trips@dev.4\n"


def test_diff_shows_it_in_all_its_ways(ok, staged):
    assert ok("diff", "--staged", "trips") == "D 7-01-16\nM 7-02-16\nA 8-01-16\n"
    assert ok("diff", "--staged", "trips", "8-01-16") == "A 8-01-16\n"
    assert ok("diff", "--staged", "trips:7-02-16") == "M 7-02-16\n"
    assert "+changed" in ok("diff", "--staged", "-p", "trips", "7-02-16")
    assert ok("diff", "--staged", "trips@master", "--stat").endswith(", -1 B\n")


def test_paths_are_taken_back(ok, run, staged):
    assert ok("restore", "trips:7-01-16", "trips:8-01-16") == "trips@master staged\n"
    assert ok("status", "trips").splitlines()[1:] == ["M 7-02-16"]
    assert run("restore", "trips:nowhere").code == 3
    assert ok("restore", "trips:7-02-16") == "trips@master nothing is staged\n"
    assert ok("diff", "--staged", "trips") == ""
    assert "nothing is staged for trips@master" in run("restore", "trips:7-02-16").err


def test_all_of_it_is_forgotten_only_by_somebody_sure(ok, run, staged):
    refused = run("restore", "--all", "trips")
    assert refused.code == 2 and "--yes" in refused.err and ok("diff", "--staged", "trips")
    assert ok("restore", "--all", "--yes", "trips") == "trips@master nothing is staged\n"


def test_forgetting_asks_on_a_terminal(surroundings, ok, staged):
    above, below = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pfsfuse.cli", "restore", "--all", "trips"],
        stdin=below,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=surroundings,
        text=True,
    )
    os.write(above, b"n\n")
    _, err = process.communicate(timeout=200)
    assert process.returncode != 0 and "trips@master" in err and ok("diff", "--staged", "trips")


def test_repos_are_committed_together_under_one_id(ok, staged, weather):
    out = ok("commit", "trips", "weather", "-m", "31 July")
    one, two = (line.split() for line in out.splitlines())
    assert (one[0], two[0]) == ("trips@master.4", "weather@master.1") and one[1] == two[1]
    assert {newest(ok, each)["message"] for each in ("trips", "weather")} == {"31 July"}


def test_all_commits_whatever_is_staged(ok, run, staged, weather):
    facts = json.loads(ok("commit", "--all", "--json"))
    assert [(each["repo"], each["changed"]) for each in facts] == [("trips", True), ("weather", True)]
    assert newest(ok, "trips")["message"] == "change 7-01-16, 7-02-16, 8-01-16 and more"
    assert ok("commit", "--all") == ""
    assert "nothing to commit for trips@master" in run("commit", "trips").err


def test_a_branch_that_moved_is_merged_with(ok, staged, work):
    (work / "other").write_text("other\n")
    ok("put", "other", "trips")
    status = ok("status", "trips").splitlines()[0]
    assert status == (
        "trips@master: staged on trips@master.3; the branch is at trips@master.4 now, and `pfs commit` merges"
    )
    ok("commit", "trips", "-m", "mine")
    assert names(ok, "trips") == ["2015/", "2015/note.txt", "7-02-16", "8-01-16", "other"]


@pytest.fixture
def conflicting(ok, staged, weather, work):
    """Somebody else has changed what is staged for `trips`."""
    (work / "7-02-16").write_text("theirs\n")
    ok("put", "7-02-16", "trips")


def test_a_conflict_is_listed_and_nothing_is_committed_anywhere(run, conflicting, store_path):
    before = last_txnid(store_path)
    done = run("commit", "trips", "weather")
    assert (done.code, done.out) == (5, "both modified:     trips@master:7-02-16\n")
    assert "nothing was changed" in done.err and "--theirs" in done.err
    assert last_txnid(store_path) == before
    facts = json.loads(run("commit", "trips", "weather", "--json").out)
    assert [each["conflicts"] != [] for each in facts] == [True, False]
    assert [each["changed"] for each in facts] == [False, False]


@pytest.mark.parametrize(("option", "expected"), [("--ours", "theirs\n"), ("--theirs", "changed\n")])
def test_a_side_settles_it(ok, conflicting, option, expected):
    ok("commit", "trips", "weather", option, "7-*")
    assert ok("cat", "trips:7-02-16") == expected


REFUSED = [
    ("commit", 2, "--all"),
    ("commit trips --all", 2, "--all"),
    ("commit trips:7-01-16", 1, "names a path"),
    ("commit trips@master.1", 1, "not a branch"),
    ("commit trips trips@dev", 6, "an id names one commit in each repo"),
    ("commit nowhere", 3, "no repo"),
    ("put --stage -m x 8-01-16 trips", 2, "pfs commit"),
    ("rm --stage --author x trips:7-02-16", 2, "pfs commit"),
    ("rm --stage trips:7-01-16", 3, "the draft of trips@master"),
    ("restore trips", 1, "whole branch"),
    ("restore --all trips:a --yes", 1, "names a path"),
    ("restore trips@master.1:a", 1, "not a branch"),
    ("status trips:a", 1, "names a path"),
    ("status trips@master.1", 1, "not a branch"),
    ("diff --staged trips nowhere", 3, "nowhere"),
    ("diff --staged trips:nowhere", 3, "nowhere"),
    ("diff --staged trips@master.1", 1, "not a branch"),
    ("branch delete trips@dev --yes", 1, "trips@dev has changes that are not committed: "),
    ("repo delete trips --yes", 1, "`pfs commit trips@"),
]


@pytest.mark.parametrize(("line", "code", "said"), REFUSED, ids=[line for line, _, _ in REFUSED])
def test_bad_requests_say_why_and_change_nothing(run, ok, staged, store_path, line, code, said):
    ok("branch", "create", "trips@dev")
    ok("rm", "--stage", "trips@dev:7-01-16")
    before = last_txnid(store_path)
    done = run(*line.split())
    assert (done.code, done.out) == (code, "") and said in done.err
    assert "Traceback" not in done.err and last_txnid(store_path) == before


def test_what_a_pipeline_computes_is_not_staged(ok, run, store_path, work):
    ok("repo", "create", "trips")
    with store.open(store_path) as opened:
        opened.create_repo("sales", origin="pipeline")
    (work / "a").write_text("a")
    assert run("put", "--stage", "a", "sales").code == 6


def test_a_move_between_repos_is_staged_in_both(ok, trips, weather):
    ok("mv", "--stage", "trips:7-01-16", "weather:")
    assert ok("diff", "--staged", "trips") == "D 7-01-16\n"
    assert ok("diff", "--staged", "weather") == "A 7-01-16\nA rain\n"
    ok("commit", "trips", "weather")
    assert newest(ok, "trips")["id"] == newest(ok, "weather")["id"]


def test_a_repo_and_a_branch_with_uncommitted_changes_are_deleted_by_force_only(ok, staged):
    ok("branch", "create", "trips@dev")
    ok("rm", "--stage", "trips@dev:7-01-16")
    ok("branch", "delete", "trips@dev", "--yes", "--force")
    assert not ok("branch", "list", "trips").count("dev")
    ok("repo", "delete", "trips", "--yes", "--force")
    assert "trips" not in ok("repo", "list")
    ok("store", "check")


def test_a_copy_of_a_store_has_what_was_written_through_a_mount(ok, staged, store_path):
    with store.open(store_path) as data:
        tree = Worktree(place(store_path, "trips", "master"), data, "trips", "master", None)
        tree.make(tree.model.root, b"written", 0o100644)
        tree.close()
    ok("store", "copy", "backup")
    assert "A written" in ok("--store", "backup", "status", "trips")


@pytest.fixture
def damaged_journal(ok, staged, weather, store_path):
    """Something was written to trips through a mount that is gone, and its journal is damaged since."""
    with store.open(store_path) as data:
        tree = Worktree(place(store_path, "trips", "master"), data, "trips", "master", None)
        for name in (b"one", b"two"):
            tree.make(tree.model.root, name, 0o100644)
        tree.close()
    journal = place(store_path, "trips", "master") / "journal"
    data = bytearray(journal.read_bytes())
    data[20] ^= 0xFF
    journal.write_bytes(data)
    return journal


def test_a_damaged_journal_stops_what_is_about_its_branch_alone(ok, run, damaged_journal):
    for line in ("status trips@master", "diff --staged trips", "commit trips", "restore --all --yes trips"):
        result = run(*line.split())
        assert result.code == 13 and f"{damaged_journal} is damaged" in result.err, line
        assert f"save what you need, and move {damaged_journal.parent} away" in result.err, line
    assert run("commit", "--all").code == 13
    result = run("repo", "delete", "trips", "--yes")
    assert result.code == 1 and str(damaged_journal) in result.err
    assert "staged on" in ok("status", "weather")
    result = run("store", "copy", "backup")
    assert result.code == 13 and "not in the copy: what was written to" in result.err
    assert "weather" in ok("--store", "backup", "repo", "list")
    ok("commit", "weather", "-m", "weather")
    damaged_journal.parent.rename(damaged_journal.parents[2] / "away")
    ok("commit", "trips", "-m", "what was staged otherwise")
