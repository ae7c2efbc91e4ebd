"""What runs: the mount, the scheduler, pipelines, jobs and services, by their commands."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from pfsfuse.control import client
from tests.cli.conftest import Run
from tests.ports import free_port

pytestmark = pytest.mark.usefixtures("fuse")

UPPER = """
pipeline: {name: upper}
description: in capitals
transform:
  cmd: [sh]
  stdin:
    - echo "working on $PFS_DATUM_ID"
    - for file in /pfs/trips/*; do tr a-z A-Z < $file > /pfs/out/$(basename $file); done
input: {pfs: {repo: trips, glob: "/*"}}
---
pipeline: {name: count}
transform: {cmd: [sh], stdin: ["cat /pfs/upper/* | wc -c > /pfs/out/total"]}
input: {pfs: {repo: upper, glob: "/"}}
"""


@pytest.fixture
def mountpoint(tmp_path: Path) -> Path:
    return tmp_path / "mnt"


@pytest.fixture
def mounted(pfs: Run, store_path: Path, mountpoint: Path) -> Iterator[Path]:
    """A background mount of the store, ended after the test if the test has not ended it."""
    done = pfs("mount", str(mountpoint))
    assert done.code == 0, done.err
    yield mountpoint
    for daemon in client.daemons(store_path, timeout_seconds=60):
        client.stop(store_path, daemon.pid)


@pytest.fixture
def days(ok: Callable[..., str], work: Path) -> None:
    """A repo of two commits: a, then b."""
    ok("repo", "create", "trips")
    for name in ("a", "b"):
        (work / name).write_text(f"file {name}\n")
        ok("put", name, "trips")


def is_running(pid: int) -> bool:
    """Whether the process exists and is more than an entry that its parent has not collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_mount_makes_the_store_and_umount_leaves_nothing(pfs, store_path, mountpoint):
    assert pfs("mount", str(mountpoint)).out.startswith(f"mounted at {mountpoint} (pid ")
    assert os.path.ismount(mountpoint)
    assert (store_path / "data.mdb").exists()
    (daemon,) = json.loads(pfs("status", "--json").out)["daemons"]
    assert pfs("umount").code == 0
    assert not os.path.ismount(mountpoint)
    assert not is_running(daemon["pid"])


def test_umount_without_a_name_leaves_the_mounts_of_other_stores(
    pfs, store_path, mountpoint, tmp_path, surroundings
):
    pfs("mount", str(mountpoint))
    surroundings["PFS_MOUNTPOINT"] = str(mountpoint)
    for other in ("--store", str(tmp_path / "other"), "umount"), ("--store", str(tmp_path), "umount"):
        refused = pfs(*other)
        assert refused.code != 0
        assert "is not mounted" in refused.err
        assert os.path.ismount(mountpoint)
    assert pfs("--store", str(tmp_path / "other"), "umount", str(mountpoint)).code == 0
    assert not os.path.ismount(mountpoint)


def test_what_is_put_is_in_the_mount_when_put_returns(ok, work, mounted):
    ok("repo", "create", "trips")
    assert set(os.listdir(mounted)) - {".pfs"} == {"trips"}
    for number in range(5):
        (work / "day").write_text(f"{number}\n")
        ok("put", "day", "trips")
        assert (mounted / "trips" / "day").read_text() == f"{number}\n"
    assert (mounted / "trips@master.2" / "day").read_text() == "1\n"


@pytest.mark.usefixtures("days")
def test_a_head_that_moves_back_and_a_deleted_repo_show_at_once(ok, mounted):
    assert sorted(os.listdir(mounted / "trips")) == ["a", "b"]
    ok("branch", "move", "trips@master", "master.1")
    assert os.listdir(mounted / "trips") == ["a"]
    ok("repo", "delete", "trips", "--yes")
    assert set(os.listdir(mounted)) - {".pfs"} == set()


def test_a_second_mount_of_the_same_directory_is_refused(pfs, mounted):
    again = pfs("mount", str(mounted))
    assert again.code == 9
    assert "already" in again.err and "pfs umount" in again.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_foreground_mount_ends_with_a_signal_and_leaves_nothing(
    surroundings, store_path, mountpoint, number
):
    command = [sys.executable, "-m", "pfsfuse.cli", "mount", str(mountpoint), "--foreground"]
    with subprocess.Popen(command, env=surroundings, stderr=subprocess.PIPE) as process:
        while not client.daemons(store_path):
            assert process.poll() is None
        assert os.path.ismount(mountpoint)
        process.send_signal(number)
        assert process.wait(200) == 0
        assert process.stderr is not None and b"Traceback" not in process.stderr.read()
    assert not os.path.ismount(mountpoint)


@pytest.mark.usefixtures("days", "mounted")
def test_pipelines_compute_and_wait_prints_the_commits(ok, work):
    (work / "specs.yaml").write_text(UPPER)
    assert ok("pipeline", "create", "-f", "specs.yaml").split() == ["upper", "count"]
    cause = json.loads(ok("show", "trips@master", "--json"))["id"]
    assert ok("wait", "trips") == f"upper@master.1 {cause}\ncount@master.1 {cause}\n"
    assert ok("cat", "upper:a", "upper:b") == "FILE A\nFILE B\n"
    assert ok("cat", f"count@{cause}:total").strip() == "14"
    assert f"from  trips@master {cause}" in ok("show", "upper@master")
    assert f"to    upper@master.1 {cause}" in ok("show", "trips@master")

    (work / "c").write_text("file c\n")
    ok("put", "c", "trips")
    ok("wait", "trips")
    newest = json.loads(ok("job", "show", "upper", "--json"))
    assert (newest["state"], newest["done"], newest["skipped"]) == ("success", 1, 2)
    assert [job["pipeline"] for job in json.loads(ok("job", "list", "--json"))].count("upper") == 2
    assert "working on" in ok("job", "logs", f"upper@{newest['id'][:8]}")
    listed = {each["name"]: each["job"]["state"] for each in json.loads(ok("pipeline", "list", "--json"))}
    assert listed == {"count": "success", "upper": "success"}

    ok("pipeline", "delete", "count", "--yes")
    ok("pipeline", "delete", "upper", "--yes", "--keep-repo")
    assert [repo["name"] for repo in json.loads(ok("ls", "--json"))] == ["trips", "upper"]


@pytest.mark.usefixtures("days", "mounted")
def test_run_makes_pipelines_and_waits_for_all_that_follows(ok, run, work):
    (work / "specs.yaml").write_text(UPPER)
    first = ok("run", "-f", "specs.yaml")
    assert [line.split()[0] for line in first.splitlines()] == ["upper@master.1", "count@master.1"]
    assert ok("run", "-f", "specs.yaml") == first
    older = ok("run", "upper", "trips@master.1")
    assert [line.split()[0] for line in older.splitlines()] == ["upper@master.2", "count@master.2"]
    assert ok("cat", "count:total").strip() == "7"
    assert [each["repo"] for each in json.loads(ok("run", "upper", "--json"))] == ["upper", "count"]
    upper, _, count = UPPER.replace("tr a-z", "tr  a-z").partition("---")
    (work / "specs.yaml").write_text(f"{count}---{upper}")  # in the other order, and one of the two changed
    changed = ok("run", "-f", "specs.yaml")
    assert [line.split()[0] for line in changed.splitlines()] == ["upper@master.4", "count@master.4"]
    (work / "bad.yaml").write_text(UPPER.partition("---")[0].replace("tr a-z", "trr a-z"))
    failed = run("run", "-f", "bad.yaml")
    assert failed.code and "pfs job logs upper@" in failed.err and not failed.out


@pytest.mark.usefixtures("days", "mounted")
def test_a_failed_job_is_an_error_of_wait_and_its_log_says_why(ok, run, work):
    (work / "bad.yaml").write_text(
        "pipeline: {name: bad}\ntransform: {cmd: [sh, -c, 'echo this went wrong >&2; exit 3']}\n"
        "datum_tries: 1\ninput: {pfs: {repo: trips, glob: /}}\n"
    )
    ok("pipeline", "create", "-f", "bad.yaml")
    result = run("wait", "trips")
    assert result.code == 11
    assert "bad@" in result.err and result.err.count("\n") == 1
    assert "this went wrong" in ok("job", "logs", "bad")
    assert "failed" in ok("job", "list", "bad")
    assert run("cat", "bad:x").code == 1


@pytest.mark.usefixtures("days")
def test_waiting_without_a_scheduler_says_how_to_start_one(ok, run, work):
    (work / "specs.yaml").write_text(UPPER)
    ok("pipeline", "create", "-f", "specs.yaml")
    result = run("wait", "trips")
    assert result.code == 10
    assert "pfs mount" in result.err


@pytest.mark.usefixtures("days")
def test_the_scheduler_computes_without_a_mount_what_arrived_while_nothing_ran(ok, pfs, store_path, work):
    (work / "specs.yaml").write_text(UPPER)
    ok("pipeline", "create", "-f", "specs.yaml")
    assert pfs("scheduler", "--background").out.startswith("scheduling (pid ")
    try:
        assert len(ok("wait", "trips").splitlines()) == 2
        status = ok("status")
        assert "runs pipelines" in status and "mounted" not in status
    finally:
        for daemon in client.daemons(store_path, timeout_seconds=60):
            client.stop(store_path, daemon.pid)


@pytest.mark.usefixtures("days")
def test_wait_returns_at_once_when_nothing_reads_the_commit(run):
    found = run("wait", "trips")
    assert (found.code, found.out) == (0, "") and "nothing is computed from it" in found.err


@pytest.mark.usefixtures("days", "mounted")
def test_a_service_starts_answers_and_its_output_is_committed(ok, run, work, unused_port):
    (work / "web.yaml").write_text(
        "pipeline: {name: web}\n"
        "transform: {cmd: [sh], stdin: ['echo saved > /pfs/out/note', "
        f"'cd /pfs/trips && exec {sys.executable} -m http.server {unused_port} --bind 127.0.0.1']}}\n"
        "input: {pfs: {repo: trips, branch: master, glob: /}}\n"
        f"service: {{internal_port: {unused_port}, external_port: {unused_port}}}\n"
    )
    made = json.loads(ok("service", "create", "-f", "web.yaml", "--json"))
    assert (made["name"], made["state"], made["external_port"]) == ("web", "running", unused_port)
    assert ok("service", "list").splitlines()[1].split()[:2] == ["web", "running"]
    assert run("service", "create", "-f", "web.yaml").code == 12
    assert ok("service", "stop", "web").startswith("web@master.1 ")
    assert ok("cat", "web:note") == "saved\n"
    assert "stopped" in ok("service", "show", "web")
    ok("service", "delete", "web")
    assert json.loads(ok("service", "list", "--json")) == []


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.mark.usefixtures("days")
def test_colours_are_for_terminals_and_can_be_refused(surroundings):
    shown = on_terminal(surroundings | {"TERM": "xterm"}, "log", "trips")
    assert b"\x1b[33m" in shown
    assert b"\x1b[" not in on_terminal(surroundings | {"NO_COLOR": "1"}, "log", "trips")
    assert b"\x1b[" not in on_terminal(surroundings | {"TERM": "xterm"}, "log", "trips", "--no-color")


def test_a_put_that_takes_long_shows_its_progress_on_a_terminal(surroundings, ok):
    ok("repo", "create", "trips")
    # The input goes on until the line is there, however long this machine takes to show it.
    taking, feeding = os.pipe()
    shown_enough = threading.Event()

    def feed() -> None:
        with open(feeding, "wb", buffering=0) as pipe:
            while not shown_enough.wait(0.01):
                pipe.write(bytes(4096))

    feeder = threading.Thread(target=feed)
    feeder.start()
    with open(taking, "rb") as stdin:
        shown = on_terminal(
            surroundings, "put", "-", "trips:x", stdin=stdin, seen=(b"\x1b[Kput ", shown_enough.set)
        )
    feeder.join()
    assert re.search(rb"\r\x1b\[Kput  [0-9.]+ [KM]iB  [0-9.]+ [KM]iB/s  0 B new", shown)
    assert b"trips@master.1 " in shown


def on_terminal(
    surroundings: dict[str, str],
    *arguments: str,
    stdin: IO[bytes] | None = None,
    seen: tuple[bytes, Callable[[], None]] = (b"\0", lambda: None),
) -> bytes:
    """What a command writes when stdout and stderr are a terminal; `seen`: what to do once something was written."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "pfsfuse.cli", *arguments],
        env=surroundings,
        stdin=stdin,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while piece := read_terminal(ours):
            shown += piece
            if seen[0] in shown:
                seen[1]()
        process.wait(200)
    os.close(ours)
    assert process.returncode == 0, shown
    return shown


def read_terminal(terminal: int) -> bytes:
    """What comes next; b"" once nobody has the other side open, which a terminal says with EIO."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
