"""A file that is being written, for programs that want a file object.

The bytes wait in memory, from 16 MiB on in a temporary file of the host (`TMPDIR`), until the file is closed: a program
may go back and change what it wrote, as writers of Zip and HDF5 do, and what is put is always a whole file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from types import TracebackType
from typing import BinaryIO, Protocol, Self, cast

IN_MEMORY = 16 << 20
"""Bytes that are kept in memory; more go to a temporary file."""


class Buffer(Protocol):
    """Whatever has bytes: the name that Python has from 3.12 on."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


class FileWriter(io.BufferedIOBase):
    """A file object to write to: seekable, and readable too. Closing it puts the file.

    Ending its `with` block by an exception discards it, as does letting go of it unclosed: a file is put whole or not
    at all. When closing it raises, nothing was put, and it is closed.
    """

    def __init__(
        self, deliver: Callable[[BinaryIO], None], old: BinaryIO | None = None, *, after: int | None = None
    ) -> None:
        """`deliver` is called once, with the file's bytes. `old` is what the file holds already, and is changed.

        With `after`, what is written comes after so many bytes that the file has. Those are not here, so there is no
        going back.
        """
        import tempfile
        from shutil import copyfileobj

        super().__init__()
        self._after = after
        self._deliver: Callable[[BinaryIO], None] | None = deliver
        self._bytes = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 -- closed by `close`
        if old is not None:
            copyfileobj(old, self._bytes, 1 << 20)
            self._bytes.seek(0)

    def readable(self) -> bool:
        return self._after is None

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._after is None

    def write(self, data: Buffer, /) -> int:
        self._check_open()
        return self._bytes.write(data)

    def read(self, size: int | None = -1, /) -> bytes:
        self._check_can_go_back()
        return self._bytes.read(-1 if size is None else size)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._check_can_go_back()
        return self._bytes.seek(offset, whence)

    def tell(self) -> int:
        self._check_open()
        return (self._after or 0) + self._bytes.tell()

    def truncate(self, size: int | None = None, /) -> int:
        self._check_can_go_back()
        at = self.tell() if size is None else size
        self._bytes.truncate(at)
        return at

    def close(self) -> None:
        """Put the file. Again has no effect."""
        deliver, self._deliver = self._deliver, None
        try:
            if deliver is not None and not self.closed:
                self._bytes.seek(0)
                deliver(cast(BinaryIO, self._bytes))
        finally:
            self._bytes.close()
            super().close()

    def forget(self) -> None:
        """Have closing it put nothing."""
        self._deliver = None

    def discard(self) -> None:
        """Close it without putting anything."""
        self.forget()
        self.close()

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def __del__(self) -> None:
        if getattr(self, "_bytes", None) is not None:
            self.discard()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")

    def _check_can_go_back(self) -> None:
        self._check_open()
        if self._after is not None:
            raise io.UnsupportedOperation("a file that is appended to is only written, from its end on")
