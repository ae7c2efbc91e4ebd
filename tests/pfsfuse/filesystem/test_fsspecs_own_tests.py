"""The suite that fsspec has for every file system, all of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fsspec.tests.abstract as theirs
import pytest

import store
from pfsfuse.filesystem import PfsFileSystem


class OurFixtures(theirs.AbstractFixtures):
    """A repo to play in."""

    @pytest.fixture(scope="class")
    @classmethod
    def fs(cls) -> Iterator[PfsFileSystem]:
        # In memory where there is such a place: the suite makes 2,000 commits, and each waits for the disk.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        with tempfile.TemporaryDirectory(dir=memory) as directory, store.create(directory) as data:
            data.create_repo("trips")
            yield PfsFileSystem(store=directory)
        PfsFileSystem.clear_instance_cache()

    @pytest.fixture
    def fs_join(self) -> object:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def fs_path(self) -> str:
        return "trips@master"

    @pytest.fixture
    def local_path(self, tmp_path: Path) -> str:  # theirs is a py.path
        return str(tmp_path)


class TestCopy(theirs.AbstractCopyTests, OurFixtures):
    pass


class TestGet(theirs.AbstractGetTests, OurFixtures):
    pass


class TestPut(theirs.AbstractPutTests, OurFixtures):
    pass


class TestOpen(theirs.AbstractOpenTests, OurFixtures):
    pass


class TestPipe(theirs.AbstractPipeTests, OurFixtures):
    pass
