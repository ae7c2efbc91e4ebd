"""A daemon from its start to its end, as processes on a real mount."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pfsfuse.config import Config
from pfsfuse.control import address, client, launch
from pfsfuse.control.launch import StartFailed
from pfsfuse.errors import MountError
from pfsfuse.fuse.mountinfo import mount_at
from pfsfuse.processes import is_alive
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")


def mounted(config: Config) -> launch.Ready:
    return launch.start_mount(config, config.mountpoint)


def foreground(config: Config) -> subprocess.Popen[bytes]:
    """The program as `pfs mount --foreground` runs it; returns when it has been seen to answer."""
    code = """
import sys
from pathlib import Path
from pfsfuse import daemon
from pfsfuse.config import Config
store, mountpoint = map(Path, sys.argv[1:3])
daemon.run(Config(store, mountpoint, False), mountpoint=mountpoint, ready=lambda: print("ready", flush=True))
"""
    command = [sys.executable, "-c", code, str(config.store), str(config.mountpoint)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def test_when_it_has_started_the_mount_answers(config: Config, store: Store) -> None:
    ready = mounted(config)
    assert sorted(os.listdir(config.mountpoint)) == [".pfs", "trips"]
    assert sorted(os.listdir(config.mountpoint / "trips@master.2")) == ["7-01-16", "7-02-16"]
    assert ready.pid == client.daemons(config.store)[0].pid


@pytest.mark.usefixtures("store")
def test_it_says_what_it_is(config: Config) -> None:
    ready = mounted(config)
    status = client.status(config.store, ready.pid)
    assert status is not None
    assert (status.store, status.mountpoint) == (str(config.store), str(config.mountpoint))
    assert (status.scheduling, status.supervising, status.services) == (True, True, ())


def test_it_makes_the_store_and_the_mountpoint_it_was_told_of(config: Config) -> None:
    mounted(config)
    assert os.listdir(config.mountpoint) == [".pfs"]


@pytest.mark.usefixtures("store")
def test_what_it_keeps_is_for_its_owner_only(config: Config) -> None:
    mask = os.umask(0)
    try:
        ready = mounted(config)
    finally:
        os.umask(mask)
    for name in ("run", "logs", "scratch"):
        assert stat.S_IMODE((config.store / name).stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(ready.log).stat().st_mode) == 0o600


@pytest.mark.usefixtures("store")
def test_it_belongs_to_no_terminal(config: Config) -> None:
    ready = mounted(config)
    assert os.getsid(ready.pid) == ready.pid
    files = [os.readlink(f"/proc/{ready.pid}/fd/{number}") for number in (0, 1, 2)]
    assert files == ["/dev/null", ready.log, ready.log]
    assert os.readlink(f"/proc/{ready.pid}/cwd") == "/"


def test_a_refresh_shows_the_new_head_at_once(config: Config, store: Store) -> None:
    mounted(config)
    live = config.mountpoint / "trips"
    for number in range(3, 30):
        assert len(os.listdir(live)) == number - 1
        with store.repo("trips").edit() as edit:
            edit.write(str(number), b"")
        assert client.refresh(config.store) == 1
        assert len(os.listdir(live)) == number


@pytest.mark.usefixtures("store")
def test_stopping_leaves_no_mount_no_process_and_no_socket(
    config: Config, processes: Callable[[], list[int]]
) -> None:
    ready = mounted(config)
    client.stop(config.store, ready.pid)
    assert mount_at(config.mountpoint) is None
    assert processes() == []
    assert address.pids(config.store) == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_status_0_and_without_a_word(config: Config, number: signal.Signals) -> None:
    with foreground(config) as process:
        process.send_signal(number)
        assert process.communicate(timeout=200) == (b"", b"")
    assert process.returncode == 0
    assert mount_at(config.mountpoint) is None


@pytest.mark.usefixtures("store")
def test_unmounting_it_from_outside_ends_it(config: Config) -> None:
    with foreground(config) as process:
        subprocess.run(["umount", str(config.mountpoint)], check=True)
        assert process.communicate(timeout=200) == (b"", b"")
    assert process.returncode == 0


@pytest.mark.usefixtures("store")
def test_after_a_kill_the_next_start_cleans_up_and_serves(
    config: Config, wait_for: Callable[..., bool]
) -> None:
    killed = mounted(config)
    os.kill(killed.pid, signal.SIGKILL)
    assert wait_for(lambda: not is_alive(killed.pid))
    assert mount_at(config.mountpoint) is not None
    assert address.pids(config.store) == [killed.pid]
    again = mounted(config)
    assert sorted(os.listdir(config.mountpoint)) == [".pfs", "trips"]
    assert address.pids(config.store) == [again.pid]


@pytest.mark.usefixtures("store")
def test_a_mountpoint_in_use_is_refused_in_one_line_and_the_first_mount_stays(config: Config) -> None:
    mounted(config)
    with pytest.raises(MountError, match="is a mountpoint already") as refused:
        mounted(config)
    assert "\n" not in str(refused.value)
    assert len(client.daemons(config.store)) == 1
    assert sorted(os.listdir(config.mountpoint)) == [".pfs", "trips"]


def test_a_daemon_that_is_not_told_to_begin_leaves_nothing(config: Config) -> None:
    with launch.Starting(config, config.mountpoint) as starting:
        pid = starting.pid
    assert not is_alive(pid)
    assert not config.store.exists()
    assert mount_at(config.mountpoint) is None


def test_whoever_interrupts_a_mount_does_not_get_one_later(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with launch.Starting(config, config.mountpoint) as starting:
        with monkeypatch.context() as patch:
            patch.setattr("select.select", interrupted)
            with pytest.raises(KeyboardInterrupt):
                starting.go()
        assert not is_alive(starting.pid)
    assert mount_at(config.mountpoint) is None


def test_what_the_daemon_complains_of_is_what_the_command_hears(config: Config) -> None:
    config.store.write_text("not a store")
    with pytest.raises(StartFailed, match=str(config.store)) as refused:
        launch.start_scheduler(config)
    assert "\n" not in str(refused.value)
    assert not config.mountpoint.exists() or mount_at(config.mountpoint) is None


@pytest.mark.usefixtures("store")
def test_without_a_mountpoint_it_only_schedules(config: Config) -> None:
    ready = launch.start_scheduler(config)
    status = client.status(config.store, ready.pid)
    assert status is not None
    assert (status.mountpoint, status.scheduling) == (None, True)


@pytest.mark.usefixtures("store")
def test_of_two_daemons_one_schedules_and_the_other_takes_over(
    config: Config, wait_for: Callable[..., bool]
) -> None:
    first, second = launch.start_scheduler(config), mounted(config)

    def does(pid: int) -> tuple[bool, bool]:
        status = client.status(config.store, pid)
        return (status.scheduling, status.supervising) if status is not None else (False, False)

    assert (does(first.pid), does(second.pid)) == ((True, True), (False, False))
    client.stop(config.store, first.pid)
    assert wait_for(lambda: does(second.pid) == (True, True))
