"""merge, revert and cherry-pick: changes brought to a branch, conflicts listed, nothing changed by a refusal."""

from __future__ import annotations

import json
import re

import pytest

import store
from tests.cli.conftest import last_txnid


@pytest.fixture
def put(ok, work):
    """Put one file with this text."""

    def call(path: str, text: str, message: str = "") -> str:
        (work / "file").write_text(text)
        return ok("put", "file", path, "-m", message or path)

    return call


@pytest.fixture
def parted(ok, put, trips):
    """`dev` is one commit ahead of the last common one in its files, `master` in others."""
    ok("branch", "create", "trips@dev")
    put("trips@dev:7-01-16", "dev\n", "dev corrects")
    put("trips@dev:2016/new", "dev\n", "dev adds")
    put("trips:7-02-16", "master\n", "master corrects")


def head(ok, ref: str = "trips") -> dict:
    return json.loads(ok("show", "--json", f"{ref}@" if "@" not in ref else ref))


def newest(ok, ref: str = "trips") -> dict:
    return json.loads(ok("log", "-n", "1", "--json", ref))[0]


@pytest.mark.usefixtures("parted")
def test_a_merge_brings_the_other_branch_and_names_it(ok):
    theirs = newest(ok, "trips@dev")["id"]
    made = re.fullmatch(r"trips@master\.5 ([0-9a-f]{32})\n", ok("merge", "trips@master", "trips@dev"))
    commit = newest(ok)
    assert made and made[1] == commit["id"] and commit["message"] == "merge trips@dev"
    assert commit["provenance"] == [{"repo": "trips", "branch": "dev", "id": theirs}]
    assert ok("cat", "trips:7-01-16", "trips:7-02-16", "trips:2016/new") == "dev\nmaster\ndev\n"


@pytest.mark.usefixtures("parted")
def test_what_is_merged_already_is_nothing_to_do(ok, run, store_path):
    first = ok("merge", "trips", "trips@dev")
    before = last_txnid(store_path)
    again = run("merge", "trips", "trips@dev")
    assert (again.code, again.out, again.err) == (0, first, "pfs: nothing changed\n")
    assert last_txnid(store_path) == before


@pytest.mark.usefixtures("trips")
def test_a_branch_that_is_behind_moves_forward_unless_there_is_a_message(ok, put):
    for name in ("old", "older"):
        ok("branch", "create", f"trips@{name}")
    ahead = put("trips:x", "1\n").split()[1]
    assert ok("merge", "trips@old", "trips").split() == ["trips@old.4", ahead]
    assert ok("merge", "trips@older", "trips", "-m", "release", "--author", "Ada").split()[1] != ahead
    made = newest(ok, "trips@older")
    assert (made["message"], made["author"], made["number"]) == ("release", "Ada", 4)
    assert ok("diff", "trips@older", "trips") == ""


@pytest.mark.usefixtures("parted")
def test_conflicts_are_listed_by_kind_and_path_and_nothing_is_changed(ok, put, run, store_path):
    put("trips:7-01-16", "master\n")
    put("trips:2016", "a file\n")
    before = last_txnid(store_path)
    result = run("merge", "trips", "trips@dev")
    assert result.code == 5
    assert result.out == "kinds differ:      2016\nboth modified:     7-01-16\n"
    assert re.fullmatch(
        r"pfs: error: merging trips@dev into trips meets 2 conflicts; nothing was changed; .*--theirs.*\n",
        result.err,
    )
    listed = run("merge", "--json", "trips", "trips@dev")
    facts = json.loads(listed.out)
    assert listed.code == 5 and not facts["changed"]
    assert [(each["kind"], each["path"]) for each in facts["conflicts"]] == [
        ("kinds differ", "2016"),
        ("both modified", "7-01-16"),
    ]
    assert facts["conflicts"][1]["base"]["size"] == 6
    assert last_txnid(store_path) == before


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize(
    ("options", "text"),
    [
        ("--ours **", "master\n"),
        ("--theirs **", "dev\n"),
        ("--theirs 7-01-*", "dev\n"),
        ("--ours /7-01-16 --theirs **", "master\n"),
        ("--theirs 2016/* --theirs 7*", "dev\n"),
    ],
)
def test_a_pattern_takes_a_side(ok, put, options, text):
    put("trips:7-01-16", "master\n")
    ok("merge", *options.split(), "trips", "trips@dev")
    assert ok("cat", "trips:7-01-16") == text
    assert ok("cat", "trips:2016/new") == "dev\n", (
        "what does not conflict is merged whatever the patterns say"
    )


@pytest.mark.usefixtures("parted")
def test_a_merge_as_json_has_the_commit_and_the_base(ok):
    facts = json.loads(ok("merge", "--json", "trips", "trips@dev"))
    assert facts["changed"] and facts["conflicts"] == []
    assert facts["commit"]["id"] == newest(ok)["id"]
    assert facts["base"] == json.loads(ok("show", "--json", "trips@master.3"))["id"]


# ---- revert


@pytest.mark.usefixtures("trips")
def test_a_revert_undoes_one_commit_and_leaves_what_came_later(ok):
    undone = newest(ok, "trips@master.2")["id"][:8]
    assert ok("revert", "trips@master.2").startswith("trips@master.4 ")
    assert ok("ls", "-R", "trips").split() == ["2015/", "2015/note.txt", "7-01-16"]
    assert newest(ok)["message"] == f"revert trips@{undone} (add 7-02-16)"
    ok("revert", "trips")
    assert "7-02-16" in ok("ls", "trips").split(), "the last commit was the revert"
    ok("revert", "trips@master.1")
    assert "7-01-16" not in ok("ls", "trips").split()


