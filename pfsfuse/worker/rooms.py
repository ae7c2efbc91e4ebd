"""The directories of one launch on the host's disk: made before it, gone after it.

    <store>/scratch/worker-<pid>/view      where the worker mounts its view (seen by the worker only)
    <store>/scratch/worker-<pid>/<n>/out   /pfs/out, unless the launch brings its own
    <store>/scratch/worker-<pid>/<n>/home  HOME, unless the launch brings its own
    <store>/scratch/worker-<pid>/<n>/tmp   /tmp

On the disk and not in memory: a datum may write more than fits there. A worker that dies leaves its
directory; `remove_stale` clears away those whose process is gone. `debris.py` is how anything is removed.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pfsfuse.processes import is_alive
from pfsfuse.worker import cgroup
from pfsfuse.worker.api import Launch
from pfsfuse.worker.debris import Debris, Disk, put_aside, sweep
from pfsfuse.worker.removal import remove_empty, remove_tree
from pfsfuse.worker.sandbox import Room

PREFIX = "worker-"


def worker_directory(store: Path, pid: int) -> Path:
    """The scratch directory of the worker with this pid."""
    return store / "scratch" / f"{PREFIX}{pid}"


def remove_stale(store: Path) -> threading.Thread:
    """Put what workers that are no longer alive have left out of the way, and remove it in the thread that is returned.

    Nobody has to wait for that: a mount must answer before. The thread ends with the process, and whoever clears away
    next goes on.
    """
    scratch = store / "scratch"
    for path in sorted(scratch.glob(f"{PREFIX}*")):
        pid = path.name.removeprefix(PREFIX)
        if pid.isdecimal() and not is_alive(int(pid)):
            put_aside(path, scratch)  # or, when the disk is full, another time
            cgroup.remove_stale(int(pid))
    return sweep(scratch)


class Rooms:
    """Makes rooms below one worker's directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mountpoint = directory / "view"
        self._made = 0
        self.debris = Debris(directory.parent)
        if put_aside(directory, directory.parent) is not None:  # left by a worker that had this pid before us
            sweep(directory.parent)
        remove_tree(directory)  # when it could not be put aside
        self.mountpoint.mkdir(mode=0o700, parents=True)
        directory.chmod(0o700)

    @asynccontextmanager
    async def open_room(self, launch: Launch, view: str) -> AsyncIterator[Room]:
        """A room for `launch`, whose view is the directory `view` of the mount; what it made is out of the way at the
        end."""
        await self.debris.make_space()
        before = Disk.look(self.directory)
        self._made += 1
        own = self.directory / str(self._made)
        room = Room(
            view=self.mountpoint / view,
            out=Path(launch.out) if launch.out else own / "out",
            home=Path(launch.home) if launch.home else own / "home",
            tmp=own / "tmp",
        )
        for path in (own, room.out, room.home, room.tmp):
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            yield room
        finally:
            if not remove_empty(own):
                await self.debris.remove(own, before)
