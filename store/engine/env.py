"""The LMDB environment: opening it, and the transactions (`txn.py`) whose errors are ours (`failures.py`).

Multi-process by nature: readers never wait, one writer at a time holds LMDB's own lock. Opening is reading: LMDB opens
tables for writing only under that lock, so an environment is opened for reading first, and again at its first
transaction that writes, which has to wait for the lock anyway. Sync is always on: a transaction that returned has
reached the disk. The map is large and sparse from the start and doubles when it fills; another process's larger map is
adopted. Every transaction passes a gate (`gate.py`), which is shut for both. A thread has one transaction at a time: a
second one could wait at the gate for ever, for the first to end.

How a process shares its environments, and what a fork does to them, is in `sharing.py`. Only processes of one PID
namespace may share a store (LMDB's table of readers holds process numbers).
"""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from store.engine import glance, tail
from store.engine.access import Access
from store.engine.failures import MAX_READERS, as_ours
from store.engine.gate import Gate
from store.engine.index import Index
from store.engine.lease import Lease, Leases
from store.engine.lockfile import reserve
from store.engine.look import Look
from store.engine.pagefile import PageFile
from store.engine.residence import Residence
from store.engine.txn import TABLES, Reading, Seen, Writing
from store.errors import InUse, NotAStore, NotWritable, StoreError

MAP_SIZE = 1 << 40
"""Bytes of address space to begin with: sparse, so it costs nothing until data comes."""
SMALLEST_MAP = 1 << 30
LOCK_SIZE = (MAX_READERS + 64) * 64
"""Bytes of LMDB's lock file: a line of cache for each reader, and some for what stands before them."""
MAX_SEEN = 1 << 20
"""Objects to remember as present: about 130 MB, once a sweep has come and a million objects were referred to."""

T = TypeVar("T")


