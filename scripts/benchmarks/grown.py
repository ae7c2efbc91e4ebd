"""Large stores, made once and kept beside the data sets: a million files, a million commits, names by the thousand."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import store
from store.engine import RefsWriting, Writing
from store.format.tables import BRANCH, TAG, RepoBody
from store.testing import scale

ROOT = Path(__file__).parents[2]
SHAPING = ("store/format", "store/tree", "store/contents", "store/engine/writer.py", "store/testing/scale.py")
"""What decides the bytes of a store: when any of it changes, a store that was kept is made anew."""


def made(data: Path, kind: str, **given: int) -> Path:
    """The store of this kind, made if there is none yet. Not to be changed: copy it."""
    name = "-".join((kind, *(f"{key}-{int(value)}" for key, value in given.items())))
    where, stamp = data / name, data / f"{name}.made"
    if not (stamp.exists() and stamp.read_text() == _revision()):
        shutil.rmtree(where, ignore_errors=True)
        with store.create(where) as opened:
            MAKERS[kind](opened, **given)
        stamp.write_text(_revision())
    return where


def _revision() -> str:
    files = sorted(
        path for part in SHAPING for path in (ROOT / part, *(ROOT / part).rglob("*.py")) if path.is_file()
    )
    return hashlib.sha256(b"".join(path.read_bytes() for path in (*files, Path(__file__)))).hexdigest()


def _files(opened: store.Store, count: int, nested: bool) -> None:
    each = max(1, min(1000, count // 10)) if nested else None
    scale.grow_files(opened.create_repo("files"), count, per_directory=each)


def _history(opened: store.Store, count: int) -> None:
    seeds, trees = opened.create_repo("trees"), []
    for number in range(16):
        with seeds.edit(message="a tree") as edit:
            edit.write(f"file-{number}", b"%d\n" % number)
        trees.append(seeds.commit().tree)
    scale.grow_history(opened.create_repo("history"), count, trees)


def _names(opened: store.Store, count: int) -> None:
    first = opened.create_repo("repo-00000")
    with first.edit(message="one") as edit:
        edit.write("a", b"a")
    head = first.commit().id

    def write(writing: Writing) -> None:
        refs = RefsWriting(writing)
        for number in range(count):
            if number:
                refs.create_repo(f"repo-{number:05d}", RepoBody("", "user", number))
            refs.create_ref(first.name, BRANCH, f"branch-{number:05d}", head)
            refs.create_ref(first.name, TAG, f"tag-{number:05d}", head)

    opened._env.write(write)


MAKERS: dict[str, Callable[..., None]] = {"files": _files, "history": _history, "name-table": _names}
