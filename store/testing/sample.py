"""A store with a bit of everything in it, and all that it can be asked."""

from __future__ import annotations

import random

import store
from store.commit import Commit
from store.store import Store


def fill(data: Store) -> None:
    """Files of all sizes, a directory of several nodes, history, provenance, branches, tags, pins, a shelf."""
    weather, trips = data.create_repo("weather"), data.create_repo("trips", description="rides")
    with weather.edit() as first:
        first.write("large", random.Random(1).randbytes(700_000))
        first.write("text", b"word " * 20_000)
    assert first.result is not None
    for number in range(3):
        with trips.edit(provenance=[store.Provenance("weather", "master", first.result.id)]) as edit:
            for name in range(300):
                edit.write(f"dir/{name}", b"%d %d" % (name, number))
            edit.symlink("link", "dir/1")
    trips.create_branch("dev", trips.commit("master~1"))
    trips.create_tag("v1", trips.commit())
    data.pins.put(b"pin/1", trips.commit().tree, b"note")
    data.pins.put(b"pin/2", first.result.tree, b"other")
    data.shelf("jobs").update({b"a": b"1", b"b": b"2"})


def everything(data: Store) -> object:
    """All that the store answers, to be compared. Raises Corrupt."""
    repos = data.repos()
    return (
        [(repo.name, repo.description, repo.origin, repo.branches(), repo.tags()) for repo in repos],
        [list(data.downstream(repo.name, commit.id)) for repo in repos for commit in repo.log()],
        [data.commit_set(commit.id) for repo in repos for commit in repo.log()],
        [
            contents(commit)
            for repo in repos
            for branch in repo.branches()
            for commit in repo.log(branch.name)
        ],
        [(pin, [data.lookup(pin.tree, name) for name in (b"dir", b"large")]) for pin in data.pins.iter()],
        list(data.shelf("jobs").iter()),
    )


def contents(commit: Commit) -> list[object]:
    """A commit with all its paths, entries and bytes."""
    return [
        (commit, path, entry, commit.read(path) if entry.is_file else entry.target)
        for path, entry in commit.walk()
    ]
