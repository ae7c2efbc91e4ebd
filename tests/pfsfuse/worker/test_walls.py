"""What a command cannot see, reach or use: each is tried from inside."""

from __future__ import annotations

import glob
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from working import run

from pfsfuse.worker import hostroot
from pfsfuse.worker.api import Ended, Launch, Limits
from pfsfuse.worker.cgroup import Groups
from pfsfuse.worker.handle import open_worker
from store import Store

Launches = Callable[..., Launch]

with_bubblewrap = pytest.mark.skipif(shutil.which("bwrap") is None, reason="no bubblewrap")


@pytest.fixture
def tried(fuse: None, store: Store, launch: Launches) -> Callable[..., tuple[Ended, str]]:
    """Runs a command in a worker: how it ended, and what it printed."""

    def go(command: str | tuple[str, ...], **more: object) -> tuple[Ended, str]:
        given = launch(command, **more)

        async def once() -> Ended:
            async with open_worker(store.path) as worker:
                return await worker.launch(given)

        return run(once), Path(given.log).read_text()

    return go


@pytest.fixture
def listening() -> Iterator[int]:
    """A port of this host where somebody answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


CALL = ("python3", "-c", "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), 5)")


DEVICES = """
set -e
ls /dev; echo x > /dev/null; head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo said > /dev/stdout
echo x > /dev/shm/mine; python3 -c 'import os; print(os.ttyname(os.openpty()[1]))'
for path in /dev/mine /dev/pts/mine; do ! touch $path 2> /dev/null; done"""


@with_bubblewrap
def test_a_command_has_the_devices_that_programs_expect_and_can_add_none(tried) -> None:
    ended, printed = tried(DEVICES)
    assert ended.exit_code == 0, printed
    names = [
        "core",
        "fd",
        "full",
        "null",
        "ptmx",
        "pts",
        "random",
        "shm",
        "stderr",
        "stdin",
        "stdout",
        "tty",
        "urandom",
        "zero",
    ]
    assert printed.splitlines() == [*names, "4", "4", "said", "/dev/pts/0"]
    assert "mine" not in tried("ls /dev/shm")[1]


def test_the_host_s_network_is_there_unless_the_launch_is_to_have_none(tried, listening: int) -> None:
    assert tried((*CALL, str(listening)))[0].exit_code == 0
    ended, printed = tried((*CALL, str(listening)), network=False)
    assert ended.exit_code != 0 and "Connection refused" in printed


@with_bubblewrap
def test_what_a_command_must_not_see_is_not_there(tried, store: Store) -> None:
    (store.path / "run").mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(str(store.path / "run" / "1.sock"))
        places = [store.path / "data.mdb", store.path / "run" / "1.sock", *hostroot.hidden()]
        places += [store.path / "scratch", store.path / "logs"]
        _, printed = tried(f"for f in {' '.join(map(str, places))}; do ls -A $f 2>/dev/null; done; true")
    home = "\n".join(line for line in printed.splitlines() if not line.startswith("worker-"))
    assert home == "resolve" * (
        home == "resolve"
    )  # where /etc/resolv.conf leads, on hosts where it leads to /run


def test_keys_are_hidden_where_they_are_and_not_where_a_link_to_them_is(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / ".ssh").symlink_to("../keys")
    found = hostroot.secrets(tmp_path / "home")
    assert tmp_path / "keys" in found and tmp_path / "home" / ".ssh" not in found
    assert tmp_path / "home" / ".aws" in found


@with_bubblewrap
@pytest.mark.parametrize(
    "path", ["/etc/x", "/usr/x", "/run/x", "/root/x", "/var/tmp/x", "/sys/fs/cgroup/x", "/x", "/pfs/x"]
)
def test_nothing_but_out_home_and_tmp_can_be_written(tried, path: str) -> None:
    ended, _ = tried(f"touch /pfs/out/a $HOME/a /tmp/a && ! mkdir {path} 2>/dev/null")
    assert ended.exit_code == 0


def can_limit() -> bool:
    group = Groups(os.getpid()).open_group(Limits(memory=1 << 30, cpu=1))
    if group is not None:
        group.remove()
    return group is not None


cgroups = pytest.mark.skipif(not can_limit(), reason="control groups cannot be used here")
HOG = ("python3", "-c", "x = bytearray(300 << 20); print(len(x))")


@cgroups
def test_a_command_that_wants_more_memory_than_it_may_have_is_ended_and_the_reason_says_so(tried) -> None:
    ended, printed = tried(HOG, limits=Limits(memory=64 << 20))
    assert ended.exit_code == 137 and "314572800" not in printed
    assert ended.reason == "out of memory: it may use 64 MiB (exit code 137)"
    assert tried(HOG, limits=Limits(memory=512 << 20))[0].exit_code == 0


TOGETHER = """
import os, subprocess, sys
print(*{line.strip().rpartition("/")[2] for line in open("/proc/self/cgroup") if "/pfs-" in line}, flush=True)
for _ in range(3):
    subprocess.Popen([sys.executable, "-c", "x = bytearray(40 << 20); import time; time.sleep(600)"])
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]) and 137)
"""


@cgroups
def test_what_a_launch_may_use_it_may_use_together_and_its_group_is_gone_afterwards(tried) -> None:
    ended, printed = tried(("python3", "-c", TOGETHER), limits=Limits(memory=64 << 20))
    assert "out of memory" in ended.reason
    (group,) = printed.split()
    assert glob.glob(f"/sys/fs/cgroup/**/{group}", recursive=True) == []


@cgroups
def test_the_share_of_the_cpu_is_what_was_said(tried) -> None:
    read = (
        "cat $(printf /sys/fs/cgroup/cpu%s/cpu.cfs_quota_us $(sed -n 's/^[0-9]*:cpu://p' /proc/self/cgroup))"
    )
    if not Path("/sys/fs/cgroup/cpu").exists():
        read = "cut -d' ' -f1 /sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/cpu.max"
    assert tried(read, limits=Limits(cpu=0.5))[1] == "50000\n"


def test_where_control_groups_cannot_be_used_the_log_says_that_there_is_no_limit(tmp_path: Path) -> None:
    assert Groups(7, mount=tmp_path, own="0::/\n").open_group(Limits(memory=1 << 30, cpu=2)) is None


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    """What looks like the top of a hierarchy of version 2, to whoever writes to it."""
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    return tmp_path


def test_under_version_2_a_group_is_a_directory_with_both_limits(version_2: Path) -> None:
    group = Groups(7, mount=version_2, own="0::/user.slice\n").open_group(Limits(memory=1 << 30, cpu=1.5))
    assert group is not None and group.paths == (version_2 / "pfs-7-1",)
    assert (version_2 / "cgroup.subtree_control").read_text() == "+memory +cpu"
    assert (group.paths[0] / "memory.max").read_text() == str(1 << 30)
    assert (group.paths[0] / "cpu.max").read_text() == "150000 100000"


def test_groups_that_others_have_left_take_no_limit_away(version_2: Path, tmp_path: Path) -> None:
    for number in (1, 2):
        (version_2 / f"pfs-7-{number}").mkdir()
    group = Groups(7, mount=version_2, own="0::/\n").open_group(Limits(memory=1 << 30))
    assert group is not None and group.paths == (version_2 / "pfs-7-3",)
    version_1 = tmp_path / "version-1"
    for controller, left in (("memory", "other"), ("cpu", "pfs-7-1")):
        (version_1 / controller / "me" / left).mkdir(parents=True)
    own = Groups(7, mount=version_1, own="3:memory:/me\n2:cpu,cpuacct:/me\n")
    group = own.open_group(Limits(memory=1 << 30, cpu=1))
    assert group is not None and {path.name for path in group.paths} == {"pfs-7-2"}


@pytest.mark.parametrize(("said", "killed"), [("oom 3\noom_kill 0\n", False), ("low 0\noom_kill 2\n", True)])
def test_under_version_2_a_kill_for_want_of_memory_is_told_from_others(
    version_2: Path, said: str, killed: bool
) -> None:
    group = Groups(7, mount=version_2, own="0::/\n").open_group(Limits(memory=1 << 30))
    assert group is not None
    (group.paths[0] / "memory.events").write_text(said)
    assert group.out_of_memory() is killed
