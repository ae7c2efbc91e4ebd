"""Telling the kernel what has changed.

A notification may wait inside the kernel for a request that we have yet to answer: dropping a name takes the
directory's lock, which a lookup in flight holds. So it is never sent from the loop, nor by anyone holding what a
handler needs: one thread sends, the loop goes on answering. The same reason orders the end of a mount: `close`
waits for the thread while requests are still answered, and only then does the mount end.
"""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from functools import partial

import trio

from pfsfuse.fuse.kernel import Session
from pfsfuse.vfs.refresh import Invalidations
from pfsfuse.vfs.vfs import Vfs
from store import StoreError

log = logging.getLogger(__name__)

INTERVAL = 0.25
"""Seconds between two looks at whether another process has written to the store."""

_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}
"""The kernel had forgotten it already."""
_UNMOUNTED = {errno.ENOTCONN, errno.EBADF, errno.ENODEV, errno.EPERM}


class Refresher:
    """A mount's promise to show what the store holds: at once when asked, within INTERVAL otherwise."""

    def __init__(self, vfs: Vfs, session: Session) -> None:
        self._vfs = vfs
        self._session = session
        self._lock = trio.Lock()
        self._stop = threading.Event()
        self._seen = -1

    async def refresh(self) -> None:
        """Return when the kernel agrees with all that was committed before the call.

        Does nothing once the mount has ended.
        """
        async with self._lock:
            if self._stop.is_set():
                return
            await trio.to_thread.run_sync(self._vfs.view.prepare)
            self._seen = self._vfs.store.last_txnid()
            plan = self._vfs.refresh()
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(lambda: self._tell(plan.compare(self._vfs.store)))

    async def watch(self) -> None:
        """Refresh whenever anybody has written to the store; for ever.

        What cannot be shown is logged: a mount that still answers for everything else must not end.
        """
        while True:
            try:
                if self._vfs.has_news or self._vfs.store.last_txnid() != self._seen:
                    await self.refresh()
            except (StoreError, OSError) as error:
                log.error("new heads cannot be shown: %s", error)
            await trio.sleep(INTERVAL)

    async def close(self) -> None:
        """No notification is sent from here on. The mount must still be answering."""
        self._stop.set()
        with trio.CancelScope(shield=True):
            async with self._lock:
                pass

    def _tell(self, changed: Invalidations) -> None:
        session = self._session
        for entry in changed.entries:
            if self._stop.is_set() or not _sent(partial(session.drop_name, entry.parent, entry.name)):
                return
        for attributes in changed.attributes:
            if self._stop.is_set() or not _sent(partial(session.drop_attributes, attributes.ino)):
                return


def _sent(notify: Callable[[], None]) -> bool:
    """Send one notification; False when there is no mount any more."""
    try:
        notify()
    except OSError as error:
        if error.errno in _UNMOUNTED:
            return False
        if error.errno not in _GONE:
            raise
    return True
