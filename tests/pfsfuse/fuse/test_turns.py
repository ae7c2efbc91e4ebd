"""What takes long to be done to one file keeps nobody waiting but those who ask for that file, and these in order."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from struct import pack

import pytest
import trio
import trio.testing

import store
from pfsfuse.fuse.kernel import wire
from pfsfuse.fuse.kernel.wire import Op
from pfsfuse.fuse.operations import Operations
from pfsfuse.fuse.staging import Stager
from pfsfuse.testing.kernel import FakeKernel
from pfsfuse.testing.worktrees import opened_tree
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.worktree import scratch
from pfsfuse.worktree.files import Files
from pfsfuse.worktree.model import File
from pfsfuse.worktree.room import KEEP_SIZE, PUNCH_HOLE
from pfsfuse.worktree.scratch import STEP

LARGE = bytes(range(1, 256)) * 40_000
"""Two steps and a bit."""
MORE = len(LARGE) + 5000
START = 100_000
"""Bytes that are read at a time: of the first step."""


class Unasked:
    """A kernel that shows nothing of this."""

    async def refresh(self) -> None:
        pass


class Held:
    """Stops the second step of what takes long until it is let go on, or made to fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._entered, self._go = threading.Event(), threading.Event()
        self._error: OSError | None = None
        self._write = scratch._write_all
        monkeypatch.setattr(scratch, "_write_all", self._held)

    def _held(self, descriptor: int, offset: int, data: bytes | memoryview) -> int:
        if len(data) == STEP and offset >= STEP:
            self._entered.set()
            assert self._go.wait(60)
            if self._error is not None:
                raise self._error
        return self._write(descriptor, offset, data)

    async def reached(self) -> None:
        assert await trio.to_thread.run_sync(self._entered.wait, 60)

    def go_on(self, error: OSError | None = None) -> None:
        self._error = error
        self._go.set()


class Mount:
    """A mount without a kernel, of a branch with a large file and another one, both open."""

    def __init__(self, data: store.Store) -> None:
        self.vfs = Vfs(HostView(data, writable=True))
        branch = self._node(1, b"trips")
        self.branch = branch
        self.large, self.other = self._node(branch, b"large"), self._node(branch, b"other")
        self.large_fh = self.vfs.open(self.large, os.O_RDWR).fh
        self.other_fh = self.vfs.open(self.other, os.O_RDWR).fh

    def _node(self, parent: int, name: bytes) -> int:
        node = self.vfs.lookup(parent, name)
        assert node is not None
        return node.ino

    def talk(self, talk: Callable[[FakeKernel], Awaitable[None]]) -> None:
        async def run() -> None:
            kernel = FakeKernel()
            with trio.fail_after(60):
                async with kernel.serving(Operations(self.vfs)):
                    await talk(kernel)

        trio.run(run)


@pytest.fixture
def data(tmp_path: Path) -> Iterator[store.Store]:
    with store.create(tmp_path / "store") as made:
        with made.create_repo("trips").edit() as edit:
            edit.write("large", LARGE)
            edit.write("other", b"other")
        yield made


@pytest.fixture
def mount(data: store.Store) -> Iterator[Mount]:
    made = Mount(data)
    yield made
    made.vfs.view.close()


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    return Held(monkeypatch)


def fallocate(fh: int, length: int, mode: int = 0) -> bytes:
    return pack("=QQQII", fh, 0, length, mode, 0)


def write(fh: int, data: bytes, offset: int = 100) -> bytes:
    return pack("=QQIIQII", fh, offset, len(data), 0, 0, 0, 0) + data


def cut(size: int) -> bytes:
    return pack("=IIQQQQQQIIIIIIII", wire.SET_SIZE, 0, 0, size, *[0] * 12)


def read(fh: int) -> bytes:
    return pack("=QQIIQII", fh, 0, START, 0, 0, 0, 0)


def content(data: store.Store) -> bytes:
    """What the next mount shows in the large file."""
    tree = opened_tree(data)
    try:
        file = tree.take(tree.model.root, b"large")
        assert isinstance(file, File)
        with tree.opened(file) as opened:
            return opened.read(0, 2 * MORE)
    finally:
        tree.close()


