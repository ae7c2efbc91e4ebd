"""Commands in the order or shape of other programs are answered with the ones that were meant."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfsfuse.cli.main import pfs as root
from pfsfuse.cli.meant import meant
from pfsfuse.cli.meant.known import Known
from pfsfuse.cli.meant.line import apart
from pfsfuse.cli.meant.shapes import SPECIAL

THERE = {
    "trips": {"@master", "@dev", "@v1", "@master.1", "@master.2", ":a.csv", "@dev:a.csv", "@master:a.csv"},
    "weather": {"@master", "@july", ":sun/a.csv"},
}


def known(*repos: str) -> Known:
    return Known(
        repos,
        lambda word: any(word == repo or word in {repo + each for each in THERE[repo]} for repo in repos),
    )


BOTH = known("trips", "weather")


def answer(line: str, store: Known = BOTH) -> str:
    found = apart(root, shlex.split(line)[1:])
    return "" if found is None else meant(found, store)


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("pfs merge trips dev", "pfs merge trips trips@dev"),
        ("pfs merge trips master dev", "pfs merge trips@master trips@dev"),
        ("pfs merge trips@dev", "pfs merge trips trips@dev"),
        ("pfs merge trips dev -m 'both of them'", "pfs merge -m 'both of them' trips trips@dev"),
        ("pfs cherry-pick trips@dev", "pfs cherry-pick trips@dev trips"),
        ("pfs cherry-pick dev trips", "pfs cherry-pick trips@dev trips"),
        ("pfs diff trips dev", "pfs diff trips trips@dev"),
        ("pfs diff trips master dev", "pfs diff trips@master trips@dev"),
        ("pfs diff trips@v1 dev", "pfs diff trips@v1 trips@dev"),
        ("pfs squash trips@master.1 trips@master.2", "pfs squash trips@master.1..master.2"),
        ("pfs squash trips master.1 master.2", "pfs squash trips@master.1..master.2"),
        ("pfs revert trips master.1", "pfs revert trips@master.1"),
        ("pfs revert trips@master.1 trips", "pfs revert trips@master.1"),
        ("pfs drop trips dev", "pfs drop trips@dev"),
        ("pfs log july", "pfs log weather@july"),
        ("pfs show trips a.csv", "pfs show trips:a.csv"),
        ("pfs show trips@dev/", "pfs show trips@dev"),
        ("pfs ls trips dev", "pfs ls trips@dev"),
        ("pfs ls /pfs/trips", "pfs ls trips"),
        ("pfs ls pfs://trips@dev", "pfs ls trips@dev"),
        ("pfs cat trips a.csv", "pfs cat trips:a.csv"),
        ("pfs cat trips@dev a.csv", "pfs cat trips@dev:a.csv"),
        ("pfs cat /pfs/weather/sun/a.csv", "pfs cat weather:sun/a.csv"),
        ("pfs get a.csv trips", "pfs get trips:a.csv"),
        ("pfs rm trips a.csv", "pfs rm trips:a.csv"),
        ("pfs mv trips a.csv b.csv", "pfs mv trips:a.csv trips:b.csv"),
        ("pfs mv trips@dev:a.csv b.csv", "pfs mv trips@dev:a.csv trips@dev:b.csv"),
        ("pfs restore trips a.csv", "pfs restore trips:a.csv"),
        ("pfs commit trips 'what it says'", "pfs commit trips -m 'what it says'"),
        ("pfs tag create trips v2", "pfs tag create trips@v2"),
        ("pfs tag create v2 trips@master.1", "pfs tag create trips@v2 --at trips@master.1"),
        ("pfs tag create trips@v2 trips@master.1", "pfs tag create trips@v2 --at trips@master.1"),
        ("pfs tag create trips@v2 master.1", "pfs tag create trips@v2 --at trips@master.1"),
        ("pfs tag create trips", "pfs tag create trips@NAME"),
        ("pfs tag delete trips v1", "pfs tag delete trips@v1"),
        ("pfs tag v2 trips", "pfs tag create trips@v2"),
        ("pfs branch trips", "pfs branch list trips"),
        ("pfs branch trips@dev", "pfs show trips@dev"),
        ("pfs branch create trips new", "pfs branch create trips@new"),
        ("pfs branch create trips@new dev", "pfs branch create trips@new --at trips@dev"),
        ("pfs branch delete trips dev", "pfs branch delete trips@dev"),
        ("pfs branch move trips dev master", "pfs branch move trips@dev trips@master"),
        ("pfs repo trips", "pfs repo show trips"),
        ("pfs repo list trips", "pfs repo show trips"),
        ("pfs repo create trips@new", "pfs branch create trips@new"),
        ("pfs job trips", "pfs job list trips"),
        ("pfs bundle create trips t.pfsb", "pfs bundle create t.pfsb trips"),
        ("pfs bundle trips", "pfs bundle create FILE trips"),
        ("pfs jupyter trips july", ""),
        ("pfs wait dev", "pfs wait trips@dev"),
    ],
)
def test_the_right_command_is_offered(typed, right):
    assert answer(typed) == (f"did you mean `{right}`?" if right else "")


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("pfs log", "pfs log trips"),
        ("pfs tag list", "pfs tag list trips"),
        ("pfs tag create v2", "pfs tag create trips@v2"),
        ("pfs branch new", "pfs branch create trips@new"),
        ("pfs find a.csv", "pfs find trips a.csv"),
        ("pfs merge dev", "pfs merge trips trips@dev"),
    ],
)
def test_the_only_repo_there_is_need_not_be_named(typed, right):
    assert answer(typed, known("trips")) == f"did you mean `{right}`?"


@pytest.mark.parametrize(
    "typed",
    [
        "pfs repo delete",
        "pfs drop",
        "pfs revert",
        "pfs merge",
        "pfs cat nothing.csv",
        "pfs nosuch trips",
    ],
)
def test_what_is_not_certain_is_not_offered(typed):
    assert answer(typed) == "" and answer(typed, known("trips")) == ""


def test_a_name_that_several_repos_have_is_not_joined_to_one_of_them():
    assert answer("pfs log master") == ""


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("pfs put trips new.csv", "pfs put new.csv trips"),
        ("pfs put new.csv trips dev", "pfs put new.csv trips@dev"),
        ("pfs put new.csv trips/sub/new.csv", "pfs put new.csv trips:sub/new.csv"),
        ("pfs cp new.csv trips", "pfs put new.csv trips"),
        ("pfs cp trips:a.csv .", "pfs get trips:a.csv ."),
        ("pfs pipeline create new.csv", "pfs pipeline create -f new.csv"),
    ],
)
def test_files_of_the_host_are_known_as_such(typed, right, tmp_path, monkeypatch):
    (tmp_path / "new.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert answer(typed) == f"did you mean `{right}`?"


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("pfs put new.csv trips -m fix the rain", "pfs put new.csv trips -m 'fix the rain'"),
        ("pfs commit trips -m why weather changed", "pfs commit trips -m 'why weather changed'"),
        ("pfs commit -m why trips changed", ""),
        ("pfs commit trips -m 'both of them' weather", ""),
        ("pfs commit trips -m both wether", ""),
        ("pfs put -m fix new.csv trips@new", ""),
    ],
)
def test_a_message_without_quotes_is_offered_with_them(typed, right, tmp_path, monkeypatch):
    (tmp_path / "new.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert answer(typed) == (f"did you mean `{right}`?" if right else "")


WORDS = st.sampled_from(
    [
        "trips",
        "dev",
        "trips@dev",
        "a.csv",
        "trips:a.csv",
        "weather",
        "",
        "@",
        ":",
        "..",
        "-",
        "-x",
        "-m",
        "--at",
        "master.1",
    ]
)
VERBS = st.sampled_from([*SPECIAL, "merge", "diff", "branch move", "get", "find", "ls", "", "job logs"])


@given(VERBS, st.lists(WORDS | st.text(max_size=6), max_size=5))
def test_any_words_have_an_answer_or_none(verb, words):
    found = apart(root, [*verb.split(), *words])
    said = "" if found is None else meant(found, BOTH)
    assert said == "" or said.startswith("did you mean `pfs ")


def test_a_refused_command_offers_what_it_finds_in_the_store(ok, run, trips):
    ok("branch", "create", "trips@dev")
    assert run("merge", "trips", "dev").err == (
        "pfs: error: no repo 'dev'; did you mean `pfs merge trips trips@dev`?\n"
    )
    assert "; did you mean `pfs tag create trips@v1 --at trips@master.1`?" in (
        run("tag", "create", "trips@v1", "trips@master.1").err
    )
    assert "; did you mean `pfs cat trips:2015/note.txt`?" in run("cat", "trips", "2015/note.txt").err
    assert "; did you mean `pfs log trips@dev`?" in run("log", "trips", "dev").err
    said = run("put", "note.txt", "trips@new").err
    assert "has no ref 'new': `pfs branch create trips@new` makes a branch" in said
