"""Bringing trees over: each object once, and of a tree in which some are lost, all the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from store.edit import TreeEdit
from store.engine import Environment, ObjectWriter
from store.engine.packing import LARGE
from store.engine.wreck import Wreck
from store.errors import Corrupt
from store.format import node
from store.format.node import Leaf
from store.ids import ObjectId
from store.reach import Reference, Role, below, of_entry
from store.records import Entry
from store.trees import Trees

NAMED = 10_000
"""Lost paths to name for one tree."""


class Carrier:
    """Brings trees of a wreck to a new store. Memory: some 100 bytes an object."""

    def __init__(self, wreck: Wreck, env: Environment, writer: ObjectWriter) -> None:
        self._wreck, self._env, self._writer = wreck, env, writer
        self._trees = Trees(env)
        self._known: dict[bytes, bool] = {}
        """By role and id: whether it was brought over with everything below it."""

    def bring(self, root: Entry) -> bool:
        """Bring over what can be read of the tree; whether that is everything."""
        frames: list[tuple[bytes, Iterator[Reference]]] = [(b"", of_entry(root))]
        good = [True]
        while True:
            mark, references = frames[-1]
            reference = next(references, None)
            if reference is None:
                frames.pop()
                done = good.pop()
                if not frames:
                    return done
                self._known[mark] = done
                good[-1] &= done
                continue
            mark = bytes([reference[1]]) + reference[0]
            known = self._known.get(mark)
            if known is None:
                found = self._bring_one(reference)
                if found is not None:
                    frames.append((mark, iter(found)))
                    good.append(True)
                    continue
                known = self._known[mark] = reference[1] is Role.CHUNK and mark not in self._known
            good[-1] &= known

    def prune(self, root: Entry, lost: Callable[[bytes], None]) -> Entry:
        """The tree without what is lost in it, which `lost` is told path by path; saved in the new store."""
        self._writer.flush()
        with TreeEdit(self._env, self._trees, None) as edit:
            todo = [(root, b"")]
            while todo:
                directory, path = todo.pop()
                if path:
                    edit.mkdir(path, mode=directory.mode & 0o7777, mtime_ns=directory.mtime_ns)
                for entry in self._entries(directory, path, lost):
                    named = path + b"/" + entry.name if path else entry.name
                    if self.bring(entry):
                        edit.graft(named, entry)
                    elif entry.is_dir:
                        todo.append((entry, named))
                    else:
                        lost(named)
            self._writer.flush()
            saved = edit.save()
        return msgspec.structs.replace(saved, mode=root.mode, mtime_ns=root.mtime_ns)

    def _bring_one(self, reference: Reference) -> list[Reference] | None:
        """Bring over one object; what it refers to, or None for a chunk and for what is lost."""
        name, role, level = reference
        mark = bytes([role]) + name
        plain = self._wreck.object(name)
        references: list[Reference] = []
        try:
            if plain is not None and role is not Role.CHUNK:
                references = list(below(plain, role, level))
        except Corrupt:
            plain = None
        if plain is None:
            self._known[mark] = False
            return None
        if role is not Role.CHUNK:
            self._writer.put(plain)
        elif len(plain) < LARGE:
            self._writer.put_file(plain)
        else:
            for _ in self._writer.put_chunks([plain]):
                pass
        return None if role is Role.CHUNK else references

    def _entries(self, directory: Entry, path: bytes, lost: Callable[[bytes], None]) -> Iterator[Entry]:
        """The entries of a directory that can be read; `lost` is told its path when there were others."""
        todo = [] if directory.content is None else [ObjectId(directory.content)]
        while todo:
            plain = self._wreck.object(todo.pop())
            try:
                found = None if plain is None else node.decode(plain)
            except Corrupt:
                found = None
            if found is None:
                lost(path)
            elif isinstance(found, Leaf):
                yield from found.items
            else:
                todo += [ObjectId(child.id) for child in reversed(found.items)]