@pytest.mark.parametrize(
    "asked", ["room", "zeros", "a write where all is copied", "a size where all is copied"]
)
def test_other_files_are_served_while_one_is_copied_and_what_is_asked_of_that_one_is_done_afterwards_in_order(
    data: store.Store, mount: Mount, held: Held, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    monkeypatch.setattr(Files, "show_through", "copied" not in asked)
    first, expected = {
        "room": ((Op.FALLOCATE, fallocate(mount.large_fh, MORE)), LARGE + bytes(5000)),
        "zeros": (
            (Op.FALLOCATE, fallocate(mount.large_fh, MORE, PUNCH_HOLE | KEEP_SIZE)),
            bytes(len(LARGE)),
        ),
        "a write where all is copied": ((Op.WRITE, write(mount.large_fh, b"0")), LARGE),
        "a size where all is copied": ((Op.SETATTR, cut(MORE)), LARGE + bytes(5000)),
    }[asked]

    async def talk(kernel: FakeKernel) -> None:
        waiting = {kernel.send_nowait(first[0], mount.large, first[1])}
        await held.reached()
        for text in (b"1", b"22", b"3"):
            waiting.add(kernel.send_nowait(Op.WRITE, mount.large, write(mount.large_fh, text)))
        assert await kernel.ask(Op.WRITE, mount.other, write(mount.other_fh, b"x")) == (
            0,
            wire.SIZE.pack(1, 0),
        )
        made = pack("=IIII", os.O_RDWR, 0o644, 0, 0) + b"new\0"
        assert (await kernel.ask(Op.CREATE, mount.branch, made))[0] == 0
        assert (await kernel.ask(Op.GETATTR, mount.large, bytes(16)))[0] == 0
        if asked != "zeros":
            assert await kernel.ask(Op.READ, mount.large, read(mount.large_fh)) == (0, LARGE[:START])
        held.go_on()
        answers = [await kernel.receive() for _ in waiting]
        assert {(unique, number) for unique, number, _ in answers} == {(unique, 0) for unique in waiting}

    mount.talk(talk)
    mount.vfs.view.close()
    assert content(data) == expected[:100] + b"32" + expected[102:]


def test_a_disk_that_is_full_in_the_middle_refuses_that_request_alone_and_hides_nothing(
    data: store.Store, mount: Mount, held: Held
) -> None:
    async def talk(kernel: FakeKernel) -> None:
        refused = kernel.send_nowait(Op.FALLOCATE, mount.large, fallocate(mount.large_fh, MORE))
        await held.reached()
        written = kernel.send_nowait(Op.WRITE, mount.large, write(mount.large_fh, b"x"))
        held.go_on(OSError(errno.ENOSPC, "no"))
        answers = {unique: number for unique, number, _ in [await kernel.receive() for _ in range(2)]}
        assert answers == {refused: errno.ENOSPC, written: 0}
        handle = mount.vfs.handles.get(mount.large_fh)
        assert handle.scratch.changed() == [(0, 4096)]  # what was copied has given its room back
        right = LARGE[:100] + b"x" + LARGE[101:START]
        assert await kernel.ask(Op.READ, mount.large, read(mount.large_fh)) == (0, right)

    mount.talk(talk)
    mount.vfs.view.close()
    assert content(data) == LARGE[:100] + b"x" + LARGE[101:]


def test_who_reads_what_was_copied_while_that_is_given_up_reads_what_the_store_has(
    data: store.Store, mount: Mount, held: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, given_up, exactly = threading.Event(), threading.Event(), scratch._exactly

    def late(descriptor: int, offset: int, size: int) -> bytes:
        reading.set()
        assert given_up.wait(60)
        return exactly(descriptor, offset, size)

    async def talk(kernel: FakeKernel) -> None:
        refused = kernel.send_nowait(Op.FALLOCATE, mount.large, fallocate(mount.large_fh, MORE))
        await held.reached()
        monkeypatch.setattr(scratch, "_exactly", late)
        read_at = kernel.send_nowait(Op.READ, mount.large, read(mount.large_fh))
        assert await trio.to_thread.run_sync(reading.wait, 60)
        held.go_on(OSError(errno.ENOSPC, "no"))
        assert (await kernel.receive())[:2] == (refused, errno.ENOSPC)
        given_up.set()
        assert await kernel.receive() == (read_at, 0, LARGE[:START])

    mount.talk(talk)


def test_what_was_begun_on_a_file_is_finished_before_its_branch_is_staged(
    data: store.Store, mount: Mount, held: Held
) -> None:
    async def talk(kernel: FakeKernel) -> None:
        async with trio.open_nursery() as nursery:
            kernel.send_nowait(Op.WRITE, mount.other, write(mount.other_fh, b"x", 0))
            await kernel.receive()
            sent = kernel.send_nowait(Op.FALLOCATE, mount.large, fallocate(mount.large_fh, MORE))
            await held.reached()
            nursery.start_soon(Stager(mount.vfs, Unasked()).stage)
            await trio.testing.wait_all_tasks_blocked()
            assert data.repo("trips").find_draft() is None
            held.go_on()
            assert (await kernel.receive())[:2] == (sent, 0)

    mount.talk(talk)
    draft = data.repo("trips").find_draft()
    assert draft is not None
    assert (draft.read("other"), draft.read("large")) == (b"xther", LARGE + bytes(5000))


def test_a_mount_that_ends_meanwhile_finishes_that_file_first_and_does_nothing_of_what_waited(
    data: store.Store, mount: Mount, held: Held
) -> None:
    async def talk(kernel: FakeKernel) -> None:
        kernel.send_nowait(Op.FALLOCATE, mount.large, fallocate(mount.large_fh, MORE))
        await held.reached()
        kernel.send_nowait(Op.WRITE, mount.large, write(mount.large_fh, b"x"))
        assert (await kernel.ask(Op.GETATTR, mount.other, bytes(16)))[0] == 0
        trio.lowlevel.current_trio_token().run_sync_soon(held.go_on)

    mount.talk(talk)
    mount.vfs.view.close()
    assert content(data) == LARGE + bytes(5000)