@pytest.mark.usefixtures("parted")
@pytest.mark.parametrize(
    ("arguments", "branch"),
    [
        ("trips@dev.4", "dev"),
        ("trips@dev^", "dev"),
        ("trips@master", "master"),
        ("trips", "master"),
        ("trips@master.2 --branch dev", "dev"),
    ],
)
def test_a_revert_is_made_on_the_branch_that_was_named(ok, arguments, branch):
    assert ok("revert", *arguments.split()).startswith(f"trips@{branch}.")


@pytest.mark.usefixtures("trips")
def test_a_revert_of_what_changed_since_is_a_conflict(ok, put, run, store_path):
    put("trips:7-02-16", "corrected\n")
    before = last_txnid(store_path)
    result = run("revert", "trips@master.2")
    assert (result.code, result.out) == (5, "deleted by theirs: 7-02-16\n")
    assert last_txnid(store_path) == before
    ok("revert", "trips@master.2", "--theirs", "**")
    assert "7-02-16" not in ok("ls", "trips").split()


@pytest.mark.usefixtures("trips")
def test_a_revert_of_what_is_undone_already_changes_nothing(ok, run):
    ok("revert", "trips@master.2")
    assert run("revert", "trips@master.2").err == "pfs: nothing changed\n"


# ---- cherry-pick


@pytest.mark.usefixtures("parted")
def test_a_cherry_pick_makes_one_change_and_leaves_the_others(ok):
    picked = newest(ok, "trips@dev")
    assert ok("cherry-pick", "trips@dev", "trips", "--author", "Ada").startswith("trips@master.5 ")
    made = newest(ok)
    assert (made["message"], made["author"]) == (f"dev adds (from trips@{picked['id'][:8]})", "Ada")
    assert made["provenance"] == []
    assert ok("cat", "trips:7-01-16", "trips:2016/new") == "first\ndev\n"
    ok("merge", "trips", "trips@dev")
    assert ok("cat", "trips:7-01-16") == "dev\n", "what was not picked still comes with a merge"


@pytest.mark.usefixtures("parted")
def test_a_cherry_pick_can_go_to_another_repo(ok):
    ok("repo", "create", "archive")
    ok("cherry-pick", "trips@dev.5", "archive")
    assert ok("ls", "-R", "archive").split() == ["2016/", "2016/new"]


@pytest.mark.usefixtures("parted")
def test_a_cherry_pick_of_what_the_branch_has_otherwise_is_a_conflict(ok, put, run, store_path):
    put("trips:7-01-16", "master\n")
    before = last_txnid(store_path)
    result = run("cherry-pick", "trips@dev^", "trips")
    assert (result.code, result.out) == (5, "both modified:     7-01-16\n")
    assert last_txnid(store_path) == before
    ok("cherry-pick", "trips@dev^", "trips", "--theirs", "7-*")
    assert ok("cat", "trips:7-01-16") == "dev\n"


# ---- what is refused

BAD = [
    ("merge trips", 2, "THEIRS"),
    ("merge trips nosuch", 3, "nosuch"),
    ("merge trips trips@nosuch", 3, "nosuch"),
    ("merge trips@nosuch trips", 3, "nosuch"),
    ("merge trips@master.1 trips@dev", 1, "is not a branch"),
    ("merge trips:2015 trips@dev", 1, "names a path"),
    ("merge trips trips@dev:2015", 1, "names a path"),
    ("merge trips weather@other", 1, "two repos"),
    ("merge trips weather", 1, "no commits yet"),
    ("merge trips trips@dev --ours [", 6, "glob"),
    ("merge trips trips@dev --theirs {", 6, "glob"),
    ("merge computed computed@second", 6, "not edited by hand"),
    ("revert nosuch", 3, "nosuch"),
    ("revert weather", 1, "no commits yet"),
    ("revert trips@master.9", 3, "9"),
    ("revert trips:2015", 1, "names a path"),
    ("revert trips --branch nosuch", 3, "nosuch"),
    ("revert trips --branch a/b", 3, "a/b"),
    ("revert trips --ours [", 6, "glob"),
    ("revert computed", 6, "not edited by hand"),
    ("cherry-pick trips@dev", 2, "BRANCH"),
    ("cherry-pick nosuch trips", 3, "nosuch"),
    ("cherry-pick trips@dev nosuch", 3, "nosuch"),
    ("cherry-pick trips@dev trips@master.1", 1, "is not a branch"),
    ("cherry-pick trips@dev:2016 trips", 1, "names a path"),
    ("cherry-pick trips@dev trips:2016", 1, "names a path"),
    ("cherry-pick weather trips", 1, "no commits yet"),
    ("cherry-pick trips@dev computed", 6, "not edited by hand"),
]


@pytest.fixture
def refused(parted, ok, store_path, put):
    ok("repo", "create", "weather")
    ok("branch", "create", "weather@other")
    put("weather@other:x", "1")
    with store.open(store_path) as data:
        computed = data.create_repo("computed", origin="pipeline")
        for branch in ("master", "second"):
            with computed.edit(branch, origin="pipeline") as edit:
                edit.write("x", branch.encode())


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(("line", "code", "message"), BAD, ids=[line for line, _, _ in BAD])
def test_what_cannot_be_merged_is_refused_in_one_line_and_changes_nothing(
    run, store_path, line, code, message
):
    before = last_txnid(store_path)
    result = run(*line.split())
    assert result.code == code
    assert result.err.startswith("pfs: error: ") and result.err.count("\n") == 1
    assert re.search(message, result.err), result.err
    assert "this is a bug" not in result.err and result.out == ""
    assert last_txnid(store_path) == before
