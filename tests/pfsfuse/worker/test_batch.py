"""One command for many datums: real commands, and the view that is switched under them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest
import trio
from working import is_running, run, sentinel

from pfsfuse.batch import next_datum
from pfsfuse.errors import JobError
from pfsfuse.worker.api import Input, Outcome, Task, datum_pin
from pfsfuse.worker.batch import Batch
from pfsfuse.worker.command import Command
from pfsfuse.worker.debris import Debris
from pfsfuse.worker.handle import open_worker
from store import Commit, Store

pytestmark = pytest.mark.usefixtures("fuse")

PROGRAM = """
import os, sys, time
from pfsfuse.batch import each
print("loading", flush=True)
def compute(env):
    path = env["trips"]
    print("at", path)
    with open("/pfs/out/" + os.path.basename(path), "w") as out:
        out.write(f"{os.getpid()} {open(path).read()}")
    assert sorted(os.listdir("/pfs")) == [".env", ".next", "out", "trips"], os.listdir("/pfs")
    assert sum(len(files) for _, _, files in os.walk("/pfs/trips")) == 1
    if path.endswith("bad"):
        raise ValueError("no good")
    if path.endswith("exit"):
        sys.exit(7)
    if path.endswith("slow"):
        time.sleep(600)
each(compute)
"""
FILES = ("a", "b", "bad", "c", "exit", "d", "slow", "e")


@pytest.fixture
def rides(store: Store) -> Commit:
    with store.create_repo("rides").edit() as edit:
        for name in FILES:
            edit.write(name, f"ride {name}".encode())
    assert edit.result is not None
    return edit.result


@pytest.fixture
def batched(store: Store, rides: Commit, task: Callable[..., Task]) -> Callable[..., Task]:
    """Makes the task of a datum that reads one file, for a command that computes many."""

    def make(command: str | tuple[str, ...], name: str, *, key: str = "one", **more: object) -> Task:
        number = FILES.index(name) + 1
        given: dict[str, object] = {
            "number": number,
            "batch": key,
            "inputs": (Input(name="trips", repo="rides", commit=str(rides.id), paths=(f"/{name}",)),),
            "env": {"trips": f"/pfs/trips/{name}"},
            "log": str(store.path / "logs" / f"{name}.log"),
        }
        return task(command, **(given | more))

    return make


def kept(store: Store, task: Task) -> dict[str, str]:
    pin = store.pins.get(datum_pin(task.datum))
    if pin is None:
        return {}
    return {
        entry.name.decode(): store.open(entry).read().decode() for entry in store.iter_directory(pin.tree)
    }


HOSTILE = """
import os, socket
from pfsfuse.batch import next_datum
for said in (b"[" * 900_000 + b"\\n", b"x" * 3_000_000, b"{}\\n", b"\\xff\\n"):
    with socket.socket(socket.AF_UNIX) as stream:
        stream.connect("/pfs/.next")
        try:
            stream.sendall(said)
            stream.recv(1)
        except OSError:
            pass  # it was hung up on us
