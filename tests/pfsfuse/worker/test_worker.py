"""Real worker processes with real mounts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from msgspec.structs import replace
from working import is_running, run, sentinel

from pfsfuse.errors import JobError
from pfsfuse.worker.api import Ended, Launch, Outcome, Task, datum_pin
from pfsfuse.worker.handle import Worker, WorkerDied, open_worker
from pfsfuse.worker.protocol import encode
from pfsfuse.worker.rooms import remove_stale
from store import Store

pytestmark = pytest.mark.usefixtures("fuse")

Launches = Callable[..., Launch]
Tasks = Callable[..., Task]


def launched(store: Store, launch: Launch) -> tuple[Ended, str]:
    """How it ended, and what it printed."""

    async def go() -> Ended:
        async with open_worker(store.path) as worker:
            return await worker.launch(launch)

    ended = run(go)
    return ended, Path(launch.log).read_text()


def computed(store: Store, task: Task) -> Outcome:
    async def go() -> Outcome:
        async with open_worker(store.path) as worker:
            return await worker.compute(task)

    return run(go)


def output(store: Store, task: Task) -> dict[str, bytes | str | None]:
    """What the datum wrote: contents of files, targets of links, None for directories."""
    pin = store.pins.get(datum_pin(task.datum))
    assert pin is not None
    found: dict[str, bytes | str | None] = {}
    todo = [("", pin.tree)]
    for path, directory in todo:
        for entry in store.iter_directory(directory):
            here = f"{path}{entry.name.decode()}"
            if entry.is_dir:
                found[here] = None
                todo.append((f"{here}/", entry))
            elif entry.is_symlink:
                found[here] = (entry.target or b"").decode()
            else:
                found[here] = store.fetch(store.extents(entry, 0, entry.size))
    return found


def test_a_command_sees_its_inputs_and_nothing_else(store: Store, launch: Launches) -> None:
    _, printed = launched(
        store, launch("cd /pfs && find . | sort && cat trips/2016/july.csv", paths=("/2016/july.csv",))
    )
    assert printed.split() == [".", "./out", "./trips", "./trips/2016", "./trips/2016/july.csv", "31"]


@pytest.mark.parametrize("path", ["/pfs/trips/new", "/pfs/trips/2016/july.csv", "/pfs/new"])
def test_inputs_cannot_be_written(store: Store, launch: Launches, path: str) -> None:
    code = f"""
import errno
try:
    open({path!r}, "w")
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    _, printed = launched(store, launch((sys.executable, "-c", code)))
    assert printed == "EROFS\n"


def test_a_command_cannot_see_the_store(store: Store, launch: Launches) -> None:
    _, printed = launched(store, launch(f"ls -A {store.path}; ls -A {store.path}/scratch/worker-*"))
    assert "data.mdb" not in printed and "view" not in printed


def test_a_command_gets_little_of_the_environment_and_what_was_given(
    store: Store, launch: Launches, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "token")
    _, printed = launched(store, launch(("env",), env={"LEVEL": "3", "LANG": "C"}))
    names = {line.partition("=")[0] for line in printed.splitlines()}
    assert names - {"PWD", "OLDPWD"} == {"PATH", "HOME", "LANG", "LEVEL"}
    assert "LANG=C\n" in printed and "LEVEL=3\n" in printed


def test_stdin_is_lines(store: Store, launch: Launches) -> None:
    _, printed = launched(store, launch(("sh",), stdin=("cd /pfs/trips", "echo *")))
    assert printed == "2016 latest\n"


def test_stdin_that_is_not_read_is_no_error(store: Store, launch: Launches) -> None:
    ended, _ = launched(store, launch(("true",), stdin=("x" * 1_000_000,)))
    assert ended.exit_code == 0


def test_out_and_home_given_on_the_host_are_kept(store: Store, launch: Launches, tmp_path: Path) -> None:
    for name in ("out", "home"):
        (tmp_path / name).mkdir()
    script = "echo a > /pfs/out/f && mv /pfs/out/f /pfs/out/g && echo b > $HOME/h"
    ended, _ = launched(store, launch(script, out=str(tmp_path / "out"), home=str(tmp_path / "home")))
    assert ended.exit_code == 0
    assert (tmp_path / "out" / "g").read_text() == "a\n" and (tmp_path / "home" / "h").read_text() == "b\n"


def test_a_command_that_takes_too_long_is_killed(store: Store, launch: Launches) -> None:
    ended, _ = launched(store, launch(("sleep", "600"), timeout_seconds=0.2))
    assert (ended.exit_code, ended.reason) == (None, "timed out after 0.2 s")


