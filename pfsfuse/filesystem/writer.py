"""File objects to write to: what is written becomes a file when it is closed."""

from __future__ import annotations

import io
from collections.abc import Callable
from types import TracebackType
from typing import Any, BinaryIO, cast

import store
from pfsfuse.filesystem.address import PROTOCOL


class PfsWriter(store.FileWriter):
    """A file that is put when it is closed: as one commit, or as a part of the transaction it was opened in."""

    def __init__(
        self,
        path: str,
        put: Callable[[PfsWriter, BinaryIO], None],
        old: BinaryIO | None = None,
        *,
        after: int | None = None,
    ) -> None:
        """`put` is called once, with this and its bytes; the others are those of a FileWriter."""
        super().__init__(lambda data: put(self, data), old, after=after)
        self.path = path

    @property
    def full_name(self) -> str:
        """Its URL."""
        return f"{PROTOCOL}://{self.path}"

    @property
    def loc(self) -> int:
        """Where the next byte goes, by the name that fsspec's own files have for it."""
        return self.tell()


class TextWriter(io.TextIOWrapper):
    """Text on top of such a file, which is as little put when the block is ended by an exception."""

    def __init__(self, file: PfsWriter | CompressedWriter, **layer: Any) -> None:
        self._file = file
        super().__init__(cast(BinaryIO, file), **layer)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._file.forget()
        self.close()

    def __del__(self) -> None:
        if not self._file.closed:
            self._file.forget()
            self.close()


class CompressedWriter(io.BufferedIOBase):
    """A compressor on top of such a file. It is closed with it, which compressors do not do by themselves."""

    def __init__(self, compressor: BinaryIO, file: PfsWriter) -> None:
        super().__init__()
        self._compressor, self._file = compressor, file

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._compressor.seekable()

    def tell(self) -> int:
        return self._compressor.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._compressor.seek(offset, whence)

    def write(self, data: store.Buffer, /) -> int:
        return self._compressor.write(data)

    def flush(self) -> None:
        if not self._compressor.closed:
            self._compressor.flush()

    def forget(self) -> None:
        """Have closing it put nothing."""
        self._file.forget()

    def close(self) -> None:
        if self.closed:
            return
        try:
            self._compressor.close()
        except BaseException:
            self.forget()
            raise
        finally:
            super().close()
            self._file.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.forget()
        self.close()

    def __del__(self) -> None:
        if not self.closed:
            self.forget()
            self.close()
