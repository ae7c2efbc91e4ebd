"""Links in /pfs/out, as a function of directories: no command is run."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pfsfuse.errors import JobError
from pfsfuse.worker.links import Shown, settle_links
from store import Commit, Store


def settled(
    store: Store, commit: Commit, out: Path, links: Mapping[str, str], *, paths: tuple[bytes, ...] = (b"",)
) -> dict[str, str]:
    """What the links become: contents of files, `-> target` of links."""
    (out / "dir").mkdir(parents=True)
    (out / "dir" / "own").write_text("own")
    for path, target in links.items():
        os.symlink(target, out / path)
    with store.edit_tree() as edit:
        edit.put_directory(out)
        settle_links(edit, out, {"rides": Shown(commit, paths)}, (Path("/tmp"),))
        tree = edit.save()
    found: dict[str, str] = {}
    todo = [(b"", tree)]
    for above, directory in todo:
        for entry in store.iter_directory(directory):
            path = os.path.join(above, entry.name)
            if entry.is_dir:
                todo.append((path, entry))
            elif entry.is_symlink:
                found[path.decode()] = f"-> {(entry.target or b'').decode()}"
            else:
                found[path.decode()] = store.open(entry).read().decode()
    assert found.pop("dir/own") == "own"
    return found


@pytest.mark.parametrize(
    ("target", "becomes"),
    [
        ("/pfs/rides/2016/july.csv", {"dir/link": "31\n"}),
        ("../../rides/2016/july.csv", {"dir/link": "31\n"}),
        ("/pfs/rides/latest", {"dir/link": "30\n"}),  # a link of the repo's own is followed
        ("/pfs/rides/2016", {"dir/link/july.csv": "31\n", "dir/link/august.csv": "30\n"}),
        ("/pfs/out/dir/own", {"dir/link": "-> own"}),
        ("/pfs/out/other", {"dir/link": "-> ../other"}),
        ("own", {"dir/link": "-> own"}),
        ("../dir/own", {"dir/link": "-> ../dir/own"}),
        ("/usr/bin/env", {"dir/link": "-> /usr/bin/env"}),
        ("/pfs/rides/nothing", {"dir/link": "-> /pfs/rides/nothing"}),
        ("/pfs/elsewhere/x", {"dir/link": "-> /pfs/elsewhere/x"}),
    ],
)
def test_a_link_means_the_same_wherever_the_output_is_read(
    store: Store, trips: Commit, tmp_path: Path, target: str, becomes: dict[str, str]
) -> None:
    assert settled(store, trips, tmp_path / "out", {"dir/link": target}) == becomes


def test_a_link_to_an_input_takes_only_what_the_datum_saw(
    store: Store, trips: Commit, tmp_path: Path
) -> None:
    links = {"all": "/pfs/rides", "other": "/pfs/rides/2016/august.csv"}
    found = settled(store, trips, tmp_path / "out", links, paths=(b"2016/july.csv",))
    assert found == {"all/2016/july.csv": "31\n", "other": "-> /pfs/rides/2016/august.csv"}


def test_a_link_to_what_does_not_outlive_the_datum_is_refused(
    store: Store, trips: Commit, tmp_path: Path
) -> None:
    with pytest.raises(
        JobError, match="/pfs/out/all is a link to /tmp/result, which does not outlive the datum"
    ):
        settled(store, trips, tmp_path / "out", {"all": "/tmp/result"})


def test_links_that_go_in_circles_stay_links(store: Store, tmp_path: Path) -> None:
    with store.create_repo("rides").edit() as edit:
        edit.symlink("a", "b")
        edit.symlink("b", "a")
    assert edit.result is not None
    assert settled(store, edit.result, tmp_path / "out", {"x": "/pfs/rides/a"}) == {"x": "-> /pfs/rides/a"}
