"""tar archives, written and read as streams: neither an archive nor a file of it is ever whole in memory or on disk."""

from store.transfer.archive.reading import LeftOut, put_tar
from store.transfer.archive.writing import write_tar

__all__ = ["LeftOut", "put_tar", "write_tar"]
