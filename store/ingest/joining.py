"""From what the walk has found, in its order, to the entry of the directory at the top.        `load.py`"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from store.contents import ListWriter
from store.engine import ObjectWriter
from store.errors import show
from store.ingest.assembly import Assembly
from store.ingest.listing import ROW
from store.ingest.memory import Memory
from store.ingest.readers import take_file
from store.ingest.reading import Failure, Read, Wanted
from store.ingest.steps import Begin, Directory, End, Enter, Leave, Piece, Ready, Tell, Window
from store.records import Entry
from store.trees import Trees


@dataclass(frozen=True, slots=True)
class Skipped:
    """One path of the host that could not be put."""

    path: bytes
    error: Failure

    def __str__(self) -> str:
        why = self.error.strerror if isinstance(self.error, OSError) else None
        return f"{show(self.path)}: {why}" if why else str(self.error)


class Joiner:
    """Carries out the steps of windows; `opened` are the descriptors of directories that are being gone through."""

    def __init__(
        self,
        trees: Trees,
        writer: ObjectWriter,
        memory: Memory | None,
        *,
        fail: Callable[[Skipped], None],
        tell: Tell | None,
        opened: set[int],
    ) -> None:
        self._trees, self._writer, self._memory = trees, writer, memory
        self._fail, self._tell, self._opened = fail, tell, opened
        self._assemblies: list[Assembly] = []
        self._lists = ListWriter(writer.put)
        self.result: Entry | None = None
        """The directory at the top, once it has ended."""

    def take(self, window: Window) -> None:
        """Carry out the steps of one window, once its threads are done."""
        read = iter(window.read.result() if window.read is not None else ())
        for step in window.steps:
            if isinstance(step, Wanted):
                self._read(step, next(read))
            elif isinstance(step, Ready):
                self._push(step.entry, step.entry.size)
            elif isinstance(step, Piece):
                assert window.chunks is not None, "a piece comes with its chunks"
                for chunk, size in self._writer.take(window.chunks.result()):
                    self._lists.push(chunk, size, step.times)
            elif isinstance(step, Enter):
                self._assemblies.append(Assembly(self._trees, self._writer.put, step.directory))
            elif isinstance(step, Leave):
                self._leave(step.directory)
            elif isinstance(step, Begin):
                self._lists = ListWriter(self._writer.put)
            elif isinstance(step, End):
                content, height = self._lists.finish()
                self._push(
                    _file(step.name, step.row.mode, step.row.mtime_ns, self._lists.size, content, height), 0
                )
            else:
                self._leave_out(step.path, step.error)

    def _read(self, wanted: Wanted, found: Read | Failure) -> None:
        if not isinstance(found, Read):
            self._leave_out(wanted.directory + b"/" + wanted.name, found)
            return
        mode, size, mtime_ns, _, _ = ROW.unpack(found.row)
        content, total, height = take_file(self._writer, found.packed)
        assembly = self._assemblies[-1]
        if total != size:
            # /proc and the like: what such files say of themselves is worth nothing.
            assembly.spoil()
        assembly.push(Entry(wanted.name, mode, mtime_ns, total, content, height))
        if self._tell is not None:
            self._tell(1, total)

    def _leave_out(self, path: bytes, error: Failure) -> None:
        self._assemblies[-1].leave_out(path.rpartition(b"/")[2])
        if isinstance(error, OSError):
            error.filename = os.fsdecode(path)
        self._fail(Skipped(path, error))

    def _push(self, entry: Entry, size: int) -> None:
        self._assemblies[-1].push(entry)
        if self._tell is not None:
            self._tell(1, size)

    def _leave(self, directory: Directory) -> None:
        self.close(directory)
        entry, news = self._assemblies.pop().finish()
        if self._tell is not None and directory.kept is not None:
            self._tell(len(directory.rows), sum(ROW.unpack(row)[1] for row in directory.rows))
        if news is not None and self._memory is not None and self._memory.note(directory.key, news):
            self.save()
        if self._assemblies:
            self._assemblies[-1].push(entry)
        else:
            self.result = entry

    def save(self) -> None:
        """Write everything, and then what is remembered of it."""
        self._writer.write_out()
        if self._memory is not None:
            self._memory.save()

    def close(self, directory: Directory) -> None:
        """Nothing of the directory has to be read any more."""
        self._opened.discard(directory.descriptor)
        os.close(directory.descriptor)


def _file(name: bytes, mode: int, mtime_ns: int, size: int, content: bytes | None, height: int) -> Entry:
    return Entry(name, mode, mtime_ns, size, None if content is None else bytes(content), height)
