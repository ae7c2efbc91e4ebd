"""`pfs drop`: commits that go for good."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import last_txnid

pytestmark = pytest.mark.usefixtures("trips")


def test_the_newest_commit_is_dropped(ok, run):
    done = run("drop", "trips", "--yes")
    assert done.code == 0 and done.err == "pfs: 1 commit dropped\n"
    assert done.out.startswith("trips@master.2 ")
    assert len(json.loads(ok("log", "trips", "--json"))) == 2
    assert "sound" in ok("store", "check", "--read-data")


def test_a_range_is_dropped_as_pachctl_says_it(ok):
    facts = json.loads(ok("drop", "commit", "trips@..master", "--yes", "--json"))
    assert (len(facts["dropped"]), facts["moved"], facts["head"]) == (3, ["master"], None)
    assert ok("log", "trips") == ""


def test_what_only_a_branch_has_is_dropped(ok, work):
    (work / "other").write_text("1")
    ok("branch", "create", "trips@dev", "--at", "master.2")
    ok("put", "other", "trips@dev")
    assert ok("drop", "trips@master..dev", "--yes").startswith("trips@dev.2 ")
    assert len(json.loads(ok("log", "trips", "--json"))) == 3


def test_a_dry_run_names_what_would_go_and_changes_nothing(ok, run, store_path):
    before, log = last_txnid(store_path), ok("log", "trips")
    done = run("drop", "-n", "trips@master.1..master")
    assert (done.code, done.err) == (0, "pfs: 2 commits would be dropped\n")
    *going, branch = done.out.splitlines()
    ids = [line.split()[1] for line in log.splitlines()]
    assert [line.split()[1] for line in going] == ids[:2]
    assert branch == "trips@master would be at trips@master.1"
    facts = json.loads(ok("drop", "--dry-run", "--json", "trips@..master"))
    assert (facts["dry_run"], len(facts["dropped"]), facts["head"]) == (True, 3, None)
    assert (last_txnid(store_path), ok("log", "trips")) == (before, log)


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("drop trips", 2, "--yes"),
        ("drop -n trips@master.2", 6, "follows it"),
        ("drop nosuch --yes", 3, "nosuch"),
        ("drop trips@nosuch --yes", 3, "nosuch"),
        ("drop trips@master.2 --yes", 6, "follows it"),
        ("drop trips@master..master.2 --yes", 6, "nothing comes after that"),
        ("drop trips@.. --yes", 2, "write trips@A..B"),
        ("drop trips@master.1...master --yes", 2, "write trips@master.1..master"),
        ("drop trips:a --yes", 6, "cannot name a repo"),
    ],
)
def test_what_cannot_be_dropped_is_said_in_one_line_and_nothing_changes(run, store_path, line, code, said):
    before = last_txnid(store_path)
    result = run(*line.split())
    assert (result.code, result.out) == (code, "") and said in result.err
    assert last_txnid(store_path) == before
