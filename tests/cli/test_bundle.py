"""pfs bundle: from one store to another, through files and pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("trips")


@pytest.fixture
def other(tmp_path: Path) -> str:
    """Another store, which is not there yet."""
    return str(tmp_path / "other")


def test_a_repo_goes_from_one_store_to_another(ok, work, other):
    said = ok("bundle", "create", "t.pfsb", "trips")
    assert said.startswith("holds 3 commits and ")
    said = ok("--store", other, "bundle", "import", "t.pfsb")
    assert said.startswith("trips@master: new branch, ") and said.endswith("3 commits new\n")
    assert ok("log", "trips") == ok("--store", other, "log", "trips")
    assert ok("--store", other, "store", "check", "--read-data").startswith("sound")
    assert ok("--store", other, "bundle", "import", "t.pfsb") == "trips@master: stays\n0 commits new\n"


def test_what_is_new_follows_through_a_pipe(ok, work, other, surroundings):
    ok("bundle", "create", "t.pfsb", "trips")
    ok("--store", other, "bundle", "import", "t.pfsb")
    (work / "n").write_text("new")
    ok("put", "n", "trips")
    (work / "-").write_text("a file, which standard output is not taken for")
    base = [sys.executable, "-m", "pfsfuse.cli"]
    with subprocess.Popen(
        [*base, "bundle", "create", "-", "trips", "--since", "trips@master^"],
        stdout=subprocess.PIPE,
        env=surroundings,
        cwd=work,
    ) as made:
        taken = subprocess.run(
            [*base, "--store", other, "bundle", "import", "-"],
            stdin=made.stdout,
            capture_output=True,
            env=surroundings,
            cwd=work,
            check=True,
        )
    assert b" -> " in taken.stdout and b"1 commit new" in taken.stdout
    assert ok("--store", other, "cat", "trips:n") == "new"


def test_show_and_verify_say_what_is_in_it(ok, run, work):
    ok("bundle", "create", "t.pfsb", "trips@master", "--since", "trips@master.1")
    for verb in ("show", "verify"):
        found = json.loads(ok("bundle", verb, "t.pfsb", "--json"))
        assert (found["repos"], found["commits"]) == (["trips"], 2)
        assert found["refs"][0]["kind"] == "branch" and len(found["needs"]) == 1
        assert "trips@master" in ok("bundle", verb, "t.pfsb")
    raw = bytearray((work / "t.pfsb").read_bytes())
    raw[-100] ^= 1
    (work / "t.pfsb").write_bytes(raw)
    result = run("bundle", "verify", "t.pfsb")
    assert result.code == 7 and "bundle record" in result.err and "pfs store check" not in result.err


def test_a_bundle_that_is_there_is_replaced_and_no_other_file(ok, run, work):
    for _ in range(2):
        ok("bundle", "create", "t.pfsb", "trips")
    (work / "trips.csv").write_text("a,b\n")
    result = run("bundle", "create", "trips.csv", "trips")
    assert result.code and "trips.csv is there, and is no bundle; remove it first" in result.err
    assert (work / "trips.csv").read_text() == "a,b\n"


def test_a_dry_run_does_nothing(ok, run, work, other):
    assert ok("bundle", "create", "-n", "t.pfsb", "trips").startswith("would hold 3 commits")
    assert "t.pfsb" not in os.listdir(work)
    ok("bundle", "create", "t.pfsb", "trips")
    assert run("--store", other, "bundle", "import", "-n", "t.pfsb").code == 3
    assert not Path(other).exists()
    ok("--store", other, "repo", "create", "x")
    assert "3 commits would be new" in ok("--store", other, "bundle", "import", "-n", "t.pfsb")
    assert json.loads(ok("--store", other, "bundle", "import", "-n", "--json", "t.pfsb"))["dry_run"]
    assert ok("--store", other, "repo", "list", "--json").count("name") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        (["create", "x", "nosuch"], 3, "nosuch"),
        (["create", "x", "trips:path"], 6, "without a path"),
        (["create", "no/such/x", "trips"], 1, "not a directory"),
        (["create", "dir", "trips"], 1, "is a directory"),
        (["import", "nosuch"], 1, "No such file"),
        (["import", "dir"], 1, "Is a directory"),
        (["import", "text"], 7, "error: text: damaged bundle: it does not begin like one"),
        (["show", "text"], 7, "error: text: damaged bundle: it does not begin like one"),
        (["verify", "/dev/null"], 7, "error: /dev/null: damaged bundle: it does not begin like one"),
        (["import", "--as", "trips", "t.pfsb"], 2, "OLD=NEW"),
        (["import", "--as", "x=y", "t.pfsb"], 6, "error: t.pfsb: the bundle has no repo 'x'"),
        (["import", "--as", "trips=../y", "t.pfsb"], 6, "cannot name a repo"),
    ],
)
def test_what_cannot_be_is_one_line(ok, run, work, arguments, code, why):
    ok("bundle", "create", "t.pfsb", "trips")
    (work / "dir").mkdir()
    (work / "text").write_text("hello" * 100)
    before = sorted(os.listdir(work))
    result = run("bundle", *arguments)
    assert result.code == code and why in result.err, result.err
    assert result.err.count("\n") <= (3 if code == 2 else 1)
    assert sorted(os.listdir(work)) == before


def test_another_history_is_refused_with_the_way_out(ok, run, work, other):
    ok("bundle", "create", "t.pfsb", "trips")
    (work / "x").write_text("x")
    ok("--store", other, "repo", "create", "trips")
    ok("--store", other, "put", "x", "trips")
    result = run("--store", other, "bundle", "import", "t.pfsb")
    assert result.code == 5 and "--as trips=NAME" in result.err
    ok("--store", other, "bundle", "import", "--as", "trips=rides", "t.pfsb")
    assert ok("--store", other, "ls", "rides").split() == ["2015/", "7-01-16", "7-02-16"]
