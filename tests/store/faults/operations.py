"""Runs one operation of a store again and again, each time with the next of its calls failing.

    LD_PRELOAD=shim.so python operations.py DIRECTORY OPERATION ERRNO

Prints one line: how many calls were made to fail, and the errors that came of it. Ends with an exception as soon as
anything that was acknowledged is missing, the store is not sound, or the operation does not work when it is repeated.
"""

from __future__ import annotations

import ctypes
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import store
from store.ids import digest
from store.testing.invariants import assert_sound

shim = ctypes.CDLL(None)
shim.fault_arm.argtypes = (ctypes.c_long, ctypes.c_int)
shim.fault_calls.restype = ctypes.c_long


def noise(seed: int, size: int) -> bytes:
    return b"".join(digest(b"%d %d" % (seed, part)) for part in range(size // 32))


def put(data: store.Store, number: int) -> None:
    with data.repo("trips").edit(message=str(number)) as edit:
        edit.write(f"{number}/small", noise(number, 3_000))
        edit.write(f"{number}/large", noise(number, 400_000))


def merge(data: store.Store, number: int) -> None:
    trips = data.repo("trips")
    if trips.find_branch(f"b{number}") is None:
        trips.create_branch(f"b{number}", trips.commit("master.1"))
    if trips.commit(f"b{number}").depth == 1:
        with trips.edit(f"b{number}") as edit:
            edit.write(f"b{number}", noise(number, 50_000))
    trips.merge("master", trips.commit(f"b{number}"))


def collect(data: store.Store, number: int) -> None:
    if data.find_repo("brief") is None:
        data.create_repo("brief")
    with data.repo("brief").edit() as edit:
        edit.write(f"{number}", noise(number, 200_000))
    data.delete_repo("brief")
    data.sweep(data.plan_gc(), patience_seconds=0)


def shelve(data: store.Store, number: int) -> None:
    data.shelf("notes").put(b"%d" % number, noise(number, 320))


def give_space_back(data: store.Store, number: int) -> None:
    collect(data, number)
    data.compact()


OPERATIONS: dict[str, Callable[[store.Store, int], None]] = {
    "put": put,
    "merge": merge,
    "collect": collect,
    "shelve": shelve,
    "compact": give_space_back,
}


def main(directory: Path, name: str, error: int) -> None:
    errors: Counter[str] = Counter()
    at = 0
    path = directory / "s"
    if name in ("create", "open"):
        at = openings(path, name, error, errors)
    else:
        store.create(path).close()
        with store.open(path) as data:
            data.create_repo("trips")
            put(data, 0)
        while True:
            at += 1
            # Every other time the store has just been opened, so that the first write of a process is met as well.
            with store.open(path) as data:
                if at % 2:
                    shelve(data, 0)
                if not fails_once(data, OPERATIONS[name], at, error, errors):
                    break
    print(at - 1, *(f"{kind}={count}" for kind, count in sorted(errors.items())))


def fails_once(
    data: store.Store,
    operation: Callable[[store.Store, int], None],
    at: int,
    error: int,
    errors: Counter[str],
) -> bool:
    before = acknowledged(data)
    shim.fault_arm(at, error)
    try:
        operation(data, at)
        errors["nothing"] += 1  # it was not the last word: half a write is completed by another
    except store.StoreError as raised:
        errors[type(raised).__name__] += 1
    met = shim.fault_calls() >= at
    shim.fault_arm(0, 0)
    if met:
        assert before <= acknowledged(data), "something that was acknowledged is gone"
        assert_sound(data)
        operation(data, at + 100_000)  # life goes on in this process
        assert_sound(data)
    else:
        errors["nothing"] -= 1
    return met


def acknowledged(data: store.Store) -> set[bytes]:
    """Everything that must stay: the commits of `trips`, whole, and the notes."""
    commits = {
        commit.id + b"".join(commit.read(path) for path, entry in commit.walk() if entry.is_file)[:1000]
        for commit in data.repo("trips").log()
    }
    return commits | {key + value for key, value in data.shelf("notes").iter()}


def openings(path: Path, name: str, error: int, errors: Counter[str]) -> int:
    at = 0
    while True:
        at += 1
        shutil.rmtree(path, ignore_errors=True)
        if name == "open":
            store.create(path).close()
            (path / "lock.mdb").unlink()
        shim.fault_arm(at, error)
        try:
            opened = store.open(path) if name == "open" else store.create(path)
            opened.create_repo("trips")
            opened.close()
        except store.StoreError as raised:
            errors[type(raised).__name__] += 1
        met = shim.fault_calls() >= at
        shim.fault_arm(0, 0)
        if not met:
            return at
        with store.open_or_create(path) as data:
            if data.find_repo("trips") is None:
                data.create_repo("trips")
            put(data, at)
            assert_sound(data)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
