"""Every call that changes something is refused, for root too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import store
from pfsfuse.testing.mounted import Mounted, mounted
from pfsfuse.testing.posix import CHANGES, lay_out, outcome, tree

pytestmark = pytest.mark.usefixtures("fuse")

Call = Callable[[Path], object]
CALLS = pytest.mark.parametrize("call", CHANGES.values(), ids=CHANGES.keys())

NOT_ASKED = {
    "open O_TMPFILE": "ENOTSUP",
    "ioctl FS_IOC_SETFLAGS": "ENOTTY",
    "access W_OK of a file": "",
    "access W_OK of a directory": "",
}
"""What the kernel answers by itself when the mount does not have the read-only flag: as on any file system that has no
such call. Nothing changes by it."""


@pytest.fixture(scope="module")
def flagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    yield from _mount(tmp_path_factory.mktemp("flagged"))


@pytest.fixture(scope="module")
def unflagged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    yield from _mount(tmp_path_factory.mktemp("unflagged"), "--unflagged")


def _mount(directory: Path, *options: str) -> Iterator[Mounted]:
    plain = directory / "plain"
    plain.mkdir()
    lay_out(plain)
    with store.create(directory / "store") as opened, opened.create_repo("r").edit() as edit:
        edit.put_directory(plain, "")
    with mounted(directory / "store", directory / "pfs", *options) as mount:
        yield mount


def test_there_are_enough_calls_to_mean_something() -> None:
    assert len(CHANGES) >= 44


@CALLS
def test_the_call_is_a_valid_one_on_a_plain_directory(call: Call, tmp_path: Path) -> None:
    lay_out(tmp_path)
    result = outcome(call, tmp_path)
    if result in {"ENOTSUP", "ENOTTY"}:
        pytest.skip("the file system of the temporary directory has no such call")
    assert result == ""


@CALLS
@pytest.mark.parametrize("where", ["r", "r@master.1"])
def test_the_mount_refuses_it(call: Call, where: str, flagged: Mounted) -> None:
    assert outcome(call, flagged.path / where) == "EROFS"


@pytest.mark.parametrize("name", CHANGES)
def test_we_refuse_it_ourselves_when_the_kernel_would_let_it_pass(name: str, unflagged: Mounted) -> None:
    assert outcome(CHANGES[name], unflagged.path / "r@master.1") == NOT_ASKED.get(name, "EROFS")


def test_nothing_has_changed_by_all_that(flagged: Mounted, unflagged: Mounted) -> None:
    for mount in (flagged, unflagged):
        plain = tree(mount.path.parent / "plain")
        assert tree(mount.path / "r") == tree(mount.path / "r@master.1") == plain


def test_extended_attributes_are_asked_for_once_and_then_no_more(flagged: Mounted) -> None:
    assert outcome(lambda d: os.listxattr(d / "file"), flagged.path / "r") == "ENOTSUP"
    before = flagged.requests()["listxattr"]
    assert outcome(lambda d: os.listxattr(d / "file"), flagged.path / "r") == "ENOTSUP"
    assert flagged.requests()["listxattr"] == before


def test_syncing_what_cannot_be_changed_is_no_error(flagged: Mounted, unflagged: Mounted) -> None:
    for mount in (flagged, unflagged):
        for name in ("file", ""):
            descriptor = os.open(mount.path / "r" / name, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