assert next_datum() is not None
next_datum("x" * 900_000)
"""


def test_what_a_command_asks_with_is_neither_trusted_nor_held_without_end(
    store: Store, batched: Callable[..., Task]
) -> None:
    async def go() -> Outcome:
        async with open_worker(store.path) as worker:
            return await worker.compute(batched((sys.executable, "-c", HOSTILE), "a", timeout_seconds=90.0))

    outcome = run(go)
    assert outcome.state == "failed" and "it said: xxxx" in outcome.reason
    assert len(outcome.reason) < 20_000


def test_one_command_computes_datum_after_datum(store: Store, batched: Callable[..., Task]) -> None:
    tasks = [batched((sys.executable, "-c", PROGRAM), name, timeout_seconds=90.0) for name in FILES]
    tasks[FILES.index("slow")] = batched((sys.executable, "-c", PROGRAM), "slow", timeout_seconds=1.0)

    async def go() -> list[Outcome]:
        async with open_worker(store.path) as worker:
            return [await worker.compute(each) for each in tasks]

    outcomes = dict(zip(FILES, run(go), strict=True))
    states = {name: outcome.state for name, outcome in outcomes.items()}
    lost = {"bad", "exit", "slow"}
    assert states == {name: "failed" if name in lost else "success" for name in FILES}, outcomes
    assert "it said: ValueError: no good" in outcomes["bad"].reason
    assert "ended with exit code 7, without asking for the next datum" in outcomes["exit"].reason
    assert "timed out after 1 s" in outcomes["slow"].reason
    written = {name: kept(store, each).get(name, "") for name, each in zip(FILES, tasks, strict=True)}
    pids = {name: text.split()[0] for name, text in written.items() if text}
    assert {name: text.split(" ", 1)[1] for name, text in written.items() if text} == {
        name: f"ride {name}" for name in FILES if name not in lost
    }
    assert pids["a"] == pids["b"] == pids["c"]  # also after a datum that failed
    logs = {name: (store.path / "logs" / f"{name}.log").read_text() for name in FILES}
    assert [name for name in FILES if "loading" in logs[name]] == ["a", "d", "e"]
    assert "at /pfs/trips/b" in logs["b"] and "at /pfs/trips/c" not in logs["b"]
    assert "no good" in logs["bad"]
    assert not list((store.path / "scratch").iterdir())


def test_the_directory_of_a_command_goes_with_the_last_who_needs_it(tmp_path: Path) -> None:
    """A command may end while its datum is still being taken away."""
    home = tmp_path / "batch-1"
    (home / "pfs").mkdir(parents=True)
    batch = Batch(home, cast(Command, None), Debris(tmp_path))

    async def go() -> list[bool]:
        there = []
        for _ in range(2):
            await batch.release()
            there.append(home.exists())
        return there

    assert trio.run(go) == [True, False]


def test_a_shell_asks_for_the_next_datum_with_a_command(store: Store, batched: Callable[..., Task]) -> None:
    script = (
        'while pfs next datum; do . /pfs/.env; cp "$trips" /pfs/out/x; [ $trips != /pfs/trips/bad ] || '
        'pfs datum next --error "is bad"; done; echo over'
    )
    tasks = [batched(script, name) for name in ("a", "b")]

    async def go() -> list[Outcome]:
        async with open_worker(store.path) as worker:
            return [await worker.compute(each) for each in tasks]

    assert [outcome.state for outcome in run(go)] == ["success", "success"]
    assert [kept(store, each) for each in tasks] == [{"x": "ride a"}, {"x": "ride b"}]


def test_a_command_that_never_asks_fails_its_datum(store: Store, batched: Callable[..., Task]) -> None:
    async def go() -> tuple[Outcome, Outcome]:
        async with open_worker(store.path) as worker:
            missing = await worker.compute(batched(("no-such-program",), "a", key="missing"))
            return missing, await worker.compute(batched("exit 0", "b", key="other"))

    missing, silent = run(go)
    assert "ended with exit code 127, without asking for the next datum" in missing.reason
    assert (silent.state, kept(store, batched("exit 0", "b"))) == ("failed", {})


def test_a_command_that_waits_ends_with_its_worker(store: Store, batched: Callable[..., Task]) -> None:
    known = sentinel()
    script = ("sh", "-c", f"while pfs datum next; do :; done; : {known}")

    async def go() -> bool:
        async with open_worker(store.path) as worker:
            await worker.compute(batched(script, "a"))
            return is_running(known)

    assert run(go) and not is_running(known)


def test_cancelling_a_datum_ends_its_command(store: Store, batched: Callable[..., Task]) -> None:
    long = sentinel()
    given = batched(("sh", "-c", f"pfs datum next; sleep {long}"), "a")

    async def go() -> None:
        async with open_worker(store.path) as worker:
            with trio.CancelScope() as scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(worker.compute, given)
                    while not is_running(f"sleep\x00{long}"):
                        await trio.sleep(0.01)
                    scope.cancel()
            assert not is_running(f"sleep\x00{long}")
            assert (await worker.compute(batched("true", "b", key="x"))).state == "failed"

    run(go)


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Somebody who hands out one datum, and hears what is asked."""
    import socket

    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as listener:
        directory = str(tmp_path / "next")
        listener.bind(directory)
        listener.listen()

        def serve() -> None:
            for reply in (b'{"env": {"trips": "/pfs/trips/a"}}\n', b'{"env": null}\n'):
                stream, _ = listener.accept()
                with stream, stream.makefile("rb") as lines:
                    heard.append(lines.readline())
                    stream.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        yield directory, heard
        thread.join()


def test_what_is_said_is_a_line_of_json_each_way(answers: tuple[str, list[bytes]]) -> None:
    address, heard = answers
    assert next_datum(address=address) == {"trips": "/pfs/trips/a"}
    assert next_datum("too short", address=address) is None
    assert heard == [b'{"error": null}\n', b'{"error": "too short"}\n']


def test_asking_where_nobody_hands_out_datums_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no datum can be asked for here") as raised:
        next_datum(address=str(tmp_path / "nobody"))
    assert "datum_batching" in raised.value.hint()
