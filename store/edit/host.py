"""What an edit takes from the host: whole directories, and many files of one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from store.engine import ObjectWriter
from store.ingest import Loader, Memory, Skipped, Tell, gather
from store.records import Entry, HostFile
from store.trees import Trees


class Host:
    """The host as one edit sees it, which writes with `writer` into the store at `directory`."""

    def __init__(self, trees: Trees, writer: ObjectWriter, directory: Path) -> None:
        self._trees, self._writer, self._directory = trees, writer, directory
        self._memory: Memory | None = None
        """Of directories that were put, once one is."""

    def loader(
        self,
        *,
        tell: Tell | None,
        skip: Callable[[bytes], bool] | None,
        skipped: list[Skipped] | None,
        checksum: bool,
        passing: bool,
    ) -> Loader:
        """What loads a directory. What cannot be put is added to `skipped`; without such a list it is raised."""

        def fail(what: Skipped) -> None:
            if skipped is None:
                raise what.error
            skipped.append(what)

        if self._memory is None and not passing:
            self._memory = Memory(self._directory)
        memory = None if passing else self._memory
        return Loader(self._trees, self._writer, memory, fail=fail, tell=tell, skip=skip, checksum=checksum)

    def gather(
        self, source: bytes, files: Iterable[HostFile], tell: Tell | None
    ) -> Iterator[tuple[Entry, HostFile]]:
        """The entries, still without their names, of files of the directory `source`."""
        return gather(self._writer, source, ((file.name, file) for file in files), tell)

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
