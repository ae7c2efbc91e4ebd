"""What is timed inside of a process: the Python API. `python -m scripts.benchmarks.work TASK JSON` prints JSON.

Each task runs in a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import store

MIB = 1 << 20
Seconds = list[float]


@contextmanager
def timing(into: Seconds) -> Iterator[None]:
    start = time.perf_counter()
    yield
    into.append(time.perf_counter() - start)


def repeated(times: int, work: Callable[[int], object]) -> Seconds:
    """The seconds of each call of `work`, which is given the number of the call."""
    found: Seconds = []
    for turn in range(times):
        with timing(found):
            work(turn)
    return found


def path_of(index: int, count: int, nested: bool) -> bytes:
    """Where `grown.files` puts the file with this number."""
    name = b"file-%07d" % index
    return b"dir-%05d/%s" % (index // max(1, min(1000, count // 10)), name) if nested else name


def commit(store_: str, count: int, nested: bool, times: int) -> dict[str, Any]:
    """Commit one changed file, and another one, and so on."""
    random_ = random.Random(count)
    with store.open(store_) as opened:
        repo = opened.repo("files")

        def one(turn: int) -> None:
            with repo.edit(message="one file") as edit:
                edit.write(path_of(random_.randrange(count), count, nested), b"changed %d\n" % turn)

        return {"seconds": repeated(times, one)}


def read(store_: str, times: int) -> dict[str, Any]:
    """Read the only file, from its beginning to its end, into a buffer of 1 MiB."""
    with store.open(store_) as opened:
        head = opened.resolve_commit("data")
        ((path, entry),) = head.walk()
        buffer = memoryview(bytearray(MIB))

        def whole(turn: int) -> None:
            total = 0
            with head.open(path) as stream:
                while size := stream.readinto(buffer):  # type: ignore[attr-defined]
                    total += size
            assert total == entry.size, "the whole file was read"

        return {"size": entry.size, "seconds": repeated(times, whole)}


def resolve(store_: str, count: int) -> dict[str, Any]:
    """Find commits of a long line."""
    middle = f"history@master.{count // 2}"
    found: dict[str, Seconds] = {}
    with store.open(store_) as opened:
        repo = opened.repo("history")
        start_ns = repo.commit("master.1").finished_ns
        when = start_ns + (count // 3) * 1_000_000_000

        def branch(turn: int) -> None:
            repo.create_branch(f"made-{os.getpid()}-{turn}", at)

        def log(turn: int) -> None:
            for commit_, _ in zip(repo.log(), range(20), strict=False):
                assert commit_.depth > count - 20

        head = repo.head()
        assert head is not None, "there is a history"
        found["first"] = repeated(1, lambda turn: opened.resolve_commit(middle))
        found[f"master.{count // 2}"] = repeated(200, lambda turn: opened.resolve_commit(middle))
        found["any N"] = repeated(
            200, lambda turn: opened.resolve_commit(f"history@master.{turn * count // 200 + 1}")
        )
        found["~N"] = repeated(
            200, lambda turn: opened.resolve_commit(f"history@master~{turn * count // 200}")
        )
        found["@time"] = repeated(200, lambda turn: repo.at_time(head, when + turn))
        found["log -n 20"] = repeated(50, log)
        at = repo.commit(f"master.{count // 2}")
        found["branch create"] = repeated(20, branch)
    return found


def names(store_: str, count: int) -> dict[str, Any]:
    """Find and list repos, branches and tags, of which there are many."""
    found: dict[str, Seconds] = {}
    with store.open(store_) as opened:
        repo = opened.repo("repo-00000")
        found["list repos"] = repeated(5, lambda turn: opened.repos())
        found["list branches"] = repeated(5, lambda turn: repo.branches())
        found["list tags"] = repeated(5, lambda turn: repo.tags())
        found["resolve a branch"] = repeated(
            100, lambda turn: opened.resolve(f"repo-00000@branch-{turn:05d}")
        )
        found["resolve a tag"] = repeated(100, lambda turn: opened.resolve(f"repo-00000@tag-{turn:05d}"))
        found["a name that is not there"] = repeated(
            20, lambda turn: missing(opened, f"repo-00000@brunch-{turn:05d}")
        )
        found["a repo that is not there"] = repeated(20, lambda turn: missing(opened, f"rope-{turn:05d}"))
        head = repo.commit("master")
        found["create a branch"] = repeated(
            20, lambda turn: repo.create_branch(f"new-{os.getpid()}-{turn}", head)
        )
        found["create a repo"] = repeated(20, lambda turn: opened.create_repo(f"new-{os.getpid()}-{turn}"))
    return found


def missing(opened: store.Store, text: str) -> str:
    """What a person is told about a name that is not there."""
    try:
        opened.resolve(text)
    except store.NotFound as error:
        return f"{error} {error.hint()}"
    raise AssertionError(f"{text} is there")


def diff(store_: str, count: int, nested: bool) -> dict[str, Any]:
    """Compare the head with a commit that differs in 10 files all over it."""
    with store.open(store_) as opened:
        repo = opened.repo("files")
        with repo.edit(message="ten files") as edit:
            for turn in range(10):
                edit.write(path_of(turn * (count // 10) + 5, count, nested), b"other %d\n" % turn)
    cold: Seconds = []
    for _ in range(5):
        with store.open(store_) as opened:  # with none of its nodes decoded yet
            old, new = opened.resolve_commit("files@master^"), opened.resolve_commit("files")
            with timing(cold):
                assert len(list(opened.diff(old.tree, new.tree))) == 10
    with store.open(store_) as opened:
        old, new = opened.resolve_commit("files@master^"), opened.resolve_commit("files")
        warm = repeated(20, lambda turn: list(opened.diff(old.tree, new.tree)))
    return {"cold": cold, "warm": warm[1:]}


def main() -> None:
    task, given = sys.argv[1], json.loads(sys.argv[2])
    if "store" in given:
        given["store_"] = given.pop("store")
    if task in GROWN:
        from scripts.benchmarks import grown

        found = {"store": str(grown.made(Path(given.pop("data")), task, **given))}
    else:
        found = TASKS[task](**given)
    json.dump(found, sys.stdout)


TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "commit": commit,
    "read": read,
    "resolve": resolve,
    "names": names,
    "diff": diff,
}
GROWN = ("files", "history", "name-table")

if __name__ == "__main__":
    main()
