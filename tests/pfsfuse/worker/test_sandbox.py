from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from working import is_running

from pfsfuse.worker.sandbox import Host, Kind, Room, argv, survey


@pytest.fixture
def room(tmp_path: Path) -> Room:
    """A room whose view is an ordinary directory, with one file in it and the empty `out`."""
    made = Room(view=tmp_path / "view", out=tmp_path / "out", home=tmp_path / "home", tmp=tmp_path / "tmp")
    for path in (made.view / "out", made.out, made.home, made.tmp):
        path.mkdir(parents=True)
    (made.view / "data").write_text("31\n")
    return made


def in_sandbox(kind: Kind, room: Room, *cmd: str, working_dir: str = "/") -> subprocess.CompletedProcess[str]:
    line = argv(kind, room, survey(Path("/nowhere"), ()), cmd, working_dir)
    if kind == "unshare":
        line = [*on_a_host_with_pfs(), *line]
    lifeline = room.out.parent / "lifeline"  # a pipe that somebody holds open: the command itself
    if not lifeline.exists():
        os.mkfifo(lifeline)
    held = ["sh", "-c", 'exec 3<>"$1"; shift; exec "$@"', "sh", str(lifeline)]
    return subprocess.run([*held, *line], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def on_a_host_with_pfs() -> list[str]:
    """A command line that runs another one where the root directory has a /pfs, whatever this host has."""
    top = [f"/{name}" for name in os.listdir("/") if name not in ("pfs", "proc")]
    binds = [word for path in top for word in ("--dev-bind", path, path)]
    return ["bwrap", *binds, "--proc", "/proc", "--dir", "/pfs", "--cap-add", "ALL", "--"]


kinds = pytest.mark.parametrize(
    "kind",
    [
        pytest.param(
            "bubblewrap", marks=pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
        ),
        pytest.param(
            "unshare", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root may prepare this host")
        ),
    ],
)


@kinds
def test_a_command_sees_the_view_at_pfs_and_writes_to_out(kind: Kind, room: Room) -> None:
    done = in_sandbox(kind, room, "cp", "/pfs/data", "/pfs/out/copy")
    assert (done.returncode, done.stderr) == (0, "")
    assert (room.out / "copy").read_text() == "31\n"


@kinds
@pytest.mark.parametrize(
    ("cmd", "code"),
    [
        (("true",), 0),
        (("sh", "-c", "exit 3"), 3),
        (("no-such-program",), 127),
        (("/etc/passwd",), 126),
        (("sh", "-c", "kill -9 $$"), 137),
        (("echo",), 0),
        (("exit", "3"), 127),
    ],
)
def test_the_exit_code_is_what_a_shell_would_say(
    kind: Kind, room: Room, cmd: tuple[str, ...], code: int
) -> None:
    assert in_sandbox(kind, room, *cmd).returncode == code


@kinds
def test_a_command_sees_no_processes_but_its_own(kind: Kind, room: Room) -> None:
    done = in_sandbox(kind, room, "sh", "-c", "echo /proc/[0-9]*")
    assert len(done.stdout.split()) < 5


@kinds
def test_what_a_command_leaves_running_is_dead_when_the_sandbox_has_ended(kind: Kind, room: Room) -> None:
    script = "(while :; do echo >> /pfs/out/alive; done) & while [ ! -s /pfs/out/alive ]; do :; done"
    assert in_sandbox(kind, room, "sh", "-c", script).returncode == 0
    size = (room.out / "alive").stat().st_size
    assert size > 0
    assert not is_running("/pfs/out/alive")
    assert (room.out / "alive").stat().st_size == size


@kinds
def test_the_working_directory_is_the_one_asked_for(kind: Kind, room: Room) -> None:
    assert in_sandbox(kind, room, "pwd", working_dir="/pfs/out").stdout == "/pfs/out\n"
    missing = in_sandbox(kind, room, "pwd", working_dir="/no/such/place")
    assert (missing.returncode, missing.stdout) == (126, "") and "/no/such/place" in missing.stderr


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
@pytest.mark.parametrize(
    "path", ["/written", "/etc/written", "/pfs/written", "/usr/written", "/root/written"]
)
def test_under_bubblewrap_the_host_is_read_only(room: Room, path: str) -> None:
    assert in_sandbox("bubblewrap", room, "touch", path).returncode != 0


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
def test_under_bubblewrap_tmp_is_the_launch_s_own(room: Room) -> None:
    assert in_sandbox("bubblewrap", room, "touch", "/tmp/written").returncode == 0
    assert (room.tmp / "written").exists()
    assert not os.path.exists("/tmp/written")


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")
def test_under_bubblewrap_nothing_can_be_mounted(room: Room) -> None:
    assert in_sandbox("bubblewrap", room, "mount", "-t", "tmpfs", "none", "/mnt").returncode != 0


def test_python_is_granted_wherever_it_is_installed(room: Room) -> None:
    done = in_sandbox("bubblewrap", room, sys.executable, "-c", "import msgspec; print('here')")
    assert done.stdout == "here\n"


def test_every_entry_of_the_host_is_bound_on_its_own_and_the_store_is_hidden(room: Room) -> None:
    host = Host(top=(("bin", "usr/bin"), ("pfs", None), ("usr", None)), hidden=(Path("/srv/s"),), granted=())
    line = " ".join(argv("bubblewrap", room, host, ("true",), "/"))
    assert "--symlink usr/bin /bin" in line and "--ro-bind-try /usr /usr" in line
    assert "--ro-bind-try /pfs" not in line
    assert line.index("--tmpfs /srv/s") < line.index(f"--ro-bind {room.view} /pfs")
