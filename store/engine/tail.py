"""What a transaction that failed has left behind the last page, given back to the file system.

A disk that fills up meets LMDB in the midst of writing: the file is longer then by all that had found room, up to the
last free block. The next transactions write there again, but nobody else on that disk can write anything, and a sweep
has no room to begin. No state of the database reaches beyond its last page, so what lies there is nobody's while LMDB's
write lock is held. What a process leaves that was killed in the midst of writing goes with the next compaction.
"""

from __future__ import annotations

import os
from pathlib import Path

from store.engine.pagefile import PageFile


def cut(data: Path, before: int) -> None:
    """Shorten the file to its pages, but not to less than the `before` bytes that it had. Under LMDB's write lock.

    Raises OSError, Corrupt; then nothing has changed. A meta page that is damaged may say that the file ends early: 0
    is for who has gone through the pages.
    """
    with PageFile(data) as file:
        both = file.last_two()
        if both is None:
            return
        end = (max(meta.last_page for meta in both) + 1) * file.page_size
        if os.fstat(file.fileno()).st_size > max(end, before):
            os.truncate(data, max(end, before))
