"""`pfs provenance`: a graph of commits, as text, JSON, Graphviz's language and a picture."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import store
from store import Commit, Provenance, Store


def commit(data: Store, repo: str, *sources: Commit) -> Commit:
    if data.find_repo(repo) is None:
        data.create_repo(repo)
    provenance = tuple(Provenance(each.repo, each.branch, each.id) for each in sources)
    with data.repo(repo).edit(provenance=provenance) as edit:
        edit.write("f", repo.encode() + b"%d" % len(sources))
        edit.write(f"n{data.last_txnid()}", b"")
    assert edit.result is not None
    return edit.result


@pytest.fixture
def diamond(store_path: Path) -> None:
    """trips feeds sales, both feed report; and a second commit of trips feeds nothing."""
    with store.create(store_path) as data:
        trips = commit(data, "trips")
        sales = commit(data, "sales", trips)
        commit(data, "report", sales, trips)
        commit(data, "trips")


def names(told: str) -> list[str]:
    """Without the ids, which differ from run to run."""
    return [re.sub(r"  [0-9a-f]{8}", "", line) for line in told.splitlines()]


@pytest.mark.usefixtures("diamond")
def test_what_a_commit_came_from_is_drawn_as_a_tree_up_to_the_data(ok):
    assert names(ok("provenance", "report")) == [
        "report@master.1",
        "├── sales@master.1",
        "│   └── trips@master.1",
        "└── trips@master.1",
    ]


@pytest.mark.usefixtures("diamond")
def test_what_came_from_a_commit_is_followed_where_it_stands_first(ok, store_path):
    with store.open(store_path) as data:
        commit(data, "final", data.resolve_commit("report"))
    told = names(ok("provenance", "--down", "trips@master.1"))
    assert told[0] == "trips@master.1"
    assert sorted(line.strip("├└─│ ") for line in told) == [
        "final@master.1",
        "report@master.1",
        "report@master.1  (above)",
        "sales@master.1",
        "trips@master.1",
    ]
    assert names(ok("provenance", "--down", "trips@master.2")) == ["trips@master.2"]
    assert len(names(ok("provenance", "--down", "-d", "1", "trips@master.1"))) == 3


@pytest.mark.usefixtures("diamond")
def test_json_has_every_commit_once_and_every_step_from_input_to_output(ok):
    for options in (("report",), ("--down", "trips@master.1")):
        told = json.loads(ok("provenance", "--json", *options))
        assert sorted(each["name"] for each in told["commits"]) == [
            "report@master.1",
            "sales@master.1",
            "trips@master.1",
        ]
        steps = {(each["from"]["repo"], each["to"]["repo"]) for each in told["edges"]}
        assert steps == {("trips", "sales"), ("sales", "report"), ("trips", "report")}
        assert len(told["edges"]) == 3


@pytest.mark.usefixtures("diamond")
def test_dot_names_commits_and_steps(ok):
    told = ok("provenance", "--dot", "sales")
    assert told.startswith("digraph provenance {") and told.endswith("}\n")
    assert told.count(" -> ") == 1 and told.count("label=") == 2 and told.count("style=bold") == 1


@pytest.mark.usefixtures("diamond")
def test_a_picture_is_drawn_by_graphviz_and_its_complaints_are_told(ok, run, work, monkeypatch):
    program = work / "bin" / "dot"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\ncat > "$3"; echo "$1" >> "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    ok("provenance", "sales", "-o", "graph.svg")
    assert (work / "graph.svg").read_text().endswith("}\n-Tsvg\n")
    program.write_text("#!/bin/sh\necho 'no such font' >&2; exit 1\n")
    refused = run("provenance", "sales", "-o", "graph.png")
    assert refused.code != 0 and "could not draw graph.png: no such font" in refused.err


@pytest.mark.usefixtures("diamond")
def test_without_graphviz_it_says_what_to_install(run, work, monkeypatch):
    monkeypatch.setenv("PATH", str(work))
    refused = run("provenance", "sales", "-o", "graph.svg")
    assert refused.code != 0 and "apt install graphviz" in refused.err and "--dot" in refused.err
    assert "end it with .svg, .png" in run("provenance", "sales", "-o", "graph.txt").err


def test_a_commit_with_thousands_downstream_is_traced(ok, store_path):
    with store.create(store_path) as data:
        weather = commit(data, "weather")
        data.create_repo("sales")
        origin = (Provenance("weather", "master", weather.id),)
        for number in range(300):
            with data.repo("sales").edit(provenance=origin) as edit:
                edit.write("f", b"%d" % number)
    assert len(ok("provenance", "--down", "weather").splitlines()) == 301
