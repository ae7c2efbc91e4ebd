"""The control socket: a real server in a thread, asked over a real socket."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
import trio

from pfsfuse.control import address, client, server
from pfsfuse.control.messages import LINE_LIMIT, Status
from pfsfuse.errors import DaemonError
from pfsfuse.processes import is_alive
from pfsfuse.worktree.failures import NotStaged
from pfsfuse.worktree.progress import Staging

ME = os.getpid()


@dataclass
class Scripted:
    """Answers as it is told."""

    refresh_seconds: float = 0.0
    broken: bool = False
    refreshed: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    staging: Staging | None = None
    told: threading.Event = field(default_factory=threading.Event)
    """Staging ends with it."""

    def status(self) -> Status:
        if self.broken:
            raise RuntimeError("no status today")
        return Status(
            pid=ME,
            version="1",
            store="/store",
            mountpoint="/pfs",
            scheduling=True,
            supervising=False,
            services=("jupyter",),
            started_ns=1,
            staging=self.staging,
        )

    async def stage(self) -> list[NotStaged]:
        self.staging = Staging("trips@master", 1, 2, 3)
        await trio.to_thread.run_sync(self.told.wait)
        return []

    async def refresh(self) -> None:
        await trio.sleep(self.refresh_seconds)
        self.refreshed += 1

    def stop(self) -> None:
        self.stopped.set()


@contextmanager
def serving(store_path: Path, answers: Scripted) -> Iterator[None]:
    """A server on this store as long as the context lasts."""
    up = threading.Event()
    scope = trio.CancelScope()
    token: list[trio.lowlevel.TrioToken] = []

    async def main() -> None:
        with scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(server.serve, store_path, answers)
                token.append(trio.lowlevel.current_trio_token())
                up.set()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert up.wait(60)
    try:
        yield
    finally:
        token[0].run_sync_soon(scope.cancel)
        thread.join(60)
        assert not thread.is_alive()


def tell(store_path: Path, data: bytes) -> bytes:
    with address.open_address(store_path, ME) as name, socket.socket(socket.AF_UNIX) as stream:
        stream.settimeout(60)
        stream.connect(name)
        try:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
        except BrokenPipeError:
            pass
        answer = b""
        while piece := stream.recv(4096):
            answer += piece
    return answer


@pytest.fixture
def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_daemon_says_what_it_serves(tmp_path: Path) -> None:
    with serving(tmp_path, Scripted()):
        assert [each.mountpoint for each in client.daemons(tmp_path)] == ["/pfs"]
        assert client.status(tmp_path, ME) == Scripted().status()


def test_it_is_found_by_its_mountpoint(tmp_path: Path) -> None:
    with serving(tmp_path, Scripted()):
        assert client.find_mount(tmp_path, Path("/pfs")) is not None
        assert client.find_mount(tmp_path, Path("/mnt")) is None


def test_a_refresh_is_answered_when_it_is_done(tmp_path: Path) -> None:
    answers = Scripted(refresh_seconds=0.1)
    with serving(tmp_path, answers):
        assert client.refresh(tmp_path) == 1
        assert answers.refreshed == 1


def test_a_refresh_does_not_wait_for_ever(tmp_path: Path) -> None:
    answers = Scripted(refresh_seconds=60)
    with serving(tmp_path, answers):
        assert client.refresh(tmp_path, timeout_seconds=0.2) == 0
        assert answers.refreshed == 0


def test_without_a_daemon_there_is_nobody_to_ask(tmp_path: Path) -> None:
    assert client.daemons(tmp_path) == []
    assert client.refresh(tmp_path / "no-such-store") == 0


def test_only_the_owner_can_reach_the_socket(tmp_path: Path) -> None:
    os.umask(0)
    try:
        with serving(tmp_path, Scripted()):
            assert stat.S_IMODE(address.run_directory(tmp_path).stat().st_mode) == 0o700
            assert stat.S_IMODE(address.socket_path(tmp_path, ME).stat().st_mode) == 0o600
    finally:
        os.umask(0o022)


def test_the_socket_goes_with_its_daemon(tmp_path: Path) -> None:
    with serving(tmp_path, Scripted()):
        pass
    assert os.listdir(address.run_directory(tmp_path)) == []


def test_a_store_may_lie_deeper_than_a_socket_address_is_long(tmp_path: Path) -> None:
    store_path = tmp_path / ("a" * 100) / ("b" * 100)
    store_path.mkdir(parents=True)
    with serving(store_path, Scripted()):
        assert len(client.daemons(store_path)) == 1


def test_the_socket_of_a_dead_daemon_is_removed(tmp_path: Path, dead_pid: int) -> None:
    address.run_directory(tmp_path).mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind, address.open_address(tmp_path, dead_pid) as name:
        left_behind.bind(name)
    assert client.daemons(tmp_path) == []
    assert address.pids(tmp_path) == []


@pytest.mark.parametrize("ask", [client.stage, client.daemons, client.refresh, partial(client.stop, pid=ME)])
def test_what_a_dead_daemon_left_is_nobodys_though_its_pid_be_in_use(
    tmp_path: Path, ask: Callable[[Path], object]
) -> None:
    address.run_directory(tmp_path).mkdir()
    with socket.socket(socket.AF_UNIX) as left_behind, address.open_address(tmp_path, ME) as name:
        left_behind.bind(name)
    assert not ask(tmp_path)
    assert address.pids(tmp_path) == []


def test_a_socket_has_its_name_once_it_listens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    listen = socket.socket.listen

    def looked_at(self: socket.socket, backlog: int) -> None:
        seen.append(address.pids(tmp_path))
        listen(self, backlog)

    monkeypatch.setattr(socket.socket, "listen", looked_at)
    with serving(tmp_path, Scripted()):
        assert seen == [[]] and address.pids(tmp_path) == [ME]


def test_sweeping_leaves_the_sockets_of_the_living(tmp_path: Path, dead_pid: int) -> None:
    run = address.run_directory(tmp_path)
    run.mkdir()
    for name in (f"{dead_pid}.sock", f"{dead_pid}.new", f"{ME}.sock", "scheduler.lock", "x.sock"):
        (run / name).touch()
    address.sweep(tmp_path)
    assert sorted(os.listdir(run)) == sorted([f"{ME}.sock", "scheduler.lock", "x.sock"])


def test_a_process_that_has_ended_and_was_not_collected_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(process.pid)
    process.wait()


def test_an_error_in_an_answer_reaches_the_asker_and_ends_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, Scripted(broken=True)):
        assert tell(tmp_path, b'{"type":"status"}\n') == (
            b'{"type":"refused","why":"RuntimeError: no status today"}\n'
        )
        assert client.refresh(tmp_path) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"{",
        b"null\n",
        b'{"type":"explode"}\n',
        b"\xff\xfe\n",
        b"[" * 5000 + b"\n",
        b"x" * (LINE_LIMIT + 1),
    ],
)
def test_what_is_no_request_is_refused(tmp_path: Path, data: bytes) -> None:
    with serving(tmp_path, Scripted()):
        assert tell(tmp_path, data).startswith(b'{"type":"refused"')
        assert client.status(tmp_path, ME) is not None


def test_somebody_who_connects_and_says_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    with (
        serving(tmp_path, Scripted()),
        address.open_address(tmp_path, ME) as name,
        socket.socket(socket.AF_UNIX) as silent,
    ):
        silent.connect(name)
        assert client.status(tmp_path, ME) is not None


def test_a_daemon_without_a_free_descriptor_answers_when_it_has_one(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with (
        serving(tmp_path, Scripted()),
        address.open_address(tmp_path, ME) as name,
        socket.socket(socket.AF_UNIX) as asker,
        ExitStack() as taken,
    ):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
        taken.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        with suppress(OSError):
            while True:
                taken.callback(os.close, os.dup(0))
        asker.connect(name)
        time.sleep(0.2)
        taken.close()
        assert client.status(tmp_path, ME) is not None


def test_stopping_waits_until_the_process_is_gone(tmp_path: Path) -> None:
    program = """
