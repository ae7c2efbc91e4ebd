"""A program of somebody else's is checked against the types of both packages, strictly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pfsfuse
import store

ROOT = Path(store.__file__).parents[1]
PROGRAM = """
from collections.abc import Iterator

import store
from pfsfuse.filesystem import PfsFileSystem


def changed(data: store.Store, repo: str, ref: str) -> Iterator[str]:
    commit = data[repo][ref]
    parent = None if commit.parent is None else data.commit(repo, commit.parent)
    for change in commit.diff(parent):
        yield f"{change.kind} {change.path.decode()}"


def load(path: str) -> store.Commit | None:
    with store.open_or_create(path) as data:
        trips = data.find_repo("trips") or data.create_repo("trips")
        with trips.edit(message="31 July") as edit:
            edit.write("a.csv", b"1")
            with edit.open("b.csv", "xb") as file:
                file.write(memoryview(b"2"))
        merged: store.Merge = trips.merge("master", trips["dev"])
        print(merged.conflicts, *changed(data, "trips", "master~2"))
        with trips["master"].open("a.csv") as reader:
            reader.readinto(bytearray(10))
        return edit.result


def wrong(data: store.Store) -> int:
    return data["trips"]["master"].read("a.csv")


fs = PfsFileSystem(store="data")
commit = fs.data["trips"].head()
"""


def test_both_packages_say_that_they_have_types() -> None:
    for package in (store, pfsfuse):
        assert (Path(package.__file__ or "").parent / "py.typed").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)  # a new clone has no cache: all that is imported is checked as well
def test_a_program_is_checked_strictly_and_its_one_mistake_is_found(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    # With the settings and the cache of this project, from which the packages themselves are known to be sound.
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml"]
    done = subprocess.run(
        [*command, tmp_path / "program.py"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout + done.stderr
    assert 'got "bytes", expected "int"' in errors[0]
