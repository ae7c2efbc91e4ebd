"""Data into a store and out of it: directories of the host, and archives."""

from store.transfer.archive import LeftOut, put_tar, write_tar
from store.transfer.directory import export

__all__ = ["LeftOut", "export", "put_tar", "write_tar"]