def stopped(store: Store, launch: Launches, script: str, *, grace_seconds: float) -> Ended:
    """How a shell script ended that was stopped once it had made the file /pfs/out/ready."""
    out = store.path.parent / "out"
    out.mkdir()

    async def go() -> Ended:
        ended: list[Ended] = []
        async with open_worker(store.path) as worker, trio.open_nursery() as nursery:

            async def hold(task_status: trio.TaskStatus[int]) -> None:
                given = launch(script, out=str(out), name="service")
                ended.append(await worker.launch(given, task_status=task_status))

            await nursery.start(hold)
            while not (out / "ready").exists():
                await trio.sleep(0.01)
            await worker.stop("service", grace_seconds=grace_seconds)
        return ended[0]

    return run(go)


def test_a_stop_lets_the_command_end_by_itself(store: Store, launch: Launches) -> None:
    trap = "trap 'echo saved > /pfs/out/saved; exit 0' TERM"
    script = f"{trap}; touch /pfs/out/ready; while :; do sleep 0.05; done"
    assert stopped(store, launch, script, grace_seconds=60).reason == "stopped"
    assert (store.path.parent / "out" / "saved").read_text() == "saved\n"


def test_a_stop_reaches_the_program_that_a_shell_waits_for(store: Store, launch: Launches) -> None:
    program = """
import signal, sys, time
def save(*_):
    open("/pfs/out/saved", "w").write("at the end")
    sys.exit()
signal.signal(signal.SIGTERM, save)
open("/pfs/out/ready", "w").close()
time.sleep(600)
"""
    (store.path.parent / "out").mkdir()
    out = store.path.parent / "out"

    async def go() -> None:
        async with open_worker(store.path) as worker, trio.open_nursery() as nursery:

            async def hold(task_status: trio.TaskStatus[int]) -> None:
                script = ("sh", "-c", 'python3 -c "$1"; echo on >> /pfs/out/saved', "sh", program)
                given = launch(script, out=str(out), name="service")
                await worker.launch(given, task_status=task_status)

            await nursery.start(hold)
            while not (out / "ready").exists():
                await trio.sleep(0.02)
            await worker.stop("service", grace_seconds=60)

    run(go)
    assert (out / "saved").read_text() == "at the endon\n"


def test_a_stop_kills_what_does_not_listen(store: Store, launch: Launches) -> None:
    script = "trap '' TERM; touch /pfs/out/ready; while :; do sleep 0.05; done"
    ended = stopped(store, launch, script, grace_seconds=0.2)
    assert (ended.exit_code, ended.reason) == (None, "stopped")


def test_several_launches_run_side_by_side_in_one_worker(store: Store, launch: Launches) -> None:
    (out := store.path.parent / "out").mkdir()
    waiting = "touch /pfs/out/waits; while [ ! -e /pfs/out/go ]; do sleep 0.02; done"

    async def go() -> list[str]:
        finished = []

        async def one(worker: Worker, name: str, script: str) -> None:
            log = str(store.path / "logs" / f"{name}.log")
            await worker.launch(launch(script, name=name, log=log, out=str(out)))
            finished.append(name)

        async with open_worker(store.path) as worker, trio.open_nursery() as nursery:
            nursery.start_soon(one, worker, "slow", waiting)
            while not (out / "waits").exists():
                await trio.sleep(0.01)
            await one(worker, "fast", "true")
            (out / "go").touch()
        return finished

    assert run(go) == ["fast", "slow"]


def test_what_was_written_to_out_is_pinned_with_modes_and_links(store: Store, task: Tasks) -> None:
    script = "cd /pfs/out; mkdir -p a/empty; echo 1 > a/f; chmod 755 a/f; ln -s a/f link; printf '' > none"
    given = task(script)
    outcome = computed(store, given)
    assert (outcome.state, outcome.files, outcome.size) == ("success", 3, 5)
    assert output(store, given) == {"a": None, "a/empty": None, "a/f": b"1\n", "link": "a/f", "none": b""}
    pin = store.pins.get(datum_pin(given.datum))
    assert pin is not None
    directory = store.lookup(pin.tree, b"a")
    assert directory is not None
    file = store.lookup(directory, b"f")
    assert file is not None and file.mode & 0o777 == 0o755
    assert b'"exit_code":0' in pin.note


def test_each_datum_starts_with_an_empty_out(store: Store, task: Tasks) -> None:
    async def go() -> list[str]:
        async with open_worker(store.path) as worker:
            outcomes = [
                await worker.compute(
                    task("ls -A /pfs/out /tmp $HOME > /pfs/out/seen; touch /tmp/x ~/x", number=n)
                )
                for n in (1, 2)
            ]
        return [each.state for each in outcomes]

    assert run(go) == ["success", "success"]
    first, second = (output(store, task("", number=n)) for n in (1, 2))
    assert b"x\n" not in (second["seen"] or b"") and first.keys() == second.keys() == {"seen"}


