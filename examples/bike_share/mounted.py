"""The mount, for as long as the investigation lasts.

A mount of this store that is there already is used, and left alone. Otherwise one is made, and
taken away at the end. In between, a locked file beside the daemon's socket holds the process id of
the daemon. The kernel unlocks the file when this process ends, however it ends, so the next run knows:

    locked              another run is going on, and this one had better not start
    there, not locked   a run was killed; if the daemon named in it still runs, it is ours to end
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from shell import Endings, Shell, StepFailed

from pfsfuse.config import Config
from pfsfuse.control.client import daemons
from pfsfuse.control.messages import Status


@contextmanager
def mounted(shell: Shell, endings: Endings, config: Config, wanted: Path | None) -> Iterator[Path]:
    """Where the store is mounted, from here to the end of the context.

    `wanted` None means the usual place, or ~/pfs where that cannot be made or is somebody else's.
    """
    marker = Marker(config.store / "run" / "bike-share")
    left_behind = marker.take()
    daemon = _find_daemon(config.store, wanted)
    ours = daemon is None or daemon.pid == left_behind
    mountpoint = (
        Path(daemon.mountpoint) if daemon and daemon.mountpoint else wanted or _choose(config.mountpoint)
    )
    try:
        if daemon is None:
            with suppress(FileExistsError):  # `exist_ok` would look at it, which a dead mount does not permit
                mountpoint.mkdir(parents=True)
            with endings.held():
                shell.pfs("mount", str(mountpoint))
                daemon = _find_daemon(config.store, mountpoint)
        elif ours:
            shell.aside(f"an earlier run was killed; going on with its mount at {mountpoint}")
        else:
            shell.aside(f"using the mount at {mountpoint}")
        if ours and daemon:
            marker.put(daemon.pid)
        yield mountpoint
    finally:
        if ours and _find_daemon(config.store, mountpoint):
            shell.pfs("umount", str(mountpoint))
        marker.remove()


class Marker:
    """The locked file; `take` when the run begins, `put` when the daemon is there, `remove` at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> int | None:
        """Lock what is there and return the process id in it; None when nothing is there."""
        try:
            self._lock(os.O_RDWR)
        except FileNotFoundError:
            return None
        assert self._fd is not None
        text = os.read(self._fd, 32)
        return int(text) if text.isdigit() else None

    def put(self, pid: int) -> None:
        if self._fd is None:
            self._lock(os.O_RDWR | os.O_CREAT)
        assert self._fd is not None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, str(pid).encode(), 0)

    def remove(self) -> None:
        if self._fd is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None

    def _lock(self, flags: int) -> None:
        fd = os.open(self._path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise StepFailed("another run uses this store; end it, or choose another with --store") from None
        self._fd = fd


def _find_daemon(store: Path, mountpoint: Path | None) -> Status | None:
    """The daemon that has this store mounted: at `mountpoint`, or (None) anywhere."""
    mounts = (each for each in daemons(store) if each.mountpoint)
    return next((each for each in mounts if mountpoint is None or each.mountpoint == str(mountpoint)), None)


def _choose(usual: Path) -> Path:
    """`usual` where we may mount on it (an unprivileged mount needs a directory of one's own), else ~/pfs."""
    try:
        present = usual.exists()
    except OSError:
        return usual  # a mount whose daemon is gone; `pfs mount` recognises it and cleans up
    return usual if os.access(usual if present else usual.parent, os.W_OK) else Path.home() / "pfs"
