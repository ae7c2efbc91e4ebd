"""`pfs://trips@master.31/7-31-16`: repos as a file system of fsspec, for programs that read and write without a mount.

    pandas.read_csv("pfs://trips@master.31/7-31-16")
    fs = fsspec.filesystem("pfs", store="/srv/pfs")
    with fs.transaction:
        fs.pipe("trips/8-01-16", b"...")          one commit for all of it

    address.py      what a URL says: a repo, a ref, a path
    errors.py       the store's errors as those that programs catch: FileNotFoundError, PermissionError, ...
    place.py        what an address leads to now, and what is there
    info.py         an entry as fsspec describes it
    reader.py       file objects to read from; writer.py: to write to
    changes.py      edits of branches that become commits together
    bulk.py         copying, moving and removing trees without touching what is in them
    transaction.py  `with fs.transaction`
    base.py         the open store, and collecting changes
    looking.py      fsspec's methods that change nothing; filesystem.py: those that do

README.md says what works how.
"""

from pfsfuse.filesystem.filesystem import PfsFileSystem

__all__ = ["PfsFileSystem"]