def test_a_failure_says_the_exit_code_the_paths_and_the_last_lines(store: Store, task: Tasks) -> None:
    outcome = computed(store, task("echo working; echo broken >&2; exit 3", paths=("/2016/july.csv",)))
    assert (outcome.state, outcome.exit_code) == ("failed", 3)
    assert outcome.reason.splitlines() == [
        "datum 00000000 (trips:/2016/july.csv): exit code 3",
        "working",
        "broken",
    ]
    assert store.pins.get(datum_pin(outcome.datum)) is None


def test_a_datum_is_tried_again_with_a_clean_out(store: Store, task: Tasks, tmp_path: Path) -> None:
    # The log outlives an attempt, so the command can see there how often it has run.
    given = task(("sh", "-c", "ls /pfs/out; echo ran; touch /pfs/out/left; exit 1"), tries=3)
    outcome = computed(store, given)
    lines = Path(given.launch.log).read_text().splitlines()
    assert outcome.state == "failed"
    assert [line for line in lines if line in ("ran", "left")] == ["ran"] * 3
    assert lines[1] == "pfs: attempt 1 of 3: datum 00000000 (trips:/): exit code 1"


def test_an_exit_code_can_be_accepted(store: Store, task: Tasks) -> None:
    given = task("echo 1 > /pfs/out/f; exit 5")
    assert computed(store, replace(given, accept=(5,))).state == "success"


@pytest.mark.parametrize(
    ("script", "named"),
    [
        ("mkfifo /pfs/out/pipe", "pipe"),
        (
            f"{sys.executable} -c \"import socket; socket.socket(socket.AF_UNIX).bind('/pfs/out/sock')\"",
            "sock",
        ),
    ],
)
def test_special_files_in_out_fail_the_datum_by_name(
    store: Store, task: Tasks, script: str, named: str
) -> None:
    outcome = computed(store, task(script))
    assert outcome.state == "failed" and named in outcome.reason.splitlines()[0]


def test_a_program_that_does_not_exist_is_a_failed_datum(store: Store, task: Tasks) -> None:
    outcome = computed(store, task(("no-such-program", "--fast")))
    assert outcome.state == "failed"
    assert "exit code 127 (command not found)" in outcome.reason and "no-such-program" in outcome.reason


@pytest.mark.parametrize("script", ["exit 0", "exit 1", "sleep 600"])
def test_orphans_die_with_the_datum(store: Store, task: Tasks, script: str) -> None:
    long = sentinel()
    given = task(f"setsid sleep {long} & sleep {long} & {script}", timeout_seconds=0.5)
    computed(store, given)
    assert not is_running(long)


def test_cancelling_ends_the_command_before_it_returns(store: Store, task: Tasks) -> None:
    long = sentinel()

    async def go() -> None:
        async with open_worker(store.path) as worker:
            with trio.move_on_after(1):
                await worker.compute(task(f"sleep {long} & sleep {long}"))
            assert not is_running(long)
            assert (await worker.compute(task("true", number=2))).state == "success"

    run(go)


def test_when_a_worker_is_killed_its_command_dies_and_its_parent_hears_of_it(
    store: Store, task: Tasks
) -> None:
    long = sentinel()

    async def go() -> None:
        async with open_worker(store.path) as worker:

            async def kill() -> None:
                while not is_running(long):
                    await trio.sleep(0.01)
                os.kill(worker.pid, signal.SIGKILL)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(kill)
                with pytest.raises(WorkerDied):
                    await worker.compute(task(("sleep", long)))
            while is_running(long):
                await trio.sleep(0.01)

    run(go)
    assert not list((store.path / "scratch").glob("worker-*"))


def test_when_the_parent_is_killed_everything_dies(store: Store, launch: Launches) -> None:
    long = sentinel()
    given = launch(("sleep", long))
    code = f"""
import trio
from pathlib import Path
from pfsfuse.worker.handle import open_worker
from pfsfuse.worker.protocol import decode_request

async def main():
    async with open_worker(Path({str(store.path)!r})) as worker:
        await worker.launch(decode_request({encode(given)!r}))

trio.run(main)
"""
    parent = subprocess.Popen([sys.executable, "-c", code])

    async def go() -> None:
        while not is_running(long):
            await trio.sleep(0.01)
        parent.kill()
        parent.wait()
        while is_running(long) or is_running(f"workerd {store.path}".replace(" ", "\0")):
            await trio.sleep(0.01)

    run(go)
    remove_stale(store.path)
    assert not list((store.path / "scratch").glob("worker-*"))


def test_a_worker_says_why_it_cannot_work(tmp_path: Path) -> None:
    async def go() -> None:
        with pytest.raises(JobError, match="is not a store"):
            await Worker.start(tmp_path)

    run(go)


def test_a_worker_leaves_nothing_behind(store: Store, task: Tasks) -> None:
    computed(store, task("mkdir /pfs/out/d; touch /pfs/out/d/f; chmod 0 /pfs/out/d"))
    assert not list((store.path / "scratch").glob("worker-*"))
