"""What the processes do until they are killed, and how they tell of it.

A worker announces each change before it begins (`Try`) and acknowledges it when the store has returned (`Done`). The
messages go through a pipe, one write each: what was sent before the kill arrives whole.
"""

from __future__ import annotations

import hashlib
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import store
import store.engine.batches
import store.gc
from store.store import Store

SHARED = "shared"
"""The repo to which all workers commit."""
BRANCHES = ("master", "dev")


@dataclass(frozen=True, slots=True)
class Try:
    """A change is about to be made."""

    what: str
    """commit, merge, move, tag, make or delete."""
    repo: str
    ref: str = ""
    """The branch or tag that it changes."""
    target: str = ""
    """The commit (hex) that a branch or tag is to point to, where that is known before."""


@dataclass(frozen=True, slots=True)
class Done:
    """The change was acknowledged by the store."""

    commit: str = ""
    """The commit (hex) that `ref` points to now; "" for a repo that was made or deleted."""
    below: str = ""
    """The directory that this commit filled; "" when no file was written."""
    sha256: str = ""
    """Of all names and bytes in that directory."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A worker met an error that nobody caused on purpose."""

    text: str


def contents(files: dict[str, bytes]) -> str:
    """The SHA-256 of names and bytes: ours would prove nothing about our own."""
    whole = hashlib.sha256()
    for name in sorted(files):
        whole.update(f"{name} {len(files[name])}\n".encode() + files[name])
    return whole.hexdigest()


def run(role: str, path: Path, name: str, seed: int, pipe: Connection) -> None:
    """The life of one process; ends when it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # More moments between two transactions than there are in real life.
    store.engine.batches.BATCH = 1 << 20
    store.gc.BATCH = 2
    try:
        if role == "opener":
            _open_and_close(path, pipe)
        with store.open(path) as data:
            pipe.send("ready")
            if role == "collector":
                _collect(data)
            else:
                Writer(data, name, random.Random(seed), pipe).run()
    except Exception:  # noqa: BLE001 - whatever it is, whoever started this wants to know
        pipe.send(Failed(traceback.format_exc()))


def _open_and_close(path: Path, pipe: Connection) -> None:
    pipe.send("ready")
    while True:
        with store.open(path) as data:
            data.repos()


def _collect(data: Store) -> None:
    while True:
        try:
            data.sweep(data.plan_gc(), patience_seconds=0.2)
        except store.InUse:
            continue


class Writer:
    """Makes changes of every kind, without end."""

    def __init__(self, data: Store, name: str, rng: random.Random, pipe: Connection) -> None:
        self._data, self._name, self._rng, self._pipe = data, name, rng, pipe
        self._own = data.find_repo(name) or self._make(name)
        self._count = 0

    def run(self) -> None:
        changes: list[tuple[Callable[[], None], int]] = [
            (self._commit, 8),
            (self._commit_to_all, 4),
            (self._commit_large, 1),
            (self._merge, 2),
            (self._move, 2),
            (self._tag, 1),
            (self._make_and_delete, 1),
        ]
        while True:
            self._count += 1
            self._rng.choices([each for each, _ in changes], [weight for _, weight in changes])[0]()

    def _commit(self) -> None:
        self._put(self._own, self._rng.choice(BRANCHES), self._small())

    def _commit_to_all(self) -> None:
        self._put(self._data.repo(SHARED), "master", self._small())

    def _commit_large(self) -> None:
        self._put(self._own, "master", {"large": self._rng.randbytes(6_000_000)})

    def _small(self) -> dict[str, bytes]:
        sizes = (0, 10, 500, 3_000, 40_000)
        return {
            f"{number}": self._rng.randbytes(self._rng.choice(sizes))
            for number in range(self._rng.randrange(1, 12))
        }

    def _put(self, repo: store.Repo, branch: str, files: dict[str, bytes]) -> None:
        below = f"{self._name}-{self._rng.getrandbits(64):x}"
        self._pipe.send(Try("commit", repo.name, branch))
        with repo.edit(branch, message=below) as edit:
            for name, data in files.items():
                edit.write(f"{below}/{name}", data)
            edit.write("same", b"always the same " * 2_000)
        assert edit.result is not None
        self._pipe.send(Done(str(edit.result.id), below, contents(files)))

    def _merge(self) -> None:
        theirs = self._own.find_head("dev")
        if theirs is not None:
            self._pipe.send(Try("merge", self._own.name, "master", str(theirs.id)))
            merged = self._own.merge("master", theirs)
            assert merged.commit is not None and not merged.conflicts
            self._pipe.send(Done(str(merged.commit.id)))

    def _move(self) -> None:
        there = self._own.head("master")
        dev = self._own.find_branch("dev")
        if there is not None and dev is not None:
            target = self._own.at_depth(there, self._rng.randint(1, there.depth))
            self._pipe.send(Try("move", self._own.name, "dev", str(target.id)))
            self._own.advance("dev", expect=dev.head, to=target.id)
            self._pipe.send(Done(str(target.id)))

    def _tag(self) -> None:
        head = self._own.head("master")
        if head is not None:
            tag = f"t{self._rng.getrandbits(64):x}"
            self._pipe.send(Try("tag", self._own.name, tag, str(head.id)))
            self._own.create_tag(tag, head)
            self._pipe.send(Done(str(head.id)))

    def _make_and_delete(self) -> None:
        name = f"brief-{self._name}"
        brief = self._data.find_repo(name) or self._make(name)
        self._put(brief, "master", self._small())
        if self._rng.random() < 0.7:
            self._pipe.send(Try("delete", name))
            self._data.delete_repo(name)
            self._pipe.send(Done())

    def _make(self, name: str) -> store.Repo:
        self._pipe.send(Try("make", name))
        made = self._data.create_repo(name)
        self._pipe.send(Done())
        return made
