"""fio writes blocks that carry their own check sums through a mount, and finds them again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import mounted

JOBS = {
    "random": ("--rw=randwrite", "--bs=4k", "--fsync=200", "--ioengine=psync"),
    "odd": ("--rw=randwrite", "--bs=7k", "--ioengine=psync"),
    "mapped": ("--rw=randwrite", "--bs=4k", "--ioengine=mmap"),
    "appended": ("--rw=write", "--bs=64k", "--ioengine=psync"),
}
"""Ways to write a file."""


def fio(branch: Path, *more: str, notes: Path) -> None:
    """Run every job on `branch`; in the directory `notes` fio keeps how far it got."""
    for name, ways in JOBS.items():
        command = ["fio", f"--name={name}", f"--directory={branch}", *ways, "--size=7m", "--thread"]
        command += ["--verify=crc32c", "--verify_fatal=1", "--randseed=7", *more]
        done = subprocess.run(command, capture_output=True, text=True, cwd=notes)
        assert done.returncode == 0, f"{name} {more}: {done.stdout}{done.stderr}"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fio") is None, reason="fio is not installed: NOTHING was verified by it")
def test_what_fio_has_written_it_finds_in_the_branch_in_its_draft_and_in_the_commit(tmp_path):
    with store.create(tmp_path / "store") as opened:
        trips = opened.create_repo("trips")
        with mounted(tmp_path / "store", tmp_path / "pfs", "--writable") as mount:
            fio(mount.path / "trips", "--do_verify=1", notes=tmp_path)
            fio(mount.path / "trips", "--do_verify=0", notes=tmp_path)  # over what is there
            mount.stage()
            fio(mount.path / "trips", "--verify_only", notes=tmp_path)
            trips.commit_draft(message="written by fio")
        with mounted(tmp_path / "store", tmp_path / "pfs") as mount:
            # A copy, since fio opens what it verifies for writing.
            shutil.copytree(mount.path / "trips@master.1", tmp_path / "copy")
    (tmp_path / "copy").chmod(0o755)
    for file in (tmp_path / "copy").iterdir():
        file.chmod(0o644)
    fio(tmp_path / "copy", "--verify_only", notes=tmp_path)
