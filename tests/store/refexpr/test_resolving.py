"""Which commit an expression names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import store
from store.ids import CommitId

FIRST, SECOND = CommitId.parse("abcdef12" + "0" * 24), CommitId.parse("abcdef12" + "1" * 24)
DIGITS = CommitId.parse("12345678" + "9" * 24)


def commit(repo: store.Repo, branch: str, number: int, commit_id: CommitId | None = None) -> store.Commit:
    with repo.edit(branch, commit_id=commit_id) as edit:
        edit.write("n", f"{branch} {number}".encode())
    assert edit.result is not None
    return edit.result


@pytest.fixture
def line(trips: store.Repo) -> list[store.Commit]:
    """Five commits on `master`, oldest first."""
    return [commit(trips, "master", number) for number in range(1, 6)]


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("trips", 5),
        ("trips@master", 5),
        ("trips@master.1", 1),
        ("trips@master.5", 5),
        ("trips@master.4.2", 2),
        ("trips@master^", 4),
        ("trips@master^^", 3),
        ("trips@master~3", 2),
        ("trips@master~0", 5),
        ("trips@master.4~1^", 2),
        ("trips@master:n", 5),
    ],
)
def test_steps_lead_to_the_commit_they_say(data, line, text, depth):
    target = data.resolve(text)
    assert target.commit == line[depth - 1]
    assert target.path == (b"n" if text.endswith(":n") else b"")
    assert target.branch == ("master" if text in ("trips", "trips@master", "trips@master:n") else None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("trips@master.0", "commits are numbered from 1 to 5"),
        ("trips@master.6", "commits are numbered from 1 to 5"),
        ("trips@master.999999999999999999", "commits are numbered from 1 to 5"),
        ("trips@master~5", "there are only 4 commits before it"),
        ("trips@master.2^2", "there are only 1 commits before it"),
        ("trips@master@1999-01-01", "its first commit is later than that"),
        ("trips@empty.1", "the branch has no commit yet"),
        ("trips@empty^", "the branch has no commit yet"),
        ("trips@nowhere", ""),
        ("trips@nowhere.3", ""),
        ("trips@00000000", ""),
        ("trips@" + "0" * 32, ""),
        ("trips@" + "a" * 3000, ""),
        ("trips@master" + ".9" * 3000, "commits are numbered from 1 to 5"),
    ],
)
def test_what_does_not_exist_says_why(data, trips, line, text, why):
    trips.create_branch("empty")
    with pytest.raises(store.RefNotFound) as caught:
        data.resolve(text)
    assert caught.value.why == why
    assert str(caught.value).isprintable()


def test_a_branch_without_commits_is_a_target_but_no_commit(data, trips):
    target = data.resolve("trips")
    assert (target.commit, target.branch) == (None, "master")
    with pytest.raises(store.RefNotFound, match="no commit yet"):
        data.resolve_commit("trips")


@pytest.mark.parametrize("name", ["v1.2", "master.3", "12345678", "1", "x.1."])
def test_the_longest_name_that_exists_wins(data, trips, line, name):
    other = commit(trips, "other", 1, DIGITS)
    trips.create_branch(name, other)
    assert data.resolve_commit(f"trips@{name}") == other
    assert data.resolve_commit(f"trips@{name}.1") == other
    trips.delete_branch(name)
    trips.create_tag(name, line[2])
    assert data.resolve_commit(f"trips@{name}") == line[2]
    assert data.resolve_commit(f"trips@{name}.2") == line[1]


def test_a_number_counts_along_the_name_that_is_left(data, trips, line):
    trips.create_tag("master.3", line[4])
    assert data.resolve_commit("trips@master.3") == line[4]
    assert data.resolve_commit("trips@master.3.1") == line[0]
    assert data.resolve_commit("trips@master.2") == line[1]


def test_an_id_or_enough_of_its_digits_names_a_commit(data, trips):
    first, second = commit(trips, "master", 1, FIRST), commit(trips, "master", 2, SECOND)
    assert data.resolve_commit(f"trips@{FIRST}") == first
    assert data.resolve_commit("trips@abcdef120") == first
    assert data.resolve_commit("trips@abcdef1211^") == first
    assert data.resolve_commit("trips@abcdef121.2") == second
    with pytest.raises(store.RefNotFound, match="2 commits begin with these digits"):
        data.resolve("trips@abcdef12")
    with pytest.raises(store.RefNotFound):
        data.resolve("trips@abcdef1")


def test_digits_of_a_commit_of_another_repo_that_was_not_computed_from_this_name_nothing_here(data, trips):
    commit(data.create_repo("weather"), "master", 1, FIRST)
    with pytest.raises(store.RefNotFound):
        data.resolve("trips@abcdef12")


def computed(repo: store.Repo, commit_id: CommitId, *sources: store.Commit) -> store.Commit:
    """A commit that names these as what it was computed from."""
    provenance = [store.Provenance(each.repo, each.branch, each.id) for each in sources]
    with repo.edit(commit_id=commit_id, provenance=provenance, allow_empty=True) as edit:
        pass
    assert edit.result is not None
    return edit.result


def test_an_id_that_only_other_repos_carry_names_what_they_were_computed_from(data, trips, line):
    weather, sales, report = (data.create_repo(name) for name in ("weather", "sales", "report"))
    rain = commit(weather, "master", 1)
    commit(weather, "master", 2)
    computed(report, FIRST, computed(sales, FIRST, line[2]), rain)
    computed(sales, DIGITS, line[4])
    assert data.resolve_commit(f"trips@{FIRST}") == data.resolve_commit("trips@abcdef12") == line[2]
    assert data.resolve_commit(f"weather@{FIRST}") == rain
    assert data.resolve_commit(f"trips@{str(FIRST).upper()}^") == line[1]
    with pytest.raises(store.RefNotFound):
        data.resolve(f"weather@{DIGITS}")


def test_what_was_computed_from_two_lines_of_a_repo_names_neither(data, trips, line):
    other = commit(trips, "dev", 1)
    computed(data.create_repo("sales"), FIRST, line[2], other)
    with pytest.raises(store.RefNotFound, match=r"computed from several commits: dev\.1, master\.3"):
        data.resolve(f"trips@{FIRST}")


def test_what_a_repo_merged_is_not_what_it_was_computed_from(data, trips, line):
    weather = data.create_repo("weather")
    rain = commit(weather, "master", 1)
    merged = computed(trips, SECOND, computed(trips, DIGITS, rain))
    computed(data.create_repo("sales"), FIRST, merged)
    with pytest.raises(store.RefNotFound):
        data.resolve(f"weather@{FIRST}")


def test_a_source_whose_repo_is_gone_is_passed_over(data, trips, line):
    sales = data.create_repo("sales")
    computed(data.create_repo("report"), FIRST, computed(sales, FIRST, line[2]))
    data.delete_repo("sales")
    with pytest.raises(store.RefNotFound):
        data.resolve(f"trips@{FIRST}")
    data.create_repo("sales")
    with pytest.raises(store.RefNotFound):
        data.resolve(f"sales@{FIRST}")


def test_a_failed_commit_is_found_by_id_only(data, trips, line):
    with trips.edit(commit_id=FIRST) as edit:
        edit.fail("exit code 1")
    assert data.resolve_commit(f"trips@{FIRST}").state == "failed"
    assert data.resolve_commit("trips@master") == line[4]


def test_a_time_names_the_last_commit_finished_by_then(data, line, local_zone):
    local_zone("UTC")
    for number, there in enumerate(line):
        moment = datetime.fromtimestamp(there.finished_ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        fraction = f"{there.finished_ns % 10**9:09d}"
        assert data.resolve_commit(f"trips@master@{moment}.{fraction}Z") == line[number]
        assert data.resolve_commit(f"trips@master@{moment}.{fraction}+00:00^0") == line[number]
    assert data.resolve_commit("trips@master@2200-01-01") == line[4]


def test_a_near_miss_is_suggested(data, trips, line):
    trips.create_branch("development", line[0])
    with pytest.raises(store.RefNotFound) as caught:
        data.resolve("trips@developmen")
    assert caught.value.hint() == "did you mean 'development'?"
    with pytest.raises(store.RepoNotFound) as missing:
        data.resolve("tripz")
    assert missing.value.hint() == "did you mean 'trips'?"


EXPRESSIONS = st.from_regex(
    r"\A(trips|weather|x)(@(master|dev|abcdef12|v1\.2)([.~^@0-9TZ:-]{0,12}))?(:[a-z/.]{0,6})?\Z"
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(exclude_categories=())) | EXPRESSIONS)
def test_any_text_is_resolved_or_raises_only_store_errors(data, text):
    if data.find_repo("trips") is None:
        commit(data.create_repo("trips"), "v1.2", 1, FIRST)
    error = refusal(data, text)
    assert error is None or (str(error).isprintable() and error.hint().isprintable())


def refusal(data: store.Store, text: str) -> store.StoreError | None:
    try:
        data.resolve(text)
    except store.StoreError as error:
        return error
    return None
