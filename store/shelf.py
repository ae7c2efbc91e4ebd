"""Pins and shelves: what the programs on top of the store keep in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from store.engine import Environment, Writing, presence
from store.errors import Conflict, Exists
from store.format import tables
from store.format.tables import PINS, SHELVES, PinBody
from store.records import Entry, Pin

MAX_KEY = 400
"""Bytes in a key or a pin's name: LMDB allows 511, some of which a shelf's name takes."""


class Shelf:
    """A named durable table of small values. All writes are durable on return; each value is sealed against damage."""

    def __init__(self, env: Environment, name: str) -> None:
        self._env, self._prefix = env, name.encode() + b"\0"

    def get(self, key: bytes) -> bytes | None:
        """The value under `key`, or None. Raises Corrupt."""
        with self._env.read() as reading:
            return reading.get(SHELVES, self._key(key))

    def iter(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Keys that begin with `prefix` and their values, in the order of keys, as of the call. Raises Corrupt."""
        with self._env.read() as reading:
            found = [
                (key[len(self._prefix) :], value)
                for key, value in reading.iter(SHELVES, self._prefix + prefix)
            ]
        return iter(found)

    def last(self, prefix: bytes = b"") -> tuple[bytes, bytes] | None:
        """The last of the keys that begin with `prefix`, and its value; None when there is none. Raises Corrupt."""
        with self._env.read() as reading:
            for key, value in reading.iter(SHELVES, self._prefix + prefix, reverse=True):
                return key[len(self._prefix) :], value
        return None

    def put(self, key: bytes, value: bytes) -> None:
        """Set `key`."""
        self.update({key: value})

    def add(self, key: bytes, value: bytes) -> None:
        """Set `key`, which must not be there. Raises Exists; then nothing has changed."""

        def work(writing: Writing) -> None:
            if writing.get_raw(SHELVES, self._key(key)) is not None:
                raise Exists(self._prefix[:-1].decode(), key.decode("utf-8", "backslashreplace"))
            writing.put(SHELVES, self._key(key), value)

        self._env.write(work)

    def delete(self, key: bytes) -> None:
        """Remove `key`, if it is there."""
        self.update({key: None})

    def update(
        self, values: Mapping[bytes, bytes | None], *, expect: Mapping[bytes, bytes | None] | None = None
    ) -> None:
        """Set (a value) or remove (None) several keys in one transaction.

        Raises Conflict unless each key of `expect` still has that value (None: is not there); then nothing has
        changed.
        """

        check = expecting(self, expect or {})

        def work(writing: Writing) -> None:
            check(writing)
            for key, value in values.items():
                if value is None:
                    writing.delete(SHELVES, self._key(key))
                else:
                    writing.put(SHELVES, self._key(key), value)

        self._env.write(work)

    def _key(self, key: bytes) -> bytes:
        return self._prefix + _checked(key)


def expecting(shelf: Shelf, values: Mapping[bytes, bytes | None]) -> Callable[[Writing], None]:
    """What raises Conflict in a transaction unless each key of `values` has that value (None: is not there)."""

    def check(writing: Writing) -> None:
        for key, value in values.items():
            if writing.get(SHELVES, shelf._key(key)) != value:
                name = key.decode("utf-8", "backslashreplace").replace("\0", " ")
                raise Conflict(f"{name} was changed by another process meanwhile")

    return check


class Pins:
    """Names that keep a tree alive, each with a note for whoever set it."""

    def __init__(self, env: Environment) -> None:
        self._env = env

    def put(self, name: bytes, tree: Entry, note: bytes = b"") -> None:
        """Keep `tree`, which must have been saved, under `name`; a pin of that name is replaced. Durable on return.

        Raises Conflict when part of it was collected meanwhile, because nothing else kept it; then nothing has changed.
        """
        self.put_all({name: (tree, note)})

    def put_all(self, pins: Mapping[bytes, tuple[Entry, bytes]]) -> None:
        """Several pins, each a tree and its note, in one transaction; otherwise as `put`."""
        self._env.write(pinning(pins))
        self._env.leases.settle()

    def put_missing(self, pins: Mapping[bytes, tuple[Entry, bytes]]) -> None:
        """The same for the names that have no pin yet; the others stay as they are."""

        def work(writing: Writing) -> None:
            for name, (tree, note) in pins.items():
                pinning_first(name, tree, note)(writing)

        self._env.write(work)
        self._env.leases.settle()

    def get(self, name: bytes) -> Pin | None:
        """The pin called `name`, or None. Raises Corrupt."""
        with self._env.read() as reading:
            body = reading.get(PINS, _checked(name))
        return None if body is None else _pin(name, body)

    def iter(self, prefix: bytes = b"") -> Iterator[Pin]:
        """The pins whose name begins with `prefix`, in order, as of the call. Raises Corrupt."""
        with self._env.read() as reading:
            found = [_pin(name, body) for name, body in reading.iter(PINS, prefix)]
        return iter(found)

    def delete(self, name: bytes) -> None:
        """Let go of `name`, if it is there."""
        self._env.write(lambda writing: writing.delete(PINS, _checked(name)))


def pinning(pins: Mapping[bytes, tuple[Entry, bytes]]) -> Callable[[Writing], None]:
    """What sets pins, each a tree and its note, in a transaction; raises Conflict as `Pins.put` does."""
    bodies = {_checked(name): tables.encode(PinBody(tree, note)) for name, (tree, note) in pins.items()}

    def work(writing: Writing) -> None:
        for tree, _ in pins.values():
            presence.require(writing, tree)
        for name, body in bodies.items():
            writing.put(PINS, name, body)

    return work


def pinning_first(name: bytes, tree: Entry, note: bytes) -> Callable[[Writing], Pin]:
    """What sets a pin in a transaction unless there is one of that name, and gives the one that is there then."""
    put = pinning({name: (tree, note)})

    def work(writing: Writing) -> Pin:
        there = writing.get(PINS, name)
        if there is not None:
            return _pin(name, there)
        put(writing)
        return Pin(name, tree, note)

    return work


def _checked(key: bytes) -> bytes:
    if not 0 < len(key) <= MAX_KEY:
        raise ValueError(f"a key has 1 to {MAX_KEY} bytes, not {len(key)}")
    return key


def _pin(name: bytes, body: bytes) -> Pin:
    pin = tables.decode(PinBody, body)
    return Pin(name, pin.tree, pin.note)