import os, sys, trio
from pathlib import Path
from pfsfuse.control import server
class Answers:
    def __init__(self, scope): self.scope = scope
    def stop(self): self.scope.deadline = trio.current_time() + 0.2
async def main():
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.serve, Path(sys.argv[1]), Answers(scope))
            print("up", flush=True)
trio.run(main)
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"up\n"
    client.stop(tmp_path, process.pid)
    assert not is_alive(process.pid)
    process.communicate()
    assert process.returncode == 0
    client.stop(tmp_path, process.pid)  # once more does no harm


def test_stopping_a_daemon_that_does_not_end_is_an_error_with_its_log(tmp_path: Path) -> None:
    answers = Scripted()
    with serving(tmp_path, answers), pytest.raises(DaemonError, match="has not ended") as failed:
        client.stop(tmp_path, ME, timeout_seconds=0.2)
    assert answers.stopped.is_set()
    assert "daemon.log" in failed.value.hint()


def test_who_waits_for_staging_is_told_how_far_it_is(tmp_path: Path) -> None:
    answers, told = Scripted(), []

    def tell(progress: Staging) -> None:
        told.append(progress)
        answers.told.set()

    with serving(tmp_path, answers):
        assert client.stage(tmp_path, progress=tell) == []
    assert told[0] == Staging("trips@master", 1, 2, 3)


def test_asking_imports_no_event_loop() -> None:
    code = "import sys, pfsfuse.control.client, pfsfuse.control.launch; print('trio' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False\n"
    )


def test_a_daemon_that_was_stopped_is_named_and_not_waited_for(tmp_path: Path) -> None:
    run = address.run_directory(tmp_path)
    run.mkdir()
    listen = "s = socket.socket(socket.AF_UNIX); s.bind(f'{os.getpid()}.sock'); s.listen()"
    command = [sys.executable, "-u", "-c", f"import os, socket; {listen}; print(); input()"]
    with subprocess.Popen(command, cwd=run, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as silent:
        assert silent.stdout is not None and silent.stdout.readline()
        silent.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, silent.pid, os.WSTOPPED)
        try:
            with pytest.raises(DaemonError, match=f"the daemon {silent.pid} is stopped") as refused:
                client.stage(tmp_path)
        finally:
            silent.kill()
    assert refused.value.hint() == f"`kill -CONT {silent.pid}` has it go on"
