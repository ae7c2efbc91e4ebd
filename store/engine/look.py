"""One read transaction, as a context manager.

A class, because with three generators inside each other (the gate, LMDB's errors as ours, the transaction) a look took
7.4 µs instead of 3.3 µs, and a mount looks for each small file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import lmdb

from store.engine.failures import as_ours
from store.engine.txn import Reading


class Look:
    """Begins at the block's beginning and ends with it; LMDB's errors come out of it as ours.

    An OSError of the block is about what is written meanwhile, a pipe or another disk, and comes out as it is: LMDB
    raises none of these once a transaction has begun.
    """

    __slots__ = ("_begin", "_end", "_path", "_reading")

    def __init__(self, path: Path, begin: Callable[[], Reading], end: Callable[[Reading], None]) -> None:
        self._path, self._begin, self._end = path, begin, end

    def __enter__(self) -> Reading:
        try:
            self._reading = self._begin()
        except (lmdb.Error, OSError):
            with as_ours(self._path):
                raise
        return self._reading

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(self._reading)
        if isinstance(error, lmdb.Error):
            with as_ours(self._path):
                raise error
