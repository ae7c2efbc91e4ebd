"""Every error has a number."""

from __future__ import annotations

import errno
from collections.abc import Iterator

import pytest

import store
from pfsfuse.fuse.errno import TABLE, errno_of


def classes(base: type[Exception]) -> Iterator[type[Exception]]:
    for each in base.__subclasses__():
        yield each
        yield from classes(each)


@pytest.mark.parametrize("each", sorted(classes(store.StoreError), key=str))
def test_every_error_of_the_store_is_in_the_table_or_below_one_that_is(each: type[Exception]) -> None:
    assert any(base in TABLE for base in each.__mro__), f"{each.__name__} would be EIO by accident"
    assert each.__doc__


@pytest.mark.parametrize(
    ("error", "number"),
    [
        (OSError(errno.EROFS, "read-only"), errno.EROFS),
        (FileNotFoundError(errno.ENOENT, "gone"), errno.ENOENT),
        (store.PathNotFound(b"x"), errno.ENOENT),
        (store.NotADirectory(b"x"), errno.ENOTDIR),
        (store.Corrupt("chunk", "torn"), errno.EIO),
        (ZeroDivisionError(), errno.EIO),
        (OSError("without a number"), errno.EIO),
    ],
)
def test_an_error_becomes_the_number_that_programs_understand(error: Exception, number: int) -> None:
    assert errno_of(error) == number
