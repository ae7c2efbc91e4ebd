"""Datums on other hosts: what travels, and a cluster of two hosts of which one is lost in mid-job."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
from msgspec.structs import replace
from working import is_running, run, sentinel

import store as storage
from pfsfuse.errors import JobError
from pfsfuse.processes import is_alive
from pfsfuse.worker import protocol
from pfsfuse.worker.api import Outcome, Task, datum_pin
from pfsfuse.worker.dask import parcel
from pfsfuse.worker.local import open_local_executor
from store import Entry, Store
from tests.ports import free_port

Tasks = Callable[..., Task]

SCRIPT = """
cd /pfs/out; mkdir -p a/empty; cat /pfs/trips/2016/* > a/sum; chmod 700 a/sum; ln -s a/sum link
printf x > "$(printf 'not\\377utf8')"; touch -h -d 2016-07-01T00:00:00.5Z a/sum link not*; echo printed
"""


def shape(store: Store, directory: Entry) -> list[tuple[Entry, object]]:
    """All that a tree holds; its directories were made at another time."""
    return [
        (
            entry if not entry.is_dir else Entry(entry.name, entry.mode, 0, entry.size, entry.digest),
            shape(store, entry) if entry.is_dir else None,
        )
        for entry in store.iter_directory(directory)
    ]


def tree(store: Store, task: Task) -> Entry:
    pin = store.pins.get(datum_pin(task.datum))
    assert pin is not None
    return pin.tree


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    """The store of another host."""
    with storage.create(tmp_path / "elsewhere") as opened:
        for name in ("logs", "scratch"):
            (opened.path / name).mkdir()
        yield opened


@pytest.mark.usefixtures("fuse")
def test_a_datum_that_travelled_is_what_it_is_when_it_stays(
    store: Store, elsewhere: Store, task: Tasks
) -> None:
    stays = task(SCRIPT, number=1, log=str(store.path / "logs" / "stays.log"))
    goes = task(SCRIPT, number=2, log=str(store.path / "logs" / "goes.log"))
    fails = task("echo no; exit 3", number=3, log=str(store.path / "logs" / "fails.log"))

    async def go() -> list[Outcome]:
        async with (
            open_local_executor(store.path, 1) as here,
            open_local_executor(elsewhere.path, 1) as there,
        ):
            outcomes = [await here.run(stays)]
            for number, each in enumerate((goes, fails)):
                there_is = parcel.unpack(
                    elsewhere, parcel.pack(store, each), f"in-{number}", elsewhere.path / "logs" / f"{number}"
                )
                outcome = await there.run(there_is)
                back = parcel.pack_return(elsewhere, there_is, outcome, each.datum)
                outcomes.append(parcel.take_return(store, each, back))
            return outcomes

    stayed, went, failed = run(go)
    assert went == replace(stayed, datum=goes.datum, seconds=went.seconds)
    assert shape(store, tree(store, goes)) == shape(store, tree(store, stays))
    assert Path(goes.launch.log).read_text() == Path(stays.launch.log).read_text() == "printed\n"
    assert failed.datum == fails.datum and failed.exit_code == 3
    assert failed.reason.splitlines() == ["datum 00000000 (trips:/): exit code 3", "no"]


def test_only_what_a_datum_reads_travels(store: Store, elsewhere: Store, task: Tasks) -> None:
    sent = parcel.pack(store, task("true", paths=("/2016/july.csv", "/latest")))
    there = parcel.unpack(elsewhere, sent, "in", elsewhere.path / "log")
    commit = elsewhere.repo(there.launch.inputs[0].repo).commit()
    assert sorted(path for path, _ in commit.walk()) == [b"2016", b"2016/july.csv", b"latest"]
    assert commit.read("2016/july.csv") == b"31\n"


def test_what_is_too_large_to_travel_is_refused_with_a_way_out(
    store: Store, task: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcel, "MOST", 3)
    with pytest.raises(JobError, match="trips:/ is too large to be sent") as raised:
        parcel.pack(store, task("true"))
    assert "smaller datums" in raised.value.hint()


def test_what_is_too_large_to_be_sent_back_fails_with_a_way_out(
    store: Store, elsewhere: Store, task: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = task("true")
    there = parcel.unpack(elsewhere, parcel.pack(store, given), "in", elsewhere.path / "log")
    with elsewhere.edit_tree() as edit:
        edit.write("large", b"four")
        edit.save_pinned(datum_pin(there.datum), lambda _: b"")
    monkeypatch.setattr(parcel, "MOST", 3)
    back = parcel.pack_return(elsewhere, there, Outcome(datum=there.datum, state="success"), given.datum)
    outcome = parcel.take_return(store, given, back)
    assert outcome.state == "failed" and outcome.reason.startswith("datum 00000000 wrote 0 MiB")
    assert "smaller datums, or run the pipeline on this host" in outcome.reason


def test_a_host_that_can_run_no_commands_says_so_in_the_datum(
    store: Store, tmp_path: Path, task: Tasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pfsfuse.worker.dask.remote import Host

    monkeypatch.setenv("PATH", str(tmp_path))
    given = task("true")
    back = Host(tmp_path).compute(parcel.pack(store, given), lambda: True)
    outcome = parcel.take_return(store, given, back)
    assert outcome.state == "failed"
    assert f"on host {socket.gethostname()}: commands cannot be given a /pfs" in outcome.reason
    assert "install bubblewrap" in outcome.reason


class Cluster:
    """As much of a Dask client as the executor asks for; each datum ends in the next of `ends`."""

    def __init__(self, *ends: object, status: str = "running") -> None:
        self._ends, self.status = list(ends), status

    def submit(self, *_: object, **__: object) -> Cluster:
        return self

    def add_done_callback(self, function: Callable[[object], None]) -> None:
        function(self)

    def result(self) -> object:
        end = self._ends.pop(0)
        if isinstance(end, Exception):
            self.status = "closed"
            raise end
        return end


def on(store: Store, one: Task, *clusters: Cluster) -> Outcome:
    from pfsfuse.worker.dask.executor import DaskExecutor

    first, *others = clusters

    async def go() -> Outcome:
        return await DaskExecutor(store, first, lambda: others.pop(0)).run(one)

    return run(go)


def test_what_a_scheduler_has_forgotten_is_given_to_the_one_that_comes_after_it(
    store: Store, task: Tasks
) -> None:
    failed = parcel.Return(
        protocol.encode(Outcome(datum=task("true").datum, state="failed", reason="its own"))
    )
    assert on(store, task("true"), Cluster(CancelledError()), Cluster(failed)).reason == "its own"


def test_what_is_lost_again_and_again_fails(store: Store, task: Tasks) -> None:
    lost = [Cluster(CancelledError()) for _ in range(4)]
    assert "lost 3 times" in on(store, task("true"), *lost).reason


def test_an_error_of_another_host_is_the_reason_of_the_datum_and_no_end_of_the_scheduler(
    store: Store, task: Tasks
) -> None:
    outcome = on(store, task("true"), Cluster(ModuleNotFoundError("No module named 'pfsfuse'")))
    assert outcome.state == "failed"
    assert "ModuleNotFoundError: No module named 'pfsfuse' (does it have the same version" in outcome.reason


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def can_make_hosts() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"pfs-{os.getpid()}-try"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True).returncode == 0
    subprocess.run(["ip", "netns", "del", name], capture_output=True)
    return made


def remove_hosts() -> None:
    """Of runs that were killed, and could not."""
    for path in Path("/run/netns").glob("pfs-*-*"):
        if not is_alive(int(path.name.split("-")[1])):
            subprocess.run(["ip", "netns", "del", path.name], capture_output=True)


class OtherHost:
    """A network namespace with a Dask worker in it that sees nothing of the store."""

    def __init__(self, number: int, port: int, store: Path, scratch: Path) -> None:
        self.name, self._link = f"pfs-{os.getpid()}-{number}", f"pfs{os.getpid()}h{number}"
        inside = f"{self._link}i"
        # For networks that are tried out, four addresses for each, so that no two runs share one.
        net = ipaddress.ip_address("198.18.0.0") + (2 * os.getpid() + number) % (1 << 15) * 4
        here, there = net + 1, net + 2
        ip("netns", "add", self.name)
        ip("link", "add", self._link, "type", "veth", "peer", "name", inside, "netns", self.name)
        ip("addr", "add", f"{here}/30", "dev", self._link)
        ip("link", "set", self._link, "up")
        ip("-n", self.name, "addr", "add", f"{there}/30", "dev", inside)
        ip("-n", self.name, "link", "set", inside, "up")
        ip("-n", self.name, "link", "set", "lo", "up")
        hide = f'mount -t tmpfs none {store} && exec "$@"'
        self.process = subprocess.Popen(
            [
                *ENDS_WITH_US,
                *("ip", "netns", "exec", self.name, "unshare", "-m", "sh", "-c", hide, "sh"),
                *(sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://{here}:{port}"),
                *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(scratch)),
            ],
            env=os.environ | FAST,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def cut_off(self) -> None:
        ip("link", "set", self._link, "down")

    def remove(self) -> None:
        self.process.kill()
        self.process.wait()
        ip("netns", "del", self.name)
        subprocess.run(["ip", "link", "del", self._link], capture_output=True)


FAST = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s", "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s"}
"""A host that does not answer is given up after seconds instead of minutes."""

ENDS_WITH_US = ("setpriv", "--pdeathsig", "KILL", "--")
"""In front of a command: it does not outlive tests that are killed."""


@pytest.fixture
def cluster(store: Store, tmp_path: Path) -> Iterator[tuple[str, list[OtherHost]]]:
    """A Dask scheduler here, and two other hosts."""
    if not can_make_hosts():
        pytest.skip("network namespaces cannot be made here, so NOTHING about other hosts was tested")
    remove_hosts()
    port = free_port()
    command = [*ENDS_WITH_US, sys.executable, "-m", "distributed.cli.dask_scheduler"]
    command += ["--host", "0.0.0.0", "--port", str(port)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with contextlib.ExitStack() as stack:
        scheduler = subprocess.Popen([*command, "--no-dashboard"], env=os.environ | FAST, **quiet)
        stack.callback(scheduler.wait)
        stack.callback(scheduler.kill)
        hosts = []
        for number in (1, 2):
            (scratch := tmp_path / f"host-{number}").mkdir()
            hosts.append(OtherHost(number, port, store.path, scratch))
            stack.callback(hosts[-1].remove)
        while not answers(port):  # on a busy machine not before whoever asks has given up
            assert scheduler.poll() is None, "the scheduler has ended"
            time.sleep(0.05)
        yield f"tcp://127.0.0.1:{port}", hosts


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("fuse")
@pytest.mark.parametrize("end", ["killed", "cut off"])
def test_a_job_ends_right_although_one_of_two_hosts_is_lost_in_the_middle(
    store: Store, cluster: tuple[str, list[OtherHost]], task: Tasks, end: str
) -> None:
    from pfsfuse.worker.dask.executor import open_dask_executor

    address, hosts = cluster
    long = f"1.{os.getpid():07}"
    given = [task(f"sleep {long}; echo {n} > /pfs/out/{n}", number=n) for n in range(8)]
    outcomes: list[Outcome] = []

    async def compute(executor: object, one: Task) -> None:
        outcomes.append(await executor.run(one))  # type: ignore[attr-defined]

    async def lose() -> None:
        while len(outcomes) < 2 or not is_running(long):
            await trio.sleep(0.05)
        if end == "killed":
            hosts[0].process.send_signal(signal.SIGKILL)
        else:
            hosts[0].cut_off()

    async def go() -> None:
        async with open_dask_executor(store, address) as executor:
            while executor.slots < 2:
                await trio.sleep(0.1)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lose)
                for one in given:
                    nursery.start_soon(compute, executor, one)

    run(go, seconds=280)
    assert sorted((each.datum, each.state) for each in outcomes) == [(one.datum, "success") for one in given]
    for number, one in enumerate(given):
        entry = store.lookup(tree(store, one), str(number).encode())
        assert entry is not None and store.fetch(store.extents(entry, 0, entry.size)) == b"%d\n" % number


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("fuse")
def test_cancelling_ends_the_command_on_the_other_host(
    store: Store, cluster: tuple[str, list[OtherHost]], task: Tasks
) -> None:
    from pfsfuse.worker.dask.executor import open_dask_executor

    address, _ = cluster
    long = sentinel()

    async def go() -> None:
        async with open_dask_executor(store, address) as executor, trio.open_nursery() as nursery:
            nursery.start_soon(executor.run, task(f"sleep {long}"))
            while not is_running(long):
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()

    run(go)
    deadline = time.monotonic() + 100
    while is_running(long) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not is_running(long)


def test_a_cluster_that_does_not_answer_is_an_error_that_says_how_to_start_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pfsfuse.worker.dask import executor

    monkeypatch.setattr(executor, "CONNECT_SECONDS", 0.5)
    port = free_port()

    async def go() -> None:
        async with executor.open_dask_executor(store, f"tcp://127.0.0.1:{port}"):
            pass

    with pytest.raises(JobError, match="no Dask scheduler answers at tcp") as raised:
        run(go)
    assert "`dask scheduler`" in raised.value.hint()


def test_who_looks_for_a_scheduler_again_and_again_keeps_nothing_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from pfsfuse.worker.dask import executor

    monkeypatch.setattr(executor, "CONNECT_SECONDS", 0.2)
    port = free_port()

    def loops() -> int:
        return sum(thread.name == "IO loop" for thread in threading.enumerate())

    before = loops()
    with executor.open_loop() as loop:
        for _ in range(3):
            with pytest.raises(JobError):
                executor._connect(f"tcp://127.0.0.1:{port}", loop)
        assert loops() == before
    assert "dask-clients" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize("error", [JobError("nobody answers"), OSError("cut off"), RuntimeError("closed")])
def test_a_cluster_that_goes_away_while_it_is_reached_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    from pfsfuse.worker.dask.executor import DaskExecutor

    monkeypatch.setattr("pfsfuse.worker.dask.executor.LOOK_SECONDS", 0.001)
    answers: list[Exception | SimpleNamespace] = [error, SimpleNamespace(status="running")]

    def connect() -> SimpleNamespace:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    executor = DaskExecutor(store, SimpleNamespace(status="closed"), connect)
    run(executor._reach)
    assert answers == []
