"""How a mount comes about: by mount(8), by systemd, as a view; and how it goes though it is in use."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pfsfuse.cli.mount import mounthelper
from pfsfuse.cli.mount.unit import unit
from pfsfuse.cli.shared.errors import CommandError
from pfsfuse.control import client
from pfsfuse.fuse.mountinfo import mount_at
from pfsfuse.notify import notify

# ---- /etc/fstab


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["/s", "/pfs"], ["--store", "/s", "mount", "--", "/pfs"]),
        (["pfs#/s", "/pfs", "-o", "rw,noauto"], ["--store", "/s", "mount", "--", "/pfs"]),
        (
            ["/s", "/pfs", "-n", "-o", "ro,allow_other,x-systemd.automount", "-t", "fuse.pfs"],
            ["--store", "/s", "mount", "--read-only", "--allow-other", "--", "/pfs"],
        ),
        (
            ["/s", "/pfs", "-o", "autocommit=30,view=old=trips@master.1,view=trips,xattrs"],
            [
                *("--store", "/s", "mount", "--autocommit", "30"),
                *("--view", "old=trips@master.1", "--view", "trips", "--xattrs", "--", "/pfs"),
            ],
        ),
        (["/s", "/pfs", "-f"], []),
    ],
)
def test_what_mount_8_asks_for_is_a_command_line_of_ours(given: list[str], meant: list[str]) -> None:
    assert mounthelper.command_line(given) == meant


@pytest.mark.parametrize("option", ["nonsense", "autocommit=", "allow_root", "xattrs=1"])
def test_an_option_that_is_not_ours_is_refused_by_name(option: str) -> None:
    with pytest.raises(CommandError, match=f"{option} is no option"):
        mounthelper.command_line(["/s", "/pfs", "-o", f"rw,{option}"])


@pytest.mark.parametrize("given", [[], ["/s"], ["/s", "/pfs", "more"]])
def test_a_store_and_a_mountpoint_are_needed(given: list[str]) -> None:
    with pytest.raises(CommandError, match="a store and a mountpoint"):
        mounthelper.command_line(given)


SCRIPT = """
set -e
mount --bind "$1" "$(realpath /sbin)"
mount -t fuse.pfs -o ro,nofail "$2" "$3"
findmnt -n -o FSTYPE,OPTIONS "$3"
cat "$3/trips/a"
umount "$3"
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may have a mount namespace and mount in it")
@pytest.mark.usefixtures("fuse")
def test_mount_8_mounts_by_type(tmp_path: Path, ok, store_path: Path) -> None:
    (tmp_path / "a").write_text("hello\n")
    ok("repo", "create", "trips")
    ok("put", str(tmp_path / "a"), "trips")
    helpers = tmp_path / "sbin"
    helpers.mkdir()
    # A program of one line in place of the link to `pfs`, which may not be installed where tests run.
    helper = helpers / "mount.fuse.pfs"
    code = "import sys; from pfsfuse.cli.main import main; sys.argv[0] = 'mount.fuse.pfs'; main()"
    helper.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    helper.chmod(0o755)
    command = ["unshare", "--mount", "sh", "-c", SCRIPT, "sh", helpers, store_path, tmp_path / "pfs"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    type_, shown = done.stdout.splitlines()[-2:]
    assert type_.startswith("fuse.pfs ro,") and shown == "hello"


# ---- systemd


def test_a_unit_runs_this_command_line_and_is_ready_when_the_mount_is(ok, store_path: Path) -> None:
    ok("repo", "create", "trips")
    printed = ok("mount", "/data/pfs", "--print-unit", "--autocommit", "30", "--view", "a=trips")
    lines = printed.splitlines()
    assert "Type=notify" in lines and f"RequiresMountsFor={store_path}" in lines
    (start,) = (line for line in lines if line.startswith("ExecStart="))
    expected = f"--store {store_path} mount --foreground --autocommit 30 --view a=trips /data/pfs"
    assert start.endswith(expected) and start.startswith("ExecStart=/")
    assert mount_at(Path("/data/pfs")) is None


def test_a_unit_says_what_systemd_would_take_for_something_else() -> None:
    text = unit(["/a b/pfs", 'x"%$\\'], store="/s", mountpoint="/m", system=False)
    assert 'ExecStart="/a b/pfs" "x\\"%%$$\\\\"' in text.splitlines()


def test_systemd_can_read_the_unit(tmp_path: Path) -> None:
    try:
        subprocess.run(["systemd-analyze", "--version"], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("there is no systemd-analyze")
    path = tmp_path / "pfs.service"
    path.write_text(unit([sys.executable, "a b"], store="/s", mountpoint="/m", system=True))
    done = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True)
    assert (done.returncode, str(path) in done.stderr) == (0, False), done.stderr


def test_a_manager_that_does_not_listen_does_not_matter(tmp_path: Path) -> None:
    notify(None, "READY=1")
    notify(str(tmp_path / "none"), "READY=1")


def test_a_name_in_the_abstract_space_is_found() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"\0pfs-test-{os.getpid()}")
        notify(f"@pfs-test-{os.getpid()}", "READY=1")
        assert manager.recv(100) == b"READY=1"


