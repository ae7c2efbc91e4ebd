"""pfs get: how a copy is made, and what is left of one that was interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def many(ok, work) -> None:
    """A repo of 2,000 files, some of them of a megabyte."""
    (work / "data").mkdir()
    for number in range(2000):
        size = 1 << 20 if number % 100 == 0 else 10
        (work / "data" / str(number)).write_bytes(os.urandom(size))
    ok("repo", "create", "trips")
    ok("put", "-r", "data/.", "trips")


def interrupt(surroundings: dict[str, str], work: Path, *arguments: str) -> int:
    """Start a get, press Ctrl-C as soon as it has made some files, and give its exit code."""
    command = [sys.executable, "-m", "pfsfuse.cli", "get", "-r", *arguments]
    started = subprocess.Popen(command, cwd=work, env=surroundings, stderr=subprocess.DEVNULL)
    while started.poll() is None and sum(len(names) for _, _, names in os.walk(work / "here")) < 20:
        time.sleep(0.002)
    started.send_signal(signal.SIGINT)
    return started.wait(60)


@pytest.mark.usefixtures("many")
def test_an_interrupted_get_leaves_nothing(surroundings, work):
    (work / "here").mkdir()
    assert interrupt(surroundings, work, "trips", "here/copy") in (130, 0)
    assert os.listdir(work / "here") in ([], ["copy"])


@pytest.mark.usefixtures("many")
def test_with_resume_a_get_goes_on_with_what_is_there(ok, surroundings, work):
    (work / "here").mkdir()
    code = interrupt(surroundings, work, "--resume", "trips", "here/copy")
    kept = {path.name: path.stat().st_ino for path in (work / "here").rglob("*") if path.is_file()}
    if code == 130:
        assert not (work / "here/copy").exists()
        ok("get", "-r", "--resume", "trips", "here/copy")
    now = {path.name: path.stat().st_ino for path in (work / "here/copy").iterdir()}
    assert len(now) == 2000 and set(kept.items()) & set(now.items())
    assert os.listdir(work / "here") == ["copy"]
    for name in now:
        assert (work / "here/copy" / name).read_bytes() == (work / "data" / name).read_bytes()


@pytest.mark.usefixtures("trips")
def test_a_directory_on_standard_output_takes_an_archive(run):
    done = run("get", "-r", "trips", "-")
    assert (done.code, "--tar writes an archive of it" in done.err) == (1, True)
