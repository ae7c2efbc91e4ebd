from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from pfsfuse.worker import debris
from pfsfuse.worker.api import Launch
from pfsfuse.worker.debris import GONE, MOST, Debris, Disk, Space, remove_gone
from pfsfuse.worker.removal import remove_tree
from pfsfuse.worker.rooms import Rooms
from tests.pfsfuse.worker.working import run

LAUNCH = Launch(name="test", cmd=("true",), log="log")
ROOMY = Disk(Space(90, 100), Space(90, 100))
FULL = Disk(Space(5, 100), Space(90, 100))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that has room, and forgets nothing before the event is set; nobody is patient."""
    go_on = threading.Event()

    def remove(path: Path) -> None:
        go_on.wait(60)
        remove_tree(path)

    monkeypatch.setattr(debris, "remove_tree", remove)
    monkeypatch.setattr(debris, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(Disk, "look", lambda path: ROOMY)
    yield go_on
    go_on.set()


def gone(scratch: Path) -> int:
    return len(list(scratch.glob(f"{GONE}*")))


async def use_room(rooms: Rooms) -> None:
    async with rooms.open_room(LAUNCH, "1") as room:
        (room.out / "file").touch()


async def until_gone(scratch: Path) -> None:
    while gone(scratch):
        await trio.sleep(0.001)


@pytest.mark.parametrize(
    ("free", "total", "held", "scarce"),
    [
        (90, 100, 0, False),
        (9, 100, 0, True),  # less than a tenth of the disk
        (30, 100, 20, False),
        (30, 100, 60, True),  # not enough for another like it
        (30, 100, -20, False),  # somebody else has removed more meanwhile
        (0, 0, 0, False),  # a file system that counts no inodes
    ],
)
def test_space_is_scarce_when_another_like_the_last_would_not_fit(
    free: int, total: int, held: int, scarce: bool
) -> None:
    assert Space(free, total).is_scarce(held) == scarce


def test_a_disk_without_inodes_is_short_of_space_as_one_without_bytes_is() -> None:
    assert Disk(Space(90, 100), Space(5, 100)).is_scarce()


def test_a_room_is_gone_when_it_is_left(tmp_path: Path) -> None:
    rooms = Rooms(tmp_path / "worker-7")
    run(lambda: use_room(rooms))
    assert (gone(tmp_path), list(rooms.directory.iterdir())) == (0, [rooms.mountpoint])


def test_nobody_waits_for_a_room_that_takes_long_to_remove(tmp_path: Path, slow: threading.Event) -> None:
    rooms = Rooms(tmp_path / "worker-7")

    async def go() -> None:
        await use_room(rooms)
        assert (gone(tmp_path), list(rooms.directory.iterdir())) == (1, [rooms.mountpoint])
        slow.set()
        await until_gone(tmp_path)

    run(go)


def test_no_more_than_so_many_rooms_wait_to_be_removed(tmp_path: Path, slow: threading.Event) -> None:
    rooms = Rooms(tmp_path / "worker-7")

    async def go() -> None:
        for _ in range(MOST):
            await use_room(rooms)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(use_room, rooms)
            while gone(tmp_path) <= MOST:
                await trio.sleep(0.001)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert (gone(tmp_path), len(nursery.child_tasks)) == (MOST + 1, 1)
            slow.set()
        await until_gone(tmp_path)

    run(go)


def test_a_worker_that_is_told_to_end_leaves_the_rest_to_the_next_start(
    tmp_path: Path, slow: threading.Event
) -> None:
    rooms = Rooms(tmp_path / "worker-7")

    async def go() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(MOST + 1):
                nursery.start_soon(use_room, rooms)
            while gone(tmp_path) <= MOST:
                await trio.sleep(0.001)
            nursery.cancel_scope.cancel()

    run(go)
    assert gone(tmp_path) == MOST + 1
    slow.set()
    remove_gone(tmp_path)
    assert gone(tmp_path) == 0


def test_a_room_that_has_filled_the_disk_is_given_back_before_anything_else(
    tmp_path: Path, slow: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = Rooms(tmp_path / "worker-7")

    async def go() -> None:
        async with trio.open_nursery() as nursery:

            async def fill() -> None:
                async with rooms.open_room(LAUNCH, "1") as room:
                    (room.out / "file").touch()
                    monkeypatch.setattr(Disk, "look", lambda path: FULL)

            nursery.start_soon(fill)
            while not gone(tmp_path):
                await trio.sleep(0.001)
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(nursery.child_tasks) == 1
            slow.set()
        assert gone(tmp_path) == 0

    run(go)


def test_on_a_full_disk_a_room_is_made_when_what_others_have_left_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = Rooms(tmp_path / "worker-7")
    (tmp_path / f"{GONE}1" / "below").mkdir(parents=True)
    monkeypatch.setattr(Disk, "look", lambda path: FULL)

    async def go() -> None:
        async with rooms.open_room(LAUNCH, "1"):
            assert gone(tmp_path) == 0

    run(go)


def test_a_room_is_removed_where_it_is_when_it_cannot_be_put_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = Rooms(tmp_path / "worker-7")
    monkeypatch.setattr("pfsfuse.worker.debris.put_aside", lambda path, scratch: None)
    run(lambda: use_room(rooms))
    assert (gone(tmp_path), list(rooms.directory.iterdir())) == (0, [rooms.mountpoint])


def test_the_disk_is_looked_at_where_the_rooms_are(tmp_path: Path) -> None:
    found = Disk.look(tmp_path)
    assert 0 < found.bytes.free <= found.bytes.total


def test_a_debris_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    run(lambda: Debris(tmp_path).remove(tmp_path / "missing"))
