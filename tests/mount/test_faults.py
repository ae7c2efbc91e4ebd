"""Damage and bugs cost one file or one request, never the mount."""

from __future__ import annotations

import errno
import logging
import os
import stat

import pytest
import trio

import store
from pfsfuse.fuse.kernel import wire
from pfsfuse.fuse.kernel.wire import Op
from pfsfuse.fuse.operations import Operations
from pfsfuse.testing.kernel import FakeKernel
from pfsfuse.testing.trees import put_tree
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.vfs.inodes import ROOT
from pfsfuse.vfs.nodes import Leaf
from store import Store


@pytest.fixture
def operations(opened: Store) -> Operations:
    put_tree(opened.create_repo("r"), {"f": os.urandom(300_000), "g": b"g" * 300_000})
    return Operations(Vfs(HostView(opened)))


def answer(operations: Operations, op: int, inode: int, body: bytes = b"") -> tuple[int, bytes]:
    """What the kernel is told: errno (0: fine) and bytes."""

    async def ask() -> tuple[int, bytes]:
        kernel = FakeKernel()
        async with kernel.serving(operations):
            return await kernel.ask(op, inode, body)

    return trio.run(ask)


def test_a_bug_in_a_handler_is_eio_for_that_request_and_the_log_has_the_traceback(
    operations: Operations, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(parent: int, name: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(operations.vfs, "lookup", broken)
    assert answer(operations, Op.LOOKUP, ROOT, b"r\0") == (errno.EIO, b"")
    (record,) = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
    assert "lookup(1" in record.getMessage()


def test_a_number_the_kernel_never_had_is_stale(operations: Operations) -> None:
    assert answer(operations, Op.GETATTR, 12345, bytes(16)) == (errno.ESTALE, b"")


def test_a_damaged_file_is_eio_and_the_log_names_it_while_its_neighbour_is_readable(
    operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    vfs = operations.vfs
    top = vfs.lookup(ROOT, b"r@master.1")
    assert top is not None

    def read(name: bytes) -> tuple[int, bytes]:
        node = vfs.lookup(top.ino, name)
        assert node is not None and stat.S_ISREG(node.mode)
        opened = vfs.open(node.ino, os.O_RDONLY)
        if name == b"f":  # as if the list of chunks named one that is damaged
            missing = store.ObjectId(b"\0" * 32)
            damaged = Leaf(bytes(16), top, store.Entry(b"f", node.mode, 0, 300_000, missing))  # type: ignore[arg-type]
            vfs.handles.get(opened.fh).node = damaged  # type: ignore[union-attr]
        return answer(operations, Op.READ, node.ino, wire.READ_IN.pack(opened.fh, 0, 100_000, 0, 0, 0, 0))

    assert read(b"f") == (errno.EIO, b"")
    assert "'/r@master.1/f'" in caplog.text
    assert read(b"g") == (0, b"g" * 100_000)
