"""What every method stands on: the open store, the addresses, and the changes that are being collected."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import fsspec
from fsspec.spec import make_instance
from fsspec.utils import stringify_path

import store as storage
from pfsfuse import config
from pfsfuse.control import client
from pfsfuse.filesystem import address
from pfsfuse.filesystem.address import PROTOCOL, Address
from pfsfuse.filesystem.changes import Changes
from pfsfuse.filesystem.errors import translated
from pfsfuse.filesystem.place import Place, look
from pfsfuse.filesystem.transaction import PfsTransaction

T = TypeVar("T")
ATTEMPTS = 100
"""How often an operation is worked out again because somebody else moved the branch."""


class Base(fsspec.AbstractFileSystem):
    """A file system without files."""

    protocol = PROTOCOL
    root_marker = ""
    transaction_type = PfsTransaction  # type: ignore[assignment]  # fsspec says: exactly its own

    def __init__(
        self, store: str | os.PathLike[str] | None = None, author: str | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self._directory = None if store is None else Path(os.path.abspath(os.path.expanduser(store)))
        self.author = author
        self._opened: tuple[Path, os.stat_result, Any] | None = None
        self._mine = threading.local()

    # the store

    @property
    def store_path(self) -> Path:
        """The store's directory."""
        return config.load(os.environ).store if self._directory is None else self._directory

    @property
    def data(self) -> storage.Store:
        """The open store, opened at the first use. Raises FileNotFoundError, PermissionError."""
        path = self.store_path
        with translated(path):
            try:
                there = os.stat(path / "data.mdb")
            except OSError:
                return storage.open(path)  # which says what is wrong
            if self._opened is not None:
                held, then, opened = self._opened
                if (held, then.st_dev, then.st_ino) == (path, there.st_dev, there.st_ino):
                    return cast(storage.Store, opened)
            found = storage.open(path)
            self._opened = path, there, found
            return found

    @property
    def fsid(self) -> str:
        return f"{PROTOCOL}:{self.store_path}"

    def __reduce__(self) -> tuple[Any, ...]:
        options = {**self.storage_options, "store": os.fspath(self.store_path), "author": self.author}
        return make_instance, (type(self), (), options)

    def tell_daemons(self) -> None:
        """Have mounts show what was committed, before this returns."""
        client.refresh(self.store_path)

    # addresses

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return address.strip(stringify_path(path))

    @staticmethod
    def _get_kwargs_from_urls(path: str) -> dict[str, Any]:
        """Nothing: `trips@` is a repo, not a user."""
        return {}

    # changes

    def changes(self, *, is_transaction: bool) -> Changes:
        """Changes to collect and to commit. Raises FileNotFoundError when there is no store."""
        return Changes(self.data, author=self.author, is_transaction=is_transaction)

    def _current(self) -> Changes | None:
        """What changes are collected in now: the transaction's, or those of this thread's operation."""
        if self._intrans and self._transaction is not None:
            return cast("Changes | None", self._transaction.changes)
        return cast("Changes | None", getattr(self._mine, "changes", None))

    def start_transaction(self) -> Any:
        """Begin a transaction that `end_transaction` ends: for programs that cannot use `with fs.transaction`."""
        found = super().start_transaction()
        found.start()
        return found

    def _change(self, path: object, work: Callable[[Changes], T]) -> T:
        """Do `work` as part of the current changes, or else as commits of its own. Nothing changes when it raises."""
        with translated(path):
            current = self._current()
            if current is not None:
                with current.lock:
                    return work(current)
            for attempt in range(ATTEMPTS):
                with self._collected() as changes:
                    result = work(changes)
                    try:
                        made = changes.commit()
                    except storage.HeadMoved:
                        if attempt == ATTEMPTS - 1:
                            raise
                        continue
                if made:
                    self.tell_daemons()
                return result
        raise AssertionError("the loop returns or raises")

    @contextmanager
    def _collected(self) -> Iterator[Changes]:
        changes = self._mine.changes = self.changes(is_transaction=False)
        try:
            yield changes
        finally:
            self._mine.changes = None
            changes.end()

    def _place(self, at: Address) -> Place:
        current = self._current()
        return look(self.data, at) if current is None else current.place(at)

    def _find(self, at: Address) -> storage.Entry | None:
        """What is at `at`, or None; a directory perhaps without its totals. Raises NotADirectoryError."""
        current = self._current()
        if current is not None:
            return current.find(at)
        found = look(self.data, at).find()
        return None if found is None else found.entry
