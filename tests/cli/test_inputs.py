"""`pfs glob`, `pfs datum list -f`, branches that follow others, clocks that tick by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Run

Ok = Callable[..., str]

SALES = """
pipeline: {name: sales}
transform: {cmd: [cat]}
input: {group: [{pfs: {repo: rides, glob: "/(*)-*", group_by: $1}}]}
"""
CLOCK = """
pipeline: {name: nightly}
transform: {cmd: [cat]}
input: {cron: {name: night, spec: "@never"}}
"""


@pytest.fixture
def rides(ok: Ok, work: Path) -> None:
    """A repo of three files."""
    ok("repo", "create", "rides")
    for name in ("1-a", "1-b", "2-a"):
        (work / name).write_text(name)
    ok("put", "1-a", "1-b", "2-a", "rides")


@pytest.mark.usefixtures("rides")
def test_a_glob_shows_what_it_matches_and_captures(ok: Ok) -> None:
    assert ok("glob", "rides", "/(*)-(*)") == "1-a  $1 1  $2 a\n1-b  $1 1  $2 b\n2-a  $1 2  $2 a\n"
    assert ok("glob", "rides", "/") == "/\n"
    (found,) = json.loads(ok("glob", "--json", "rides@master", "/!(1*)"))
    assert (found["path"], found["captures"]) == ("2-a", ["2-a"])


@pytest.mark.usefixtures("rides")
def test_a_glob_that_matches_nothing_says_so_beside_its_output(run: Run) -> None:
    found = run("glob", "rides", "/nothing")
    assert (found.code, found.out, found.err) == (0, "", "nothing in rides matches '/nothing'\n")


@pytest.mark.usefixtures("rides")
def test_the_datums_of_a_specification_are_listed_without_a_pipeline(ok: Ok, run: Run, work: Path) -> None:
    (work / "sales.yaml").write_text(SALES)
    listed = run("datum", "list", "-f", "sales.yaml")
    assert [line.split("  ")[1] for line in listed.out.splitlines()] == [
        "rides:/1-a, rides:/1-b",
        "rides:/2-a",
    ]
    assert listed.err == "2 datums\n"
    first, second = json.loads(ok("datum", "list", "--json", "-f", "sales.yaml"))
    assert [each["group_by"] for each in first["inputs"]] == ["1", "1"]
    assert len(second["datum"]) == 64
    assert json.loads(ok("pipeline", "list", "--json")) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (SALES.replace("rides", "cars"), "cars"),
        (SALES + "---" + CLOCK, "2 specifications in spec"),
        (CLOCK, "input 'night' is a clock"),
    ],
)
@pytest.mark.usefixtures("rides")
def test_datums_that_cannot_be_told_are_said_to_be(run: Run, work: Path, text: str, said: str) -> None:
    (work / "spec").write_text(text)
    refused = run("datum", "list", "-f", "spec")
    assert refused.code != 0
    assert said in refused.err


@pytest.mark.usefixtures("rides")
def test_a_branch_is_told_to_follow_another_and_not_to(ok: Ok, run: Run) -> None:
    said = run(
        "branch", "create", "rides@master", "-t", "staging", "--trigger-commits", "2", "--trigger-size", "1K"
    )
    assert said.err == "master follows staging: 1,000 bytes or 2 commits (there is no branch 'staging' yet)\n"
    assert (
        ok("branch", "list", "rides").splitlines()[-1] == "master follows staging: 1,000 bytes or 2 commits"
    )
    (master,) = json.loads(ok("branch", "list", "--json", "rides"))
    assert master["trigger"] == {"branch": "staging", "size": 1000, "commits": 2}
    assert run("branch", "create", "rides@staging", "-t", "master", "--trigger-commits", "1").code != 0
    ok("branch", "untrigger", "rides@master")
    assert run("branch", "untrigger", "rides@master").err.startswith(
        "pfs: error: rides@master follows no branch"
    )
    assert run("branch", "create", "rides@x", "--trigger-size", "1K").code == 2


@pytest.mark.usefixtures("rides")
def test_the_repo_of_a_clock_is_the_clock_s_own(ok: Ok, run: Run, work: Path) -> None:
    (work / "nightly.yaml").write_text(CLOCK)
    ok("pipeline", "create", "-f", "nightly.yaml")
    ok("pipeline", "run-cron", "nightly")
    repo, first = "nightly_night", "nightly_night@master.1"
    assert repo not in ok("status") + str(json.loads(ok("status", "--json"))["repos"])
    for words in (
        ("put", "nightly.yaml", repo),
        ("cp", first, f"{repo}:x"),
        ("branch", "move", f"{repo}@master", first),
    ):
        refused = run(*words)
        assert refused.code and "run-cron" in refused.err


@pytest.mark.usefixtures("rides")
def test_a_clock_ticks_by_hand(ok: Ok, run: Run, work: Path) -> None:
    (work / "nightly.yaml").write_text(CLOCK)
    ok("pipeline", "create", "-f", "nightly.yaml")
    assert ok("run", "cron", "nightly").startswith("nightly_night@master.1 ")
    assert len(ok("ls", "nightly_night").splitlines()) == 1
    assert "nightly_night" not in ok("repo", "list") + ok("ls")
    assert "nightly_night" in ok("repo", "list", "--all")
    assert "has no cron input 'day'" in run("pipeline", "run-cron", "nightly", "day").err
