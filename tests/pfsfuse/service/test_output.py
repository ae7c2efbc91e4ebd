"""/pfs/out of a service: made, kept, committed, cleared away."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from pfsfuse.service import output
from pfsfuse.service.record import FixedInput, Order
from store import BadName, Commit, Store


@pytest.fixture
def order(store: Store) -> Order:
    store.create_repo("lab", origin="service")
    head = store.repo("trips").commit("master")
    pinned = FixedInput(name="trips", repo="trips", branch="master", commit=str(head.id), glob="/")
    return Order(
        serial=1,
        wanted="running",
        spec={},
        inputs=(pinned,),
        internal_port=1,
        external_port=1,
        token="secret",
        jupyter=True,
    )


def out_of(store: Store) -> Path:
    return output.prepare(store, "lab") / "out"


def committed(store: Store, order: Order) -> Commit | None:
    return output.commit(store, "lab", order, message="lab stopped")


def paths(commit: Commit | None) -> list[str]:
    assert commit is not None
    return [path.decode() for path, _ in commit.walk()]


def test_what_was_saved_becomes_a_commit_with_the_inputs_as_its_provenance(
    store: Store, order: Order
) -> None:
    out = out_of(store)
    (out / "figures").mkdir()
    (out / "figures/sales.png").write_bytes(b"png")
    (out / "latest").symlink_to("figures/sales.png")
    commit = committed(store, order)
    assert commit is not None
    assert paths(commit) == ["figures", "figures/sales.png", "latest"]
    assert (commit.repo, commit.branch, commit.origin, commit.message) == (
        "lab",
        "master",
        "service",
        "lab stopped",
    )
    assert [(each.repo, each.branch, str(each.commit)) for each in commit.provenance] == [
        ("trips", "master", order.inputs[0].commit)
    ]


def test_modes_and_times_are_kept(store: Store, order: Order) -> None:
    script = out_of(store) / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    os.utime(script, ns=(10**18, 10**18))
    commit = committed(store, order)
    assert commit is not None
    entry = commit.entry("run.sh")
    assert (stat.S_IMODE(entry.mode), entry.mtime_ns) == (0o755, 10**18)


def test_jupyters_checkpoints_and_half_saved_copies_are_left_out(store: Store, order: Order) -> None:
    out = out_of(store)
    for name in (".ipynb_checkpoints", "deep/.ipynb_checkpoints"):
        (out / name).mkdir(parents=True)
        (out / name / "a-checkpoint.ipynb").touch()
    (out / ".~a.ipynb").touch()
    (out / "deep/.~b.ipynb").touch()
    (out / "a.ipynb").touch()
    assert paths(committed(store, order)) == ["a.ipynb", "deep"]


def test_sockets_and_pipes_are_left_out(store: Store, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    out = out_of(store)
    os.mkfifo(out / "pipe")
    monkeypatch.chdir(out)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        (out / "kept").touch()
        assert paths(committed(store, order)) == ["kept"]


def test_nothing_saved_is_no_commit(store: Store, order: Order) -> None:
    out_of(store)
    assert committed(store, order) is None


def test_committing_again_changes_nothing(store: Store, order: Order) -> None:
    (out_of(store) / "a").write_text("1")
    assert committed(store, order) == committed(store, order)


def test_what_was_saved_before_is_there_again(store: Store, order: Order) -> None:
    out = out_of(store)
    (out / "a").write_text("1")
    first = committed(store, order)
    output.discard(store.path, "lab")
    assert not out.exists()
    assert (out_of(store) / "a").read_text() == "1"
    assert committed(store, order) == first


def test_what_was_removed_renamed_or_turned_into_something_else_is_so_in_the_commit(
    store: Store, order: Order
) -> None:
    out = out_of(store)
    for name in ("gone/deep/a", "gone/b", "file-to-be/x", "kept/y"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    (out / "directory-to-be").touch()
    committed(store, order)
    output.discard(store.path, "lab")
    out = out_of(store)
    for path in ("gone/deep/a", "gone/b", "file-to-be/x", "directory-to-be"):
        (out / path).unlink()
    for path in ("gone/deep", "gone", "file-to-be"):
        (out / path).rmdir()
    (out / "file-to-be").touch()
    (out / "directory-to-be").mkdir()
    assert paths(committed(store, order)) == ["directory-to-be", "file-to-be", "kept", "kept/y"]


def test_a_crash_while_out_is_being_filled_does_not_look_like_deletions(store: Store, order: Order) -> None:
    (out_of(store) / "a").write_text("1")
    committed(store, order)
    output.discard(store.path, "lab")
    half = output.scratch(store.path, "lab") / "out.new"
    (half / "of something else").mkdir(parents=True)
    assert os.listdir(out_of(store)) == ["a"]


def test_a_crash_of_the_service_keeps_what_was_not_committed(store: Store, order: Order) -> None:
    (out_of(store) / "a").write_text("1")
    assert (out_of(store) / "a").read_text() == "1"


def test_home_outlives_the_service_and_is_never_committed(store: Store, order: Order) -> None:
    top = output.prepare(store, "lab")
    (top / "home/.settings").touch()
    assert committed(store, order) is None
    output.discard(store.path, "lab")
    assert os.listdir(top) == ["home"]
    assert stat.S_IMODE(top.stat().st_mode) == 0o700


def test_what_is_too_deep_for_a_commit_is_refused_and_kept(store: Store, order: Order) -> None:
    out = out_of(store)
    subprocess.run(["sh", "-c", "for n in $(seq 1500); do mkdir d && cd d; done"], cwd=out)
    with pytest.raises(BadName, match="names deep"):
        committed(store, order)
    assert (out / "d").is_dir()
    output.discard(store.path, "lab")
    assert [path.name for path in output.scratch(store.path, "lab").iterdir()] == ["home"]