@pytest.mark.usefixtures("fuse")
def test_the_manager_hears_when_it_is_ready_and_when_it_ends(tmp_path: Path, store_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(200)
        command = [sys.executable, "-m", "pfsfuse.cli", "--store", store_path, "mount", "--foreground"]
        env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen([*command, tmp_path / "pfs"], env=env, stderr=subprocess.DEVNULL) as process:
            assert manager.recv(1000).decode() == f"READY=1\nSTATUS=mounted at {tmp_path / 'pfs'}"
            assert os.listdir(tmp_path / "pfs") == [".pfs"]
            process.send_signal(signal.SIGTERM)
            assert manager.recv(1000) == b"STOPPING=1"
            assert process.wait(200) == 0


# ---- views


@pytest.mark.parametrize(
    ("views", "said"),
    [
        (("none",), "none"),
        (("a=trips:f",), "names a path"),
        (("trips", "trips=trips"), "two views are called trips"),
        ((".pfs=trips",), "cannot be the name of a directory"),
        (("a/b=trips",), "cannot be the name of a directory"),
        (("=trips",), "cannot be the name of a directory"),
        (("a=trips@none..",), "none"),
    ],
)
def test_a_view_that_cannot_be_is_refused_before_anything_is_mounted(
    ok, pfs, store_path: Path, tmp_path: Path, views: tuple[str, ...], said: str
) -> None:
    ok("repo", "create", "trips")
    options = [word for view in views for word in ("--view", view)]
    done = pfs("mount", str(tmp_path / "pfs"), *options)
    assert done.code not in (0, 70) and said in done.err
    assert client.daemons(store_path) == [] and not (tmp_path / "pfs").exists()


# ---- in use


@pytest.fixture
def busy(pfs, store_path: Path, tmp_path: Path) -> Iterator[Path]:
    """A mount, ended after the test if the test has not ended it."""
    at = tmp_path / "busy"
    assert pfs("repo", "create", "trips").code == 0
    assert pfs("mount", str(at)).code == 0
    yield at
    for daemon in client.daemons(store_path, timeout_seconds=60):
        client.stop(store_path, daemon.pid)


@pytest.mark.usefixtures("fuse")
def test_a_mount_that_is_in_use_stays_and_the_users_are_named(pfs, busy: Path) -> None:
    with open(busy / "trips" / "held", "w"):
        done = pfs("umount", str(busy))
        assert done.code == 9 and f"({os.getpid()})" in done.err and "--lazy" in done.err
        assert mount_at(busy) is not None
    assert pfs("umount", str(busy)).code == 0
    assert mount_at(busy) is None


@pytest.mark.usefixtures("fuse")
def test_lazily_it_disappears_at_once_and_who_uses_it_goes_on(pfs, busy: Path, store_path: Path) -> None:
    (daemon,) = client.daemons(store_path)
    process = os.pidfd_open(daemon.pid)
    with open(busy / "trips" / "held", "w+") as held:
        done = pfs("umount", "--lazy", str(busy))
        assert done.code == 0 and f"({os.getpid()})" in done.out
        assert mount_at(busy) is None and os.listdir(busy) == []
        held.write("to the end")
        held.flush()
        os.fsync(held.fileno())
        held.seek(0)
        assert held.read() == "to the end"
    ended = select.select([process], [], [], 200)[0]
    os.close(process)
    assert ended, "the daemon ends with its last user"
    assert "held" in pfs("status", "trips").out
