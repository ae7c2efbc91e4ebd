"""Output to a directory of this host."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pfsfuse.egress import EgressError, push
from pfsfuse.pipeline import Egress
from store import Store
from tests.pfsfuse.egress.conftest import Commits


def files(top: Path) -> dict[str, bytes]:
    return {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}


def test_every_file_is_there_and_what_was_there_otherwise_stays(commit_of: Commits, tmp_path: Path) -> None:
    top = tmp_path / "a place"
    to = Egress(url=f"file://{tmp_path}/a%20place")
    push(commit_of({"a": b"1", "d/b": b"2", "d/e/c": b""}), to)
    assert files(top) == {"a": b"1", "d/b": b"2", "d/e/c": b""}
    (top / "mine").write_bytes(b"x")
    push(commit_of({"a": b"new"}), to)
    assert files(top) == {"a": b"new", "d/b": b"2", "d/e/c": b"", "mine": b"x"}


def test_modes_times_and_symlinks_are_kept_and_a_second_push_writes_nothing(
    data: Store, tmp_path: Path
) -> None:
    with data.repo("sales").edit() as edit:
        edit.write("run", b"#!", mode=0o755, mtime_ns=1_500_000_000_123_456_789)
        edit.symlink("link", "run")
    top = tmp_path / "top"
    assert edit.result is not None
    push(edit.result, Egress(url=f"file://{top}"))
    found = (top / "run").stat()
    assert (found.st_mode & 0o777, found.st_mtime_ns) == (0o755, 1_500_000_000_123_456_789)
    assert os.readlink(top / "link") == "run"
    push(edit.result, Egress(url=f"file://{top}"))
    assert (top / "run").stat().st_ino == found.st_ino
    assert sorted(os.listdir(top)) == ["link", "run"]


def test_what_an_earlier_commit_linked_elsewhere_is_not_written_through(
    commit_of: Commits, data: Store, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with data.repo("sales").edit() as edit:
        edit.symlink("d", str(elsewhere))
    assert edit.result is not None
    to = Egress(url=f"file://{tmp_path}/top")
    push(edit.result, to)
    push(commit_of({"d/f": b"1"}), to)
    assert os.listdir(elsewhere) == [] and files(tmp_path / "top") == {"d/f": b"1"}


def test_a_place_that_cannot_be_written_is_named_and_may_be_tried_again(
    commit_of: Commits, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EgressError, match=f"{tmp_path}/file/x.*Not a directory") as raised:
        push(commit_of({"a": b"1"}), Egress(url=f"file://{tmp_path}/file/x"))
    assert not raised.value.final
