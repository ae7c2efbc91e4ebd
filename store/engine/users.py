"""Which other processes have a store open.

LMDB holds a lock on `lock.mdb` for as long as a process has the environment open, and the kernel lists all locks.
Asking for the lock itself would take a descriptor of the file, and closing that would drop LMDB's own locks.
"""

from __future__ import annotations

import os
from pathlib import Path

LOCKS = Path("/proc/locks")


def other_users(store: Path) -> list[int]:
    """The numbers of the processes, beside this one, that have the store in the directory `store` open, in order."""
    try:
        inode = str((store / "lock.mdb").stat().st_ino)
        lines = LOCKS.read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    found = set()
    for line in lines:  # 7: POSIX  ADVISORY  READ  4711 fe:00:1234 0 0
        words = line.replace("->", "").split()
        if len(words) > 5 and words[1] == "POSIX" and words[5].rpartition(":")[2] == inode:
            found.add(int(words[4]))
    return sorted(found - {os.getpid()})
