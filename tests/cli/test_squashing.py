"""`pfs squash`, and `pfs branch move`: a branch's history, rewritten and moved."""

from __future__ import annotations

import json

import pytest

import store
from pfsfuse.pipeline import parse_specs
from pfsfuse.scheduler import create_pipeline
from tests.cli.conftest import last_txnid


@pytest.fixture
def line(ok, trips, work):
    """`trips` has six commits, three of them on one file."""
    for text in ("one", "two", "three"):
        (work / "a").write_text(text)
        ok("put", "a", "trips", "-m", f"a is {text}")


def log(ok, ref: str = "trips") -> list[dict]:
    return json.loads(ok("log", ref, "--json"))


def test_a_range_becomes_one_commit(ok, line):
    before = log(ok)
    out = ok("squash", "trips@master.3..master.5", "-m", "a so far")
    after = log(ok)
    assert out == f"trips@master.4 {after[1]['id']}\n"
    assert [each["message"] for each in after] == [
        "a is three",
        "a so far",
        "a note",
        "add 7-02-16",
        "add 7-01-16",
    ]
    assert after[0]["finished"] == before[0]["finished"] and after[0]["id"] != before[0]["id"]
    assert (ok("cat", "trips@master.4:a"), ok("cat", "trips:a")) == ("two", "three")
    assert "sound" in ok("store", "check", "--read-data")


def test_all_up_to_a_commit_and_the_newest_ones(ok, line):
    ok("squash", "trips@..master.3")
    assert [each["message"] for each in log(ok)][-1] == "add 7-01-16\nadd 7-02-16\na note"
    facts = json.loads(ok("squash", "trips@master.1..", "--json"))
    assert (facts["squashed"], facts["rewritten"], facts["kept"]) == (3, 0, 0)
    assert facts["head"] == facts["commit"] == log(ok)[0] and len(log(ok)) == 2


def test_another_branch_is_squashed_where_it_is_named(ok, line):
    ok("branch", "create", "trips@dev")
    ok("squash", "trips@dev~2..dev", "--keep")
    assert (len(log(ok, "trips@dev")), len(log(ok))) == (5, 6)


def test_what_is_tagged_is_kept_only_when_asked(ok, run, line):
    ok("tag", "create", "trips@v1", "--at", "master.4")
    tagged = log(ok, "trips@v1")[0]["id"]
    refused = run("squash", "trips@master.3..master")
    assert refused.code == 6 and "tag v1" in refused.err and "--keep" in refused.err and len(log(ok)) == 6
    done = run("squash", "--keep", "trips@master.3..master")
    assert done.code == 0 and "1 old commit kept" in done.err
    assert log(ok, "trips@v1")[0]["id"] == tagged and len(log(ok)) == 4


def test_what_a_job_has_yet_to_read_is_in_use(ok, run, line, store_path):
    (spec,) = parse_specs(
        json.dumps(
            {
                "pipeline": {"name": "sales"},
                "transform": {"cmd": ["true"]},
                "input": {"pfs": {"repo": "trips", "glob": "/"}},
            }
        ),
        source="test",
    )
    with store.open(store_path) as opened:
        create_pipeline(opened, spec)
    refused = run("squash", "trips@master.3..master")
    assert refused.code == 6 and "job sales@" in refused.err


REFUSED = [
    ("squash trips@..", 2, "write trips@A..B"),
    ("squash trips@master.1...master", 2, "write trips@master.1..master"),
    ("squash trips", 2, "A..B"),
    ("squash trips@master.3", 2, "A..B"),
    ("squash trips@master.3..master.4", 6, "takes two"),
    ("squash trips@master.4..master.2", 6, "in order"),
    ("squash trips@master.1..master.99", 3, "numbered from 1 to 6"),
    ("squash trips@nowhere..master", 3, "nowhere"),
    ("squash trips@master.1..master:a", 1, "names a path"),
    ("squash nowhere@a..b", 3, "nowhere"),
    ("squash trips@master.1..master --branch nowhere", 3, "nowhere"),
]


@pytest.mark.parametrize(("line_", "code", "said"), REFUSED, ids=[line for line, _, _ in REFUSED])
def test_bad_requests_say_why_and_change_nothing(run, line, store_path, line_, code, said):
    before = last_txnid(store_path)
    done = run(*line_.split())
    assert (done.code, done.out) == (code, "") and said in done.err and "Traceback" not in done.err
    assert last_txnid(store_path) == before


def test_a_branch_is_moved_anywhere_in_its_repo_and_back(ok, run, line):
    head = log(ok)[0]["id"]
    assert ok("branch", "move", "trips@master", "master.2").split()[0] == "trips@master.2"
    assert len(log(ok)) == 2
    ok("branch", "move", "trips@master", head)
    assert log(ok)[0]["id"] == head and len(log(ok)) == 6
    assert run("branch", "move", "trips@master", "master.77").code == 3
    assert run("branch", "move", "trips@nowhere", "master.1").code == 3
