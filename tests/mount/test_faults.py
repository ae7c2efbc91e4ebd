"""Damage and bugs cost one file or one request, never the mount."""

from __future__ import annotations

import errno
import logging
import os
import stat

import pyfuse3
import pytest
import trio

import store
from pfsfuse.fuse.operations import Operations
from pfsfuse.testing.trees import put_tree
from pfsfuse.vfs import HostView, Vfs
from pfsfuse.vfs.inodes import ROOT
from store import Store


@pytest.fixture
def operations(opened: Store) -> Operations:
    put_tree(opened.create_repo("r"), {"f": os.urandom(300_000), "g": b"g" * 300_000})

    async def make() -> Operations:
        return Operations(Vfs(HostView(opened)))

    return trio.run(make)


def number_of(error: pytest.ExceptionInfo[pyfuse3.FUSEError]) -> int:
    return error.value.errno


def test_a_bug_in_a_handler_is_eio_for_that_request_and_the_log_has_the_traceback(
    operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(pyfuse3.FUSEError) as error:
        trio.run(lambda: operations.lookup(ROOT, None, None))  # type: ignore[arg-type]
    assert number_of(error) == errno.EIO
    (record,) = caplog.records
    assert (record.levelno, record.exc_info is not None) == (logging.ERROR, True)
    assert "lookup(1" in record.getMessage()


def test_a_number_the_kernel_never_had_is_stale(operations: Operations) -> None:
    with pytest.raises(pyfuse3.FUSEError) as error:
        trio.run(lambda: operations.getattr(12345, None))  # type: ignore[arg-type]
    assert number_of(error) == errno.ESTALE


def test_a_damaged_file_is_eio_and_the_log_names_it_while_its_neighbour_is_readable(
    operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    vfs = operations.vfs
    top = vfs.lookup(ROOT, b"r@master.1")
    assert top is not None

    async def read(name: bytes) -> bytes:
        node = vfs.lookup(top.ino, name)
        assert node is not None and stat.S_ISREG(node.mode)
        opened = vfs.open(node.ino, os.O_RDONLY)
        if name == b"f":  # as if the list of chunks named one that is damaged
            plan = vfs.read_plan(opened.fh, 0, 4096)
            assert not isinstance(plan, bytes)
            missing = store.ObjectId(b"\0" * 32)
            vfs.handles.get(opened.fh).node.entry = store.Entry(b"f", node.mode, 0, 300_000, missing)  # type: ignore[union-attr]
        return await operations.read(opened.fh, 0, 100_000)

    with pytest.raises(pyfuse3.FUSEError) as error:
        trio.run(read, b"f")
    assert number_of(error) == errno.EIO
    assert "'/r@master.1/f'" in caplog.text
    assert trio.run(read, b"g") == b"g" * 100_000
