"""Serving one mount, from mount(2) to the last unmount."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import trio

from pfsfuse.errors import MountError
from pfsfuse.fuse import memory
from pfsfuse.fuse.invalidate import Refresher
from pfsfuse.fuse.kernel import Session, open_device
from pfsfuse.fuse.mountinfo import mount_at
from pfsfuse.fuse.mountpoint import alone, prepare_mountpoint, take_away
from pfsfuse.fuse.operations import Operations
from pfsfuse.vfs.vfs import Vfs

log = logging.getLogger(__name__)

READAHEAD_KIB = 4096
"""Cold sequential reads: 0.5 GiB/s with the kernel's 128 KiB, 1.2 and more with 1 to 4 MiB. A request carries 1 MiB, so
this keeps all threads at work for one reader."""

_PLAIN = {chr(code) for code in range(0x21, 0x7F)} - set(",\\%")


async def serve(
    vfs: Vfs,
    mountpoint: str | os.PathLike[str],
    *,
    store_path: str | os.PathLike[str] | None = None,
    allow_other: bool = False,
    read_only: bool = True,
    attributes: bool = False,
    task_status: trio.TaskStatus[Refresher] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Mount `vfs` and answer until cancelled or unmounted by somebody; no mount is left behind.

    Reports its `Refresher` as started once the kernel has had an answer from us. `store_path` is what `df` and
    `mount` name as the source (the store's path unless given). `read_only` is the mount's flag, with which the
    kernel also reads without opening; without it we refuse every change ourselves. `attributes`: extended ones are
    answered, at a request for each file that `ls -l` lists.
    Raises MountError when the mount cannot be made, or was aborted under us.
    """
    memory.prepare()
    options = {"default_permissions", "nosuid", "nodev"}
    options |= {"allow_other"} if allow_other else set()
    options |= {"ro"} if read_only else set()
    operations = Operations(vfs, opens=not read_only, attributes=attributes)
    source = _option(os.fspath(store_path or vfs.store.path))
    where, device = await trio.to_thread.run_sync(_mount, mountpoint, source, options)
    session = Session(device, operations)
    operations.session = session
    ours = mount_at(where)
    refresher = Refresher(vfs, session)
    answering = trio.CancelScope(shield=True)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_answer, session, answering, nursery.cancel_scope)
            try:
                await trio.to_thread.run_sync(_settle, where)
                task_status.started(refresher)
                await refresher.watch()
            finally:
                await refresher.close()
                answering.cancel()
    except BaseExceptionGroup as group:
        broken, others = group.split(OSError)
        if broken is None or others is not None:
            raise
        raise MountError(f"the mount at {where} was cut off: {_first(broken)}") from group
    finally:
        session.close()
        if ours is not None and (left := mount_at(where)) is not None and left.device == ours.device:
            take_away(where)


def _mount(mountpoint: str | os.PathLike[str], source: str, options: set[str]) -> tuple[Path, int]:
    """Where it was mounted, and the descriptor that requests come from."""
    where = prepare_mountpoint(mountpoint)
    with alone(where):
        prepare_mountpoint(where)  # once more: somebody may have been faster
        return where, open_device(where, "pfs", source, options)


async def _answer(session: Session, answering: trio.CancelScope, ended: trio.CancelScope) -> None:
    """Answer requests until unmounted, or until nobody here needs an answer in order to end."""
    with answering:
        await session.serve()
    ended.cancel()


def _first(group: BaseExceptionGroup[OSError]) -> BaseException:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner


def _settle(where: Path) -> None:
    """Have our own answer come through the kernel, then set the readahead, which only root may.

    In this order, for the kernel's greeting resets the readahead; before anybody opens a file, which keeps what
    was set at that moment.
    """
    os.statvfs(where)
    device = os.stat(where).st_dev
    knob = Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
    try:
        knob.write_text(f"{READAHEAD_KIB}\n", encoding="ascii")
    except OSError as error:
        log.info("readahead stays at the kernel's default: %s", error.strerror)


def _option(text: str) -> str:
    """`text` inside a mount option: no commas, spaces or other letters than ASCII's."""
    return "".join(
        char if char in _PLAIN else "".join(f"%{byte:02X}" for byte in os.fsencode(char)) for char in text
    )
