"""The same questions to commits of a real store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import store
from pfsfuse.pipeline import PfsInput, Spec, Transform, compile_glob, enumerate_datums, iter_matches


@pytest.fixture
def trips(tmp_path) -> Iterator[store.Repo]:
    with store.create(tmp_path / "store") as opened:
        yield opened.create_repo("trips")


def commit(repo: store.Repo, files: dict[bytes, bytes]) -> store.Commit:
    with repo.edit() as edit:
        for path, content in files.items():
            edit.write(path, content)
    assert edit.result is not None
    return edit.result


def ids(commit: store.Commit, glob: str) -> dict[str, str]:
    tree = PfsInput(name="trips", repo="trips", glob=glob)
    spec = Spec(name="sales", transform=Transform(cmd=("true",)), input=tree)
    return {datum.inputs[0].path: datum.id for datum in enumerate_datums(spec, [commit])}


FILES = {b"2016/07/01": b"1", b"2016/07/02": b"2", b"2016/08/01": b"3", b"2017/07/01": b"1", b"x\xff": b"4"}


@pytest.mark.parametrize(
    "glob", ["/", "/*", "/**", "/2016/{07,09}/*", "/*/07/0[12]", "/x?", "/nothing", "/2016/07/01/*"]
)
def test_walking_finds_what_matching_every_path_finds(trips, glob):
    head, compiled = commit(trips, FILES), compile_glob(glob)
    everything = [(b"", head.tree), *head.walk()]
    assert list(iter_matches(head, compiled)) == [
        (path, e) for path, e in everything if compiled.matches(path)
    ]


def test_a_later_commit_has_the_same_datums_where_nothing_changed(trips):
    before = ids(commit(trips, FILES), "/*")
    after = ids(commit(trips, {b"2016/07/03": b"5", b"2018/01": b"6"}), "/*")
    assert before.keys() == {"2016", "2017", "x\udcff"}
    assert {path for path in after if after[path] != before.get(path)} == {"2016", "2018"}


def test_touching_a_file_changes_no_datum(trips):
    before = ids(commit(trips, FILES), "/**")
    with trips.edit() as edit:
        edit.write(b"2016/07/01", b"1", mtime_ns=1)
        edit.write(b"new", b"")
    assert edit.result is not None
    after = ids(edit.result, "/**")
    assert {path: after[path] for path in before} == before