class Environment:
    """An open store directory."""

    def __init__(self, path: Path, *, create: bool = False, map_size: int = MAP_SIZE) -> None:
        """Open the LMDB files in `path`. Raises NotAStore, NotWritable, Full or Corrupt; then nothing is open."""
        self.path = path
        self._gate = Gate()
        self._is_broken_copy = False
        self._map_size = map_size
        data = (path / "data.mdb").resolve()
        self.residence, self.access, self.index = Residence(data), Access(data), Index(data)
        self.leases = Leases(path)
        with as_ours(self.path):
            # Before anything is read: what a sweep drops from now on may be in this process' hands.
            self._sweeps_at_opening = self._sweeps = self.leases.sweeps()
            self._seen: set[bytes] = set()
            if create:
                glance.remove_stump(path / "data.mdb")
            reserve(path / "lock.mdb", LOCK_SIZE)
            self._open_files(writable=create, create=create)

    def _open_files(self, *, writable: bool, create: bool = False) -> None:
        """Open LMDB's environment and our tables in it. When anything is raised, nothing is open."""
        if not writable and not os.stat(self.path / "data.mdb").st_size:
            raise NotAStore(self.path, "data.mdb is empty")  # LMDB would want to write to it
        self._env = self._map(writable, create, self._map_size)
        self.access.close()
        try:
            self._env.reader_check()
            with PageFile(self.path / "data.mdb") as file, self._env.begin() as txn:
                glance.check(file, txn)
            self._handles = self._tables(writable, create)
        except BaseException:
            self._env.close()
            raise
        self._is_writable = writable
        status = os.stat(self.path / "data.mdb")
        self.file = status.st_dev, status.st_ino
        """Which file the data are in, by whatever path it was opened."""

    def _map(self, writable: bool, create: bool, size: int) -> Any:
        """LMDB's environment, with the largest map that the address space allows (`ulimit -v`)."""
        while True:
            try:
                return lmdb.open(
                    os.fspath(self.path),
                    map_size=size,
                    max_dbs=len(TABLES) + 16,
                    max_readers=MAX_READERS,
                    # None to keep for later: a line in the table of readers that outlives its transaction would be
                    # the parent's and the child's after a fork. A transaction costs 0.8 us instead of 0.6.
                    max_spare_txns=0,
                    readonly=not writable,
                    create=create,
                    mode=0o600,
                    readahead=True,
                )
            except (lmdb.MemoryError, MemoryError):
                if size <= SMALLEST_MAP:
                    raise
                size //= 2

    def _tables(self, writable: bool, create: bool) -> dict[bytes, Any]:
        try:
            if not writable:
                return {name: self._env.open_db(name, create=False) for name in TABLES}
            # In a write transaction: py-lmdb forgets handles that were opened in a reading one, unless the whole
            # environment is for reading. It writes nothing when the tables exist.
            with self._env.begin(write=True) as txn:
                # An empty database is ours to fill, also when a process died right after it had made the files.
                # Any other is a store already, or somebody else's.
                fill = create and txn.stat()["entries"] == 0
                return {name: self._env.open_db(name, txn=txn, create=fill) for name in TABLES}
        except lmdb.NotFoundError:
            raise NotAStore(self.path, "its database lacks our tables") from None

    def _become_writable(self) -> None:
        """Open the files again, for writing. Waits until this process has no transaction open and no other one writes;
        readers of this process wait as well, this once.
        """
        if self._is_writable and self._gate.first is None:
            return
        with self._gate.shut():
            self._gate.prepare()
            if not self._is_writable:
                self._map_size = int(self._env.info()["map_size"])
                self._env.close()
                try:
                    self._open_files(writable=True)
                except BaseException:
                    self._open_files(writable=False)
                    raise

    def close(self) -> None:
        """End the use of the store by this object; open transactions must have ended."""
        self.leases.close()
        self.access.close()
        if not self._is_broken_copy:
            self._env.close()

    def hold_for_fork(self, patience_seconds: float) -> None:
        """Keep transactions from beginning, and wait until none is open, at most `patience_seconds`."""
        self._gate.hold(patience_seconds)

    def go_on_after_fork(self) -> None:
        """In the parent: let them begin again."""
        self._gate.go_on()

    def become_copy(self) -> None:
        """In the child: close what was copied; the next transaction opens the files again."""
        is_calm = self._gate.is_calm
        self._gate = Gate(self._open_copied)
        self.leases.forget()
        if is_calm:
            self._env.close()
        else:
            # Closing it now would end the parent's transactions. It may not be closed by Python either, at the end.
            self._is_broken_copy = True
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._env))

    def lease(self) -> Lease:
        """A lease on objects that nothing refers to yet. Raises Full, NotWritable."""
        with as_ours(self.path):
            return self.leases.take()

    def last_txnid(self) -> int:
        """The number of the last write transaction that a reader sees now.

        Taken from a read transaction: LMDB's own figure runs up to 13 ms ahead of what reads show, so whoever looked in
        between would see the old state, take it for the new one, and wait for a change that has been.
        """
        with self.read() as reading:
            return reading.number

    def dump(self, descriptor: int) -> None:
        """Write the last state's pages in use to a file or pipe, as a database. They are not used again meanwhile."""
        self.access.in_order()
        with as_ours(self.path), self._gate.passing():
            self._env.copyfd(descriptor, compact=True)

    def reader_txnids(self) -> list[int]:
        """The states that readers of all processes look at. One that begins meanwhile looks at the last."""
        found = (line.split()[2:3] for line in self._env.readers().splitlines()[1:])
        return [int(number) for [number] in found if number.isdigit()]

    def read(self) -> AbstractContextManager[Reading]:
        """A read transaction; short, because pages it can see are not reused."""
        return Look(self.path, self._begin_reading, self._end_reading)

    def _begin_reading(self) -> Reading:
        self._gate.enter()
        try:
            return Reading(self._begin(write=False), self._handles)
        except BaseException:
            self._gate.leave()
            raise

    def _end_reading(self, reading: Reading) -> None:
        reading.end()
        self._gate.leave()

    def write(self, work: Callable[[Writing], T]) -> T:
        """Run `work` in a write transaction and commit it: durable on return, no trace of it when anything is raised.

        `work` may run more than once (when the map had to grow) and must do nothing but read and write the tables. What
        a transaction that fails has put behind the end of the file is given back.
        """
        with as_ours(self.path):
            self._become_writable()
        self.access.in_order()
        data = self.path / "data.mdb"
        while True:
            size: int | None = None
            try:
                with as_ours(self.path), self._gate.passing():
                    txn = self._begin(write=True)
                    try:
                        size = os.stat(data).st_size
                        seen = self._seen_since_the_last_sweep()
                        writing = Writing(txn, self._handles, seen)
                        result = work(writing)
                        writing.settle()
                        txn.commit()
                        self._seen.update(seen.fresh if seen is not None else ())
                        return result
                    except BaseException:
                        txn.abort()
                        raise
            except lmdb.MapFullError:
                self._resize(int(self._env.info()["map_size"]) * 2)
            except BaseException:  # after `as_ours`, which looks at how full the disk is
                if size is not None:
                    self._give_back(data, size)
                raise

    def _give_back(self, data: Path, size: int) -> None:
        """Shorten the file, when it has grown, to its pages and to `size` bytes, if that can be done: what counts is
        the failure before.
        """
        with suppress(lmdb.Error, OSError, StoreError), self._gate.passing():
            if os.stat(data).st_size <= size:
                return
            txn = self._env.begin(write=True)
            try:
                tail.cut(data, size)
            finally:
                txn.abort()

    def _seen_since_the_last_sweep(self) -> Seen | None:
        """To be called by the one thread that writes."""
        sweeps = self.leases.sweeps()
        if sweeps == self._sweeps_at_opening:
            return None
        if sweeps != self._sweeps or len(self._seen) > MAX_SEEN:
            self._seen, self._sweeps = set(), sweeps
        return Seen(self._seen)

    def _begin(self, *, write: bool) -> Any:
        while True:
            try:
                return self._env.begin(write=write, buffers=True)
            except lmdb.ReadersFullError:
                if not self._env.reader_check():  # places of processes that died
                    raise
            except lmdb.MapResizedError:
                with self._gate.outside():  # another process has grown the map
                    self._resize(0)
            except lmdb.PanicError:
                with self._gate.outside():
                    self._start_anew(writable=write)

    def _start_anew(self, *, writable: bool) -> None:
        """Close an environment that LMDB has given up, as it does when a meta page could not be written. In the file is
        the last state that was written whole; the next transaction opens it.
        """
        with self._gate.shut():
            try:
                self._env.begin().abort()
            except lmdb.PanicError:
                self._env.close()
                self._gate.first = self._open_copied
        if writable:
            self._become_writable()

    def _resize(self, size: int) -> None:
        """Make the map `size` bytes (0: what the file says), once no transaction of this process is open."""
        with self._gate.shut():
            self._check_room(size)
            self._env.set_mapsize(size)
            self.access.close()

    def _check_room(self, size: int) -> None:
        """Raise NotWritable when the address space has no room for a map of `size` bytes (`ulimit -v`).

        LMDB lets go of the old map before it tries: after a failure the next access would end the process.
        """
        try:
            # Neither readable nor writable: it takes address space and nothing else.
            mmap.mmap(-1, size or mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
        except OSError:
            why = f"its map cannot grow to {size >> 20} MiB in this address space; see `ulimit -v`"
            raise NotWritable(self.path, why) from None

    def _open_copied(self) -> None:
        if self._is_broken_copy:
            raise InUse(f"{self.path} was in the midst of a transaction when this process was forked")
        with as_ours(self.path):
            self._open_files(writable=False)
