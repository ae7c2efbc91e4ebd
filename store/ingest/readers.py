"""Who reads small files: threads that do so for a window of them, or whoever asks, where one thread is faster."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from store.contents import ListWriter
from store.engine import ObjectWriter, Packed
from store.ingest.pace import Pace
from store.ingest.reading import Failure, Read, Wanted, read_files

FILES = 256
"""Files that are read in one go, at most."""
EACH = 4 << 10
"""Bytes that a file counts for beside its own: opening it takes as long as reading so many."""
SMALL = 16 << 10
"""Bytes that each file of a window counts for, up to which threads are no help in reading them: each of the four calls
of the kernel for a file lets go of Python's lock and has to wait for it again."""


class Readers:
    """Reads windows of files for one writer."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self._pace = Pace()

    def read(self, wanted: Sequence[Wanted], cost: int) -> Future[list[Read | Failure]]:
        """What each of the files holds, in order; `cost` is their bytes, and EACH for each."""
        chunker, pack = self._writer.chunker, self._writer.pack
        if cost > SMALL * len(wanted) or not self._pace.is_prompt():
            return self._writer.submit(read_files, wanted, chunker, pack)
        done: Future[list[Read | Failure]] = Future()
        with self._pace.watching(len(wanted)):
            done.set_result(read_files(wanted, chunker, pack))
        return done


def take_file(writer: ObjectWriter, packed: Sequence[Packed]) -> tuple[bytes | None, int, int]:
    """Store the chunks of one file: its content, its size in bytes, and the height of its list of chunks."""
    if not packed:
        return None, 0, 0
    if len(packed) == 1:
        content, size = writer.take_one(packed[0])
        return bytes(content), size, 0
    lists = ListWriter(writer.put)
    for chunk, part in writer.take(packed):
        lists.push(chunk, part)
    found, height = lists.finish()
    return None if found is None else bytes(found), lists.size, height
