"""A mount is a file descriptor of /dev/fuse: by mount(2), or by fusermount3 for people without root."""

from __future__ import annotations

import array
import ctypes
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import Collection
from pathlib import Path

from pfsfuse.errors import MountError

DEVICE = "/dev/fuse"
CAP_SYS_ADMIN = 21
_FLAGS = {"ro": 1, "nosuid": 2, "nodev": 4, "noexec": 8}

_libc = ctypes.CDLL(None, use_errno=True)


def open_device(where: Path, kind: str, source: str, options: Collection[str]) -> int:
    """Mount at `where` and return the descriptor that requests come from; it does not block, and closes on exec.

    `kind` is what follows `fuse.` in the type; `source` is what `df` shows, of letters that need no escape.
    Raises MountError, and then nothing is mounted.
    """
    device = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if may_mount() and _mounted(device, where, kind, source, options):
            return device
    except BaseException:
        os.close(device)
        raise
    os.close(device)
    return _by_helper(where, kind, source, options)


def may_mount() -> bool:
    """Whether mount(2) is ours to call: root, or root of a user namespace."""
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        effective = next((line.split()[1] for line in file if line.startswith("CapEff:")), "0")
    return bool(int(effective, 16) >> CAP_SYS_ADMIN & 1)


def _mounted(device: int, where: Path, kind: str, source: str, options: Collection[str]) -> bool:
    """Mount by ourselves; False when that is not allowed, though it looked so (a container's rules)."""
    mode = stat.S_IFMT(os.stat(where).st_mode)
    data = [f"fd={device}", f"rootmode={mode:o}", f"user_id={os.getuid()}", f"group_id={os.getgid()}"]
    data += sorted(set(options) - set(_FLAGS))
    flags = sum(_FLAGS[option] for option in set(options) & set(_FLAGS))
    type_ = f"fuse.{kind}"
    if _libc.mount(source.encode(), os.fsencode(where), type_.encode(), flags, ",".join(data).encode()) == 0:
        return True
    failed = ctypes.get_errno()
    if failed == 1 and shutil.which("fusermount3") is not None:
        return False
    raise MountError(f"cannot mount on {where}: {os.strerror(failed).lower()}")


def _by_helper(where: Path, kind: str, source: str, options: Collection[str]) -> int:
    """fusermount3 is setuid root; it sends the descriptor through a socket."""
    ours, theirs = socket.socketpair()
    given = ",".join([*sorted(options), f"fsname={source}", f"subtype={kind}"])
    with ours:
        with theirs:
            done = subprocess.run(
                ["fusermount3", "-o", given, "--", str(where)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                check=False,
                env={**os.environ, "_FUSE_COMMFD": str(theirs.fileno())},
                pass_fds=[theirs.fileno()],
            )
        device = _received(ours) if done.returncode == 0 else None
    if device is None:
        said = "; ".join(line.strip() for line in done.stderr.splitlines() if line.strip())
        raise MountError(f"cannot mount on {where}: {said or 'fusermount3 failed'}")
    os.set_inheritable(device, False)
    os.set_blocking(device, False)
    return device


def _received(stream: socket.socket) -> int | None:
    found = array.array("i")
    _, ancillary, _, _ = stream.recvmsg(1, socket.CMSG_LEN(found.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            found.frombytes(data[: found.itemsize])
    return found[0] if found else None
